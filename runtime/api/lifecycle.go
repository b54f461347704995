package api

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/supervisor"
)

// Version implements machine.MachineServiceServer.
func (m *Machine) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{
		Version: &machine.VersionInfo{
			Tag: version.Tag, Sha: version.SHA, Built: version.Built,
			GoVersion: runtime.Version(), Os: runtime.GOOS, Arch: runtime.GOARCH,
		},
		Platform: &machine.PlatformInfo{Name: m.node.Platform, Mode: m.node.Mode},
		Features: &machine.FeaturesInfo{Rbac: true},
	}}}, nil
}

// Hostname implements machine.MachineServiceServer.
func (m *Machine) Hostname(context.Context, *emptypb.Empty) (*machine.HostnameResponse, error) {
	name, err := os.Hostname()
	if err != nil {
		return nil, status.Errorf(codes.Internal, "get host name: %v", err)
	}

	return &machine.HostnameResponse{Messages: []*machine.Hostname{{Hostname: name}}}, nil
}

// Reboot implements machine.MachineServiceServer.
func (m *Machine) Reboot(ctx context.Context, req *machine.RebootRequest) (*machine.RebootResponse, error) {
	if req.GetMode() == machine.RebootRequest_POWERCYCLE {
		// Without kexec every reboot goes through the firmware already.
		m.node.Logger.Info("power cycle asked for")
	}

	actor := m.power(ctx, Reboot, req.GetMode() == machine.RebootRequest_FORCE)

	return &machine.RebootResponse{Messages: []*machine.Reboot{{ActorId: actor}}}, nil
}

// Shutdown implements machine.MachineServiceServer.
func (m *Machine) Shutdown(ctx context.Context, req *machine.ShutdownRequest) (*machine.ShutdownResponse, error) {
	actor := m.power(ctx, Shutdown, req.GetForce())

	return &machine.ShutdownResponse{Messages: []*machine.Shutdown{{ActorId: actor}}}, nil
}

func (m *Machine) power(ctx context.Context, action Action, force bool) string {
	actor := events.NewActorID()
	m.node.Power(events.WithActor(context.WithoutCancel(ctx), actor), action, force)

	return actor
}

// ServiceList implements machine.MachineServiceServer.
func (m *Machine) ServiceList(context.Context, *emptypb.Empty) (*machine.ServiceListResponse, error) {
	list := &machine.ServiceList{}
	for _, s := range m.node.Supervisor.List() {
		list.Services = append(list.Services, s.Proto())
	}

	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{list}}, nil
}

// ServiceStart implements machine.MachineServiceServer.
func (m *Machine) ServiceStart(_ context.Context, req *machine.ServiceStartRequest) (*machine.ServiceStartResponse, error) {
	if err := serviceError(m.node.Supervisor.Start(req.GetId())); err != nil {
		return nil, err
	}

	return &machine.ServiceStartResponse{Messages: []*machine.ServiceStart{{Resp: fmt.Sprintf("Service %q started", req.GetId())}}}, nil
}

// essential are the services that the API itself needs.
var essential = map[string]bool{"machined": true, "apid": true}

// ServiceStop implements machine.MachineServiceServer.
func (m *Machine) ServiceStop(ctx context.Context, req *machine.ServiceStopRequest) (*machine.ServiceStopResponse, error) {
	if essential[req.GetId()] {
		return nil, status.Errorf(codes.FailedPrecondition, "service %q can't be stopped: the API needs it", req.GetId())
	}

	if err := serviceError(m.node.Supervisor.Stop(ctx, req.GetId())); err != nil {
		return nil, err
	}

	return &machine.ServiceStopResponse{Messages: []*machine.ServiceStop{{Resp: fmt.Sprintf("Service %q stopped", req.GetId())}}}, nil
}

// ServiceRestart implements machine.MachineServiceServer.
func (m *Machine) ServiceRestart(ctx context.Context, req *machine.ServiceRestartRequest) (*machine.ServiceRestartResponse, error) {
	if req.GetId() == "machined" {
		return nil, status.Error(codes.FailedPrecondition, `service "machined" can't be restarted: reboot the machine`)
	}

	// Restarting apid cuts this very call; it must not cut the restart too.
	if err := serviceError(m.node.Supervisor.Restart(context.WithoutCancel(ctx), req.GetId())); err != nil {
		return nil, err
	}

	return &machine.ServiceRestartResponse{Messages: []*machine.ServiceRestart{{Resp: fmt.Sprintf("Service %q restarted", req.GetId())}}}, nil
}

func serviceError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, supervisor.ErrUnknown):
		return status.Error(codes.NotFound, err.Error())
	case errors.Is(err, supervisor.ErrClosed):
		return status.Error(codes.FailedPrecondition, err.Error())
	default:
		return status.Error(codes.Internal, err.Error())
	}
}
