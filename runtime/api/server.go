// Package api is the machine API as machined serves it: to apid over a local
// socket when the machine has a configuration, and to anyone who asks while it
// has none (maintenance mode).
package api

import (
	"context"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/authz"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/supervisor"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// Limits of a connection: 32 MiB is the documented size of a message.
const (
	MaxMessage = 32 << 20
	maxStreams = 128
)

// Action is how a machine ends its life.
type Action int

// Actions.
const (
	Reboot Action = iota
	Shutdown
)

// Config changes the machine configuration.
type Config interface {
	// Check returns warnings, or an error with every finding.
	Check(data []byte) ([]machineconfig.Warning, error)
	// Apply keeps a configuration and puts it in force.
	Apply(ctx context.Context, data []byte) error
	// Keep stores a configuration for the next start only.
	Keep(data []byte) error
}

// Node is the machine that the API is about.
type Node struct {
	State      state.State
	Logs       *logbuf.Set
	Events     *events.Stream
	Supervisor *supervisor.Supervisor
	Config     Config
	// Persistent says whether a kept configuration is there after a restart.
	Persistent func() bool
	// Power ends the machine's life in the background; force leaves out what can
	// wait. Its progress is in the events of the context's actor.
	Power  func(ctx context.Context, action Action, force bool)
	Logger *zap.Logger
	// Platform and Mode are what Version says of the platform.
	Platform, Mode string
	// Root is where /proc is ("/", but for tests); Kmsg is the kernel's log.
	Root, Kmsg string
}

// Machine serves machine.MachineService. Methods that are not here answer
// Unimplemented.
type Machine struct {
	machine.UnimplementedMachineServiceServer

	node *Node
}

// New makes the gRPC server of a machine with the given rules; more options
// (credentials) may be added.
func New(node *Node, rules authz.Rules, options ...grpc.ServerOption) *grpc.Server {
	options = append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(20 * time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(guardUnary(node.Logger), rules.Unary),
		grpc.ChainStreamInterceptor(guardStream(node.Logger), rules.Stream),
		grpc.UnknownServiceHandler(func(_ any, ss grpc.ServerStream) error {
			name, _ := grpc.MethodFromServerStream(ss)
			if err := rules.Check(name, authz.FromContext(ss.Context())); err != nil {
				return err
			}

			return status.Errorf(codes.Unimplemented, "this version does not serve %s", name)
		}),
	}, options...)

	s := grpc.NewServer(options...)
	machine.RegisterMachineServiceServer(s, &Machine{node: node})
	v1alpha1.RegisterStateServer(s, server.NewState(state.Filter(node.State, Filter(node.State))))

	return s
}

// guardUnary turns a panic of a method into an error of the call.
func guardUnary(logger *zap.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
		defer recovered(logger, info.FullMethod, &err)

		return next(ctx, req)
	}
}

func guardStream(logger *zap.Logger) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		defer recovered(logger, info.FullMethod, &err)

		return next(srv, ss)
	}
}

func recovered(logger *zap.Logger, method string, err *error) {
	if p := recover(); p != nil {
		logger.Error("panic in an API call", zap.String("method", method), zap.Any("panic", p), zap.Stack("stack"))
		*err = status.Errorf(codes.Internal, "%s failed in an unexpected way; the machine's log has more", method)
	}
}
