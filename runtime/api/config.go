package api

import (
	"context"
	"fmt"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
)

// ApplyConfiguration implements machine.MachineServiceServer. A configuration
// that is not valid changes nothing; the error has every finding.
func (m *Machine) ApplyConfiguration(ctx context.Context, req *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	mode := req.GetMode()

	switch mode { //nolint:exhaustive
	case machine.ApplyConfigurationRequest_AUTO:
		mode = machine.ApplyConfigurationRequest_NO_REBOOT
	case machine.ApplyConfigurationRequest_NO_REBOOT, machine.ApplyConfigurationRequest_REBOOT:
	default:
		return nil, status.Errorf(codes.Unimplemented, "mode %s is not supported by this version; use auto, no-reboot or reboot", mode)
	}

	warnings, err := m.node.Config.Check(req.GetData())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the configuration is not valid, nothing was changed:\n%v", err)
	}

	resp := &machine.ApplyConfiguration{Mode: mode}
	for _, w := range warnings {
		resp.Warnings = append(resp.Warnings, fmt.Sprint(w))
	}

	if req.GetDryRun() {
		resp.ModeDetails = "Dry run: the configuration is valid and would be applied"
		if mode == machine.ApplyConfigurationRequest_REBOOT {
			resp.ModeDetails += ", with a reboot"
		} else {
			resp.ModeDetails += ", without a reboot"
		}

		return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{resp}}, nil
	}

	if mode == machine.ApplyConfigurationRequest_REBOOT {
		if !m.node.Persistent() {
			return nil, status.Error(codes.FailedPrecondition,
				"the machine has no disk to keep the configuration on over a reboot; use mode no-reboot, or install first")
		}

		if err := m.node.Config.Keep(req.GetData()); err != nil {
			return nil, status.Errorf(codes.Internal, "keep configuration: %v", err)
		}

		resp.ModeDetails = "Applied configuration with a reboot"

		m.node.Power(events.WithActor(context.WithoutCancel(ctx), events.NewActorID()), Reboot, false)
	} else {
		if err := m.node.Config.Apply(ctx, req.GetData()); err != nil {
			return nil, status.Errorf(codes.Internal, "%v", err)
		}

		resp.ModeDetails = "Applied configuration without a reboot"
		if !m.node.Persistent() {
			resp.ModeDetails += " (kept in memory only: the machine has no disk for it yet)"
		}
	}

	m.node.Logger.Info("configuration applied", zap.Stringer("mode", mode))

	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{resp}}, nil
}
