package clienttest

import (
	"context"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// service answers what a machine would, with fixed contents.
type service struct {
	machine.UnimplementedMachineServiceServer

	machine *Machine
}

func (s *service) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{
		Version:  &machine.VersionInfo{Tag: "v1.2.3", Sha: "abc", GoVersion: "go1.26", Os: "linux", Arch: "amd64"},
		Features: &machine.FeaturesInfo{Rbac: true},
	}}}, nil
}

func (s *service) ApplyConfiguration(_ context.Context, in *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	config, warnings, err := machineconfig.Decode("configuration", in.GetData())
	if err == nil {
		err = config.Validate(machineconfig.ModeCloud)
	}

	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "the configuration is not valid:\n%v", err)
	}

	message := &machine.ApplyConfiguration{Mode: in.GetMode(), ModeDetails: "Applied without a reboot"}
	for _, warning := range warnings {
		message.Warnings = append(message.Warnings, warning.String())
	}

	s.machine.mu.Lock()
	defer s.machine.mu.Unlock()

	s.machine.applied = append(s.machine.applied, in.GetData())

	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{message}}, nil
}

// Dmesg cuts its lines at places of its own, as a stream may.
func (s *service) Dmesg(_ *machine.DmesgRequest, stream machine.MachineService_DmesgServer) error {
	for _, part := range []string{"kern:  info: [0.0]: boot", "ing\nkern: notice: ", "[0.1]: booted\n"} {
		if err := stream.Send(&common.Data{Bytes: []byte(part)}); err != nil {
			return err
		}
	}

	return nil
}

func (s *service) Logs(in *machine.LogsRequest, stream machine.MachineService_LogsServer) error {
	if in.GetId() != "apid" {
		return status.Errorf(codes.NotFound, "there is no log of %q", in.GetId())
	}

	return stream.Send(&common.Data{Bytes: []byte("line 1\nline 2 without an end")})
}

func (s *service) Events(_ *machine.EventsRequest, stream machine.MachineService_EventsServer) error {
	for i, payload := range []proto.Message{
		&machine.SequenceEvent{Sequence: "boot", Action: machine.SequenceEvent_START},
		&machine.ServiceStateEvent{Service: "apid", Action: machine.ServiceStateEvent_RUNNING, Message: "Started"},
		&machine.AddressEvent{Hostname: "node-1", Addresses: []string{"10.0.0.2"}},
	} {
		data, err := proto.Marshal(payload)
		if err != nil {
			return err
		}

		if err := stream.Send(&machine.Event{
			Id:   string(rune('a' + i)),
			Data: &anypb.Any{TypeUrl: "talos/runtime/" + string(payload.ProtoReflect().Descriptor().FullName()), Value: data},
		}); err != nil {
			return err
		}
	}

	return nil
}

func (s *service) ServiceList(context.Context, *emptypb.Empty) (*machine.ServiceListResponse, error) {
	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{{Services: []*machine.ServiceInfo{
		{
			Id: "apid", State: "Running", Health: &machine.ServiceHealth{Healthy: true},
			Events: &machine.ServiceEvents{Events: []*machine.ServiceEvent{
				{Msg: "Started", State: "Running", Ts: timestamppb.New(time.Now().Add(-time.Hour))},
			}},
		},
		{Id: "udevd", State: "Preparing", Health: &machine.ServiceHealth{Unknown: true}},
	}}}}, nil
}

func (s *service) Reboot(_ context.Context, in *machine.RebootRequest) (*machine.RebootResponse, error) {
	s.machine.did("reboot " + in.GetMode().String())

	return &machine.RebootResponse{Messages: []*machine.Reboot{{}}}, nil
}

func (s *service) Shutdown(context.Context, *machine.ShutdownRequest) (*machine.ShutdownResponse, error) {
	s.machine.did("shutdown")

	return &machine.ShutdownResponse{Messages: []*machine.Shutdown{{}}}, nil
}
