// Package trustd runs trustd on control planes: a process of its own, without
// privileges and without the authority's key.
package trustd

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/cosi-project/runtime/pkg/state"

	"github.com/akmon-os/akmon/runtime/process"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/services/machined"
)

// ID is the service's name; UID the documented user that it runs as.
const (
	ID  = "trustd"
	UID = 51
)

// grace is how long trustd has to end: a little more than it gives its calls.
const grace = 5 * time.Second

// Service is the service.
type Service struct {
	State  state.State
	Reaper *process.Reaper
	// Program is the path of trustd.
	Program string
	// Address is where it can be reached on this machine, for the health check.
	Address string
}

// ID implements supervisor.Service.
func (*Service) ID() string { return ID }

// DependsOn implements supervisor.Service.
func (*Service) DependsOn() []string { return []string{machined.ID} }

// Prepare implements supervisor.Service: trustd wants its certificate.
func (s *Service) Prepare(ctx context.Context, waiting func(string)) error {
	md := secrets.NewTrustd().Metadata()
	if _, err := s.State.Get(ctx, md); err == nil {
		return nil
	}

	waiting("its certificate")

	if _, err := s.State.WatchFor(ctx, md, state.WithEventTypes(state.Created, state.Updated)); err != nil {
		return fmt.Errorf("wait for its certificate: %w", err)
	}

	return nil
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
		Path: s.Program, Args: []string{ID}, Output: log, Env: []string{"GOMEMLIMIT=32MiB", "GOGC=50"},
		User: true, UID: UID, GID: UID, Drop: process.AllCaps(), NoNewPrivs: true,
	}

	return s.Reaper.RunUntil(ctx, spec, grace, func(p *process.Process) { started(p.PID) })
}
