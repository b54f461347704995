// Package maintenance serves the machine API while the machine has no
// configuration: over TLS with a certificate that nobody vouches for, to callers
// who can't be known, and therefore only what authz.Maintenance lists.
package maintenance

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/authz"
	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
)

// certificateLifetime is longer than anyone keeps a machine in maintenance.
const certificateLifetime = 365 * 24 * time.Hour

// goodbye is how long calls may take to end when maintenance ends: the answer
// to the call that applied a configuration must go out, a watch must not hold
// the machine up.
const goodbye = 2 * time.Second

// Controller runs the service for as long as a MaintenanceServiceConfig exists.
type Controller struct {
	Node *api.Node
	// Stopped is called, from the controller, when the service has stopped and its
	// port is free; Started when it listens.
	Started func(net.Addr)
	Stopped func()
}

// Name implements controller.Controller.
func (*Controller) Name() string { return "runtime.MaintenanceServiceController" }

// Inputs implements controller.Controller.
func (*Controller) Inputs() []controller.Input {
	return []controller.Input{
		base.WeakID(runtime.Namespace, runtime.MaintenanceServiceConfigType, runtime.MaintenanceServiceConfigID),
	}
}

// Outputs implements controller.Controller.
func (*Controller) Outputs() []controller.Output { return nil }

// Run implements controller.Controller.
func (c *Controller) Run(ctx context.Context, r controller.Runtime, logger *zap.Logger) error {
	var server *grpc.Server

	stop := func() {
		if server == nil {
			return
		}

		timer := time.AfterFunc(goodbye, server.Stop)

		server.GracefulStop()
		timer.Stop()

		server = nil

		logger.Info("maintenance service stopped")

		if c.Stopped != nil {
			c.Stopped()
		}
	}

	defer stop()

	return base.Each(ctx, r, func() error {
		cfg, err := safe.ReaderGetByID[*runtime.MaintenanceServiceConfig](ctx, r, runtime.MaintenanceServiceConfigID)
		if state.IsNotFoundError(err) {
			stop()

			return nil
		} else if err != nil {
			return fmt.Errorf("get maintenance configuration: %w", err)
		}

		if server != nil {
			return nil
		}

		server, err = c.serve(cfg.TypedSpec(), logger)

		return err
	})
}

func (c *Controller) serve(cfg *runtime.MaintenanceServiceConfigSpec, logger *zap.Logger) (*grpc.Server, error) {
	pair, err := pki.SelfSigned(pki.Request{
		CommonName: "maintenance-service", DNSNames: []string{"localhost"}, Server: true, Lifetime: certificateLifetime,
		IPs: append([]netip.Addr{netip.MustParseAddr("127.0.0.1")}, cfg.ReachableAddresses...),
	})
	if err != nil {
		return nil, fmt.Errorf("make maintenance certificate: %w", err)
	}

	cert, err := pair.TLS()
	if err != nil {
		return nil, fmt.Errorf("use maintenance certificate: %w", err)
	}

	l, err := net.Listen("tcp", cfg.ListenAddress)
	if err != nil {
		return nil, fmt.Errorf("listen for maintenance: %w", err)
	}

	server := api.New(c.Node, authz.Maintenance, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
	})))

	go func() {
		if err := server.Serve(l); err != nil {
			logger.Error("maintenance service", zap.Error(err))
		}
	}()

	// The fingerprint lets a person compare what the console says with what the
	// client sees (--cert-fingerprint).
	sum := sha256.Sum256(cert.Leaf.Raw)

	logger.Info("this machine has no configuration: it is in maintenance mode and waits for one",
		zap.Stringers("addresses", cfg.ReachableAddresses), zap.Stringer("listen", l.Addr()),
		zap.String("fingerprint", base64.StdEncoding.EncodeToString(sum[:])))

	if c.Started != nil {
		c.Started(l.Addr())
	}

	return server, nil
}
