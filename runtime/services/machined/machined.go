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

// Socket is one way in for another process of the machine.
type Socket struct {
	Path string
	// UID may open it, beside machined itself.
	UID int
	// Server makes what answers, anew each time that the service starts.
	Server func() *grpc.Server
}

// Service is the service; the first socket is the one whose health is checked.
type Service struct{ Sockets []Socket }

// Local are the sockets of a node's API: that of its methods and that of the
// state which apid needs.
func Local(node *api.Node, machine, state string, uid int) []Socket {
	return []Socket{
		{Path: machine, UID: uid, Server: func() *grpc.Server { return api.New(node, authz.Node) }},
		{Path: state, UID: uid, Server: func() *grpc.Server {
			return api.NewStateServer(node.State, secrets.APIType, network.NodeAddressType, network.HostnameStatusType)
		}},
	}
}

// ID implements supervisor.Service.
func (*Service) ID() string { return ID }

// DependsOn implements supervisor.Service.
func (*Service) DependsOn() []string { return nil }

// Prepare implements supervisor.Service.
func (*Service) Prepare(context.Context, func(string)) error { return nil }

// Healthy implements supervisor.Checker.
func (s *Service) Healthy(ctx context.Context) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.Sockets[0].Path)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}

	return conn.Close()
}

// Run implements supervisor.Service.
func (s *Service) Run(ctx context.Context, _ io.Writer, started func(int)) error {
	g, ctx := errgroup.WithContext(ctx)

	for _, socket := range s.Sockets {
		l, err := localsock.Listen(socket.Path, socket.UID)
		if err != nil {
			return fmt.Errorf("open %s: %w", socket.Path, err)
		}

		server := socket.Server()

		stop := context.AfterFunc(ctx, server.Stop)
		defer stop()

		g.Go(func() error {
			if err := server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serve %s: %w", socket.Path, err)
			}

			return nil
		})
	}

	started(0)

	return g.Wait()
}
