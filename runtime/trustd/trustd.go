package trustd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
)

// Limits of what strangers can make trustd do.
const (
	callTimeout = 30 * time.Second
	// maxMessage is far above a request with many names, in bytes.
	maxMessage = 64 << 10
	maxCalls   = 16
	grace      = 2 * time.Second
)

// Options of Main and Run.
type Options struct {
	// Socket is machined's, with the issuer and trustd's own resource.
	Socket string
	// Listen is the address to serve on; Listening, if set, is told the one in use.
	Listen    string
	Listening func(addr string)
}

// Main runs trustd until SIGTERM; it returns the exit code.
func Main(opts Options) int {
	logger := zap.Must(zap.Config{
		Level: zap.NewAtomicLevelAt(zap.InfoLevel), Encoding: "console", EncoderConfig: zap.NewDevelopmentEncoderConfig(),
		OutputPaths: []string{"stderr"}, ErrorOutputPaths: []string{"stderr"}, DisableCaller: true, DisableStacktrace: true,
	}.Build())

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	if err := Run(ctx, opts, logger); err != nil {
		logger.Error("trustd failed", zap.Error(err))

		return 1
	}

	return 0
}

// proxy passes requests on to the issuer.
type proxy struct {
	securityapi.UnimplementedSecurityServiceServer

	issuer securityapi.SecurityServiceClient
	calls  chan struct{}
}

// Certificate implements securityapi.SecurityServiceServer. It waits for nobody:
// who comes when too many are there comes again.
func (p *proxy) Certificate(ctx context.Context, req *securityapi.CertificateRequest) (*securityapi.CertificateResponse, error) {
	select {
	case p.calls <- struct{}{}:
		defer func() { <-p.calls }()
	default:
		return nil, status.Error(codes.ResourceExhausted, "too many requests at once; try again")
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	out := metadata.MD{}

	if in, ok := metadata.FromIncomingContext(ctx); ok {
		out.Set(tokenKey, in.Get(tokenKey)...)
	}

	return p.issuer.Certificate(metadata.NewOutgoingContext(ctx, out), req)
}

// Run runs trustd until ctx ends.
func Run(ctx context.Context, opts Options, logger *zap.Logger) error {
	if err := resources.RegisterEncoders(); err != nil {
		return err
	}

	conn, err := grpc.NewClient("unix://"+opts.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connect to machined: %w", err)
	}
	defer conn.Close() //nolint:errcheck

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var served atomic.Pointer[tls.Certificate]

	// The first event is what is there, or that nothing is.
	events := make(chan state.Event)
	if err := state.WrapCore(client.NewAdapter(v1alpha1.NewStateClient(conn))).Watch(ctx, secrets.NewTrustd().Metadata(), events); err != nil {
		return fmt.Errorf("watch the certificate: %w", err)
	}

	for served.Load() == nil {
		if err := take(ctx, events, &served); err != nil || ctx.Err() != nil {
			return err
		}
	}

	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	server := grpc.NewServer(
		grpc.Creds(credentials.NewTLS(&tls.Config{
			MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return served.Load(), nil },
		})),
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxCalls), grpc.ConnectionTimeout(10*time.Second),
	)
	securityapi.RegisterSecurityServiceServer(server, &proxy{
		issuer: securityapi.NewSecurityServiceClient(conn), calls: make(chan struct{}, maxCalls),
	})

	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, server.Stop)
		defer timer.Stop()

		server.GracefulStop()
	})
	defer stop()

	go func() {
		for ctx.Err() == nil {
			if err := take(ctx, events, &served); err != nil {
				cancel(err) // machined went away: start again with it
			}
		}
	}()

	logger.Info("serving certificates to machines", zap.Stringer("address", l.Addr()))

	if opts.Listening != nil {
		opts.Listening(l.Addr().String())
	}

	if err := server.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve: %w", err)
	}

	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}

	return nil
}

// take waits for one event and puts the certificate that it brings in use.
func take(ctx context.Context, events <-chan state.Event, served *atomic.Pointer[tls.Certificate]) error {
	select {
	case <-ctx.Done():
		return nil
	case ev := <-events:
		if ev.Type == state.Errored {
			if ctx.Err() != nil {
				return nil
			}

			return fmt.Errorf("watch the certificate: %w", ev.Error)
		}

		r, ok := ev.Resource.(*secrets.Trustd)
		if !ok || ev.Type == state.Destroyed || r.TypedSpec().Server == nil {
			return nil
		}

		crt, err := pki.Pair{Crt: r.TypedSpec().Server.Crt, Key: r.TypedSpec().Server.Key}.TLS()
		if err != nil {
			return fmt.Errorf("use the certificate: %w", err)
		}

		served.Store(&crt)

		return nil
	}
}
