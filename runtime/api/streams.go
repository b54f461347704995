package api

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/kmsg"
	"github.com/akmon-os/akmon/runtime/logbuf"
)

// chunk is how much of a log or file goes into one message.
const chunk = 32 << 10

// Dmesg implements machine.MachineServiceServer.
func (m *Machine) Dmesg(req *machine.DmesgRequest, srv grpc.ServerStreamingServer[common.Data]) error {
	boot := kmsg.BootTime()

	err := kmsg.Read(srv.Context(), m.node.Kmsg, kmsg.Options{Follow: req.GetFollow(), Tail: req.GetTail()}, func(msg kmsg.Message) error {
		return srv.Send(&common.Data{Bytes: []byte(msg.Format(boot) + "\n")})
	})
	if err != nil && srv.Context().Err() == nil {
		return status.Errorf(codes.Internal, "read the kernel's log: %v", err)
	}

	return nil
}

// Logs implements machine.MachineServiceServer.
func (m *Machine) Logs(req *machine.LogsRequest, srv grpc.ServerStreamingServer[common.Data]) error {
	log, ok := m.node.Logs.Find(req.GetId())
	if !ok {
		return status.Errorf(codes.NotFound, "there is no log of a service %q", req.GetId())
	}

	r := log.Reader(srv.Context(), logbuf.ReadOptions{Follow: req.GetFollow(), TailLines: int(req.GetTailLines())})
	defer r.Close() //nolint:errcheck

	return send(r, srv)
}

func send(r io.Reader, srv grpc.ServerStreamingServer[common.Data]) error {
	for {
		buf := make([]byte, chunk) // a message keeps its bytes until it is sent
		n, err := r.Read(buf)

		if n > 0 {
			if serr := srv.Send(&common.Data{Bytes: buf[:n]}); serr != nil {
				return serr
			}
		}

		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return status.Errorf(codes.Internal, "read: %v", err)
		}
	}
}

// LogsContainers implements machine.MachineServiceServer: the logs that there
// are.
func (m *Machine) LogsContainers(context.Context, *emptypb.Empty) (*machine.LogsContainersResponse, error) {
	return &machine.LogsContainersResponse{Messages: []*machine.LogsContainer{{Ids: m.node.Logs.Names()}}}, nil
}

// Events implements machine.MachineServiceServer.
func (m *Machine) Events(req *machine.EventsRequest, srv grpc.ServerStreamingServer[machine.Event]) error {
	opts := events.Options{
		TailEvents: int(req.GetTailEvents()), TailID: req.GetTailId(), ActorID: req.GetWithActorId(),
		TailDuration: time.Duration(req.GetTailSeconds()) * time.Second,
	}

	return m.node.Events.Watch(srv.Context(), opts, func(e events.Event) error { return srv.Send(e.Proto()) })
}

// Read implements machine.MachineServiceServer.
func (m *Machine) Read(req *machine.ReadRequest, srv grpc.ServerStreamingServer[common.Data]) error {
	path := req.GetPath()
	if !filepath.IsAbs(path) {
		return status.Errorf(codes.InvalidArgument, "path %q is not absolute", path)
	}

	f, err := os.Open(filepath.Join(m.node.Root, filepath.Clean(path)))

	switch {
	case errors.Is(err, os.ErrNotExist):
		return status.Errorf(codes.NotFound, "%v", err)
	case err != nil:
		return status.Errorf(codes.Internal, "%v", err)
	}
	defer f.Close() //nolint:errcheck

	info, err := f.Stat()
	if err != nil {
		return status.Errorf(codes.Internal, "%v", err)
	}

	// A device or a pipe may never end.
	if !info.Mode().IsRegular() {
		return status.Errorf(codes.InvalidArgument, "%s is not a regular file", path)
	}

	return send(f, srv)
}
