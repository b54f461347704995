package apid

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
)

// Options of Main.
type Options struct {
	// Machine is machined's API socket, State the one with apid's own resources.
	Machine, State string
	// Listen is the address to serve on; Listening, if set, is told the one in use.
	Listen    string
	Listening func(addr string)
}

// Grace is how long calls may take to end when apid is stopped.
const Grace = 2 * time.Second

// Main runs apid until SIGTERM; it returns the exit code.
func Main(opts Options) int {
	logger := zap.Must(zap.Config{
		Level: zap.NewAtomicLevelAt(zap.InfoLevel), Encoding: "console", EncoderConfig: zap.NewDevelopmentEncoderConfig(),
		OutputPaths: []string{"stderr"}, ErrorOutputPaths: []string{"stderr"}, DisableCaller: true, DisableStacktrace: true,
	}.Build())

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	if err := Run(ctx, opts, logger); err != nil {
		logger.Error("apid failed", zap.Error(err))

		return 1
	}

	return 0
}

// Run runs apid until ctx ends.
func Run(ctx context.Context, opts Options, logger *zap.Logger) error {
	if err := resources.RegisterEncoders(); err != nil {
		return err
	}

	conn, err := grpc.NewClient("unix://"+opts.State, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to the machine's state: %w", err)
	}
	defer conn.Close() //nolint:errcheck

	st := state.WrapCore(client.NewAdapter(v1alpha1.NewStateClient(conn)))

	first, err := st.WatchFor(ctx, secrets.NewAPI().Metadata(), state.WithEventTypes(state.Created, state.Updated))
	if err != nil {
		return fmt.Errorf("wait for certificates: %w", err)
	}

	api, ok := first.(*secrets.API)
	if !ok {
		return fmt.Errorf("certificates came as %T", first)
	}

	id, err := identity(api)
	if err != nil {
		return err
	}

	server, err := New(opts.Machine, id)
	if err != nil {
		return err
	}

	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	logger.Info("serving the machine API", zap.Stringer("address", l.Addr()))

	if opts.Listening != nil {
		opts.Listening(l.Addr().String())
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	go func() { cancel(follow(ctx, st, server, logger)) }()

	if err := server.Serve(ctx, l, Grace); err != nil {
		return err
	}

	// machined went away: start again with it.
	if cause := context.Cause(ctx); cause != nil && cause != context.Canceled { //nolint:errorlint
		return cause
	}

	return nil
}

func identity(api *secrets.API) (*Identity, error) {
	spec := api.TypedSpec()
	if spec.Server == nil {
		return nil, fmt.Errorf("there is no server certificate")
	}

	var (
		clientPair *pki.Pair
		cas        [][]byte
	)

	if spec.Client != nil {
		clientPair = &pki.Pair{Crt: spec.Client.Crt, Key: spec.Client.Key}
	}

	for _, ca := range spec.AcceptedCAs {
		cas = append(cas, ca.Crt)
	}

	return NewIdentity(pki.Pair{Crt: spec.Server.Crt, Key: spec.Server.Key}, clientPair, cas)
}

// follow keeps identity and names as machined says; running calls are not
// disturbed.
func follow(ctx context.Context, st state.State, server *Server, logger *zap.Logger) error {
	events := make(chan state.Event)

	for _, md := range []resource.Pointer{
		secrets.NewAPI().Metadata(), network.NewNodeAddress(network.NodeAddressCurrent).Metadata(), network.NewHostnameStatus().Metadata(),
	} {
		if err := st.Watch(ctx, md, events); err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}

	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-events:
			if ev.Type == state.Errored {
				if ctx.Err() != nil {
					return nil
				}

				return fmt.Errorf("watch: %w", ev.Error)
			}

			if api, ok := ev.Resource.(*secrets.API); ok && ev.Type != state.Destroyed {
				id, err := identity(api)
				if err != nil {
					logger.Error("new certificates are not usable", zap.Error(err))

					continue
				}

				server.SetIdentity(id)
				logger.Info("certificates in use", zap.Time("until", id.Server.Leaf.NotAfter))

				continue
			}

			names, err := ownNames(ctx, st)
			if err != nil {
				return err
			}

			server.SetNames(names)
		}
	}
}

func ownNames(ctx context.Context, st state.State) ([]string, error) {
	var names []string

	addrs, err := safe.StateGetByID[*network.NodeAddress](ctx, st, network.NodeAddressCurrent)
	if err == nil {
		for _, ip := range addrs.TypedSpec().IPs() {
			names = append(names, ip.String())
		}
	} else if !state.IsNotFoundError(err) {
		return nil, fmt.Errorf("get addresses: %w", err)
	}

	name, err := safe.StateGetByID[*network.HostnameStatus](ctx, st, network.HostnameID)
	if err == nil {
		names = append(names, name.TypedSpec().Hostname, name.TypedSpec().FQDN())
	} else if !state.IsNotFoundError(err) {
		return nil, fmt.Errorf("get host name: %w", err)
	}

	return names, nil
}
