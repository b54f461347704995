// Package apid runs apid: a process of its own, without privileges.
package apid

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"

	"github.com/akmon-os/akmon/runtime/process"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/services/machined"
)

// ID is the service's name; UID the documented user that it runs as.
const (
	ID  = "apid"
	UID = 50
)

// grace is how long apid has to end: a little more than it gives its calls.
const grace = 5 * time.Second

// Service is the service.
type Service struct {
	State  state.State
	Reaper *process.Reaper
	// Program is the path of apid; its Args follow.
	Program string
	Args    []string
	// Address is where it can be reached on this machine, for the health check.
	Address string
	// Unprivileged makes it run as UID without capabilities; only root can.
	Unprivileged bool
	// MaintenanceStopped waits until the maintenance service has left the port.
	MaintenanceStopped func(context.Context) error
}

// ID implements supervisor.Service.
func (*Service) ID() string { return ID }

// DependsOn implements supervisor.Service.
func (*Service) DependsOn() []string { return []string{machined.ID} }

// Prepare implements supervisor.Service: apid wants a configuration, its
// certificates, and the port.
func (s *Service) Prepare(ctx context.Context, waiting func(string)) error {
	for _, want := range []struct {
		what string
		md   resource.Pointer
	}{
		{"a machine configuration", resource.NewMetadata(config.Namespace, config.MachineConfigType, config.ActiveID, resource.VersionUndefined)},
		{"its certificates", secrets.NewAPI().Metadata()},
	} {
		if _, err := s.State.Get(ctx, want.md); err == nil {
			continue
		}

		waiting(want.what)

		if _, err := s.State.WatchFor(ctx, want.md, state.WithEventTypes(state.Created, state.Updated)); err != nil {
			return fmt.Errorf("wait for %s: %w", want.what, err)
		}
	}

	if s.MaintenanceStopped == nil {
		return nil
	}

	maintenance := runtime.NewMaintenanceServiceConfig().Metadata()
	if _, err := s.State.Get(ctx, maintenance); err == nil {
		waiting("the maintenance service to end")

		if _, err = s.State.WatchFor(ctx, maintenance, state.WithEventTypes(state.Destroyed)); err != nil {
			return fmt.Errorf("wait for the end of maintenance: %w", err)
		}
	}

	return s.MaintenanceStopped(ctx)
}

// Healthy implements supervisor.Checker.
func (s *Service) Healthy(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}

	return conn.Close()
}

// Run implements supervisor.Service.
func (s *Service) Run(ctx context.Context, log io.Writer, started func(int)) error {
	spec := process.Spec{
		Path: s.Program, Args: append([]string{ID}, s.Args...), Output: log,
		// The collector gives memory back soon: apid has bursts and then idles.
		Env: []string{"GOMEMLIMIT=64MiB", "GOGC=50"},
	}

	if s.Unprivileged {
		spec.User, spec.UID, spec.GID = true, UID, UID
		spec.Drop, spec.NoNewPrivs = process.AllCaps(), true
	}

	return s.Reaper.RunUntil(ctx, spec, grace, func(p *process.Process) { started(p.PID) })
}
