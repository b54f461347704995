// Package machined is machined itself as a service: the local sockets of the
// API, which come first and go last.
package machined

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/authz"
	"github.com/akmon-os/akmon/runtime/localsock"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
)

// ID is the service's name.
const ID = "machined"

// Service is the service.
type Service struct {
	Node *api.Node
	// Machine and State are the paths of the sockets; UIDs may open them.
	Machine, State string
	UIDs           []int
}

// ID implements supervisor.Service.
func (*Service) ID() string { return ID }

// DependsOn implements supervisor.Service.
func (*Service) DependsOn() []string { return nil }

// Prepare implements supervisor.Service.
func (*Service) Prepare(context.Context, func(string)) error { return nil }

// Healthy implements supervisor.Checker.
func (s *Service) Healthy(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.Machine)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}

	return conn.Close()
}

// Run implements supervisor.Service.
func (s *Service) Run(ctx context.Context, _ io.Writer, started func(int)) error {
	g, ctx := errgroup.WithContext(ctx)

	for _, part := range []struct {
		path   string
		server *grpc.Server
	}{
		{s.Machine, api.New(s.Node, authz.Node)},
		{s.State, api.NewStateServer(s.Node.State, secrets.APIType, network.NodeAddressType, network.HostnameStatusType)},
	} {
		l, err := localsock.Listen(part.path, s.UIDs...)
		if err != nil {
			return fmt.Errorf("open %s: %w", part.path, err)
		}

		stop := context.AfterFunc(ctx, part.server.Stop)
		defer stop()

		g.Go(func() error {
			if err := part.server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serve %s: %w", part.path, err)
			}

			return nil
		})
	}

	started(0)

	return g.Wait()
}
