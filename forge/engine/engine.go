package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer" // docker-container://
	_ "github.com/moby/buildkit/client/connhelper/kubepod"         // kube-pod://
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer" // podman-container://
	_ "github.com/moby/buildkit/client/connhelper/ssh"             // ssh://

	"github.com/akmon-os/akmon/forge/engine/staging"
)

// builderPatience is how long a remote builder may take to answer at first.
const builderPatience = 10 * time.Second

// schemes are the kinds of builder addresses.
var schemes = []string{"unix", "tcp", "docker-container", "podman-container", "kube-pod", "ssh"}

// Engine solves build graphs. It is safe for concurrent use.
type Engine struct {
	options  Options
	client   *client.Client
	embedded *embedded // nil with a remote builder
	journal  string
	// grown: a solve added something to the cache.
	grown atomic.Bool

	close sync.Once
	err   error
}

// Open starts the embedded engine, or connects to Options.Builder.
//
// Embedded: it waits for another process that uses the state directory until
// ctx ends (LockedError with NoWait), removes what a killed build left, and
// returns a HostError if this host can't run steps. While the engine is open
// TMPDIR of the process points into the state directory.
//
// Remote: a BuilderError says that the address is wrong or does not answer
// within ten seconds.
func Open(ctx context.Context, options Options) (*Engine, error) {
	e := &Engine{options: options}

	if err := options.checkConditions(); err != nil {
		return nil, err
	}

	if options.Builder != "" {
		if err := e.connect(ctx); err != nil {
			return nil, fmt.Errorf("connecting: %w", err)
		}

		return e, nil
	}

	var err error
	if e.embedded, e.client, err = startEmbedded(ctx, options); err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}

	e.journal = filepath.Join(e.embedded.dir, "staging")

	return e, nil
}

// connect reaches a remote builder.
func (e *Engine) connect(ctx context.Context) error {
	address := e.options.Builder

	scheme, _, ok := strings.Cut(address, "://")
	if !ok || !slices.Contains(schemes, scheme) {
		return &BuilderError{Address: address, Err: fmt.Errorf("the address must begin with one of %s", strings.Join(schemes, "://, ")+"://")}
	}

	dir, err := e.options.stateDir()
	if err != nil {
		return err
	}

	e.journal = filepath.Join(dir, "staging")

	// What an earlier process left beside its destinations is of no concern
	// to this build, so failing to remove it isn't either.
	if removed, _ := staging.Sweep(e.journal); len(removed) > 0 {
		e.options.logf("removed %d unfinished exports of an interrupted build", len(removed))
	}

	opts, err := e.options.TLS.client(scheme)
	if err != nil {
		return &BuilderError{Address: address, Err: err}
	}

	ctx, cancel := context.WithTimeoutCause(ctx, builderPatience, fmt.Errorf("no answer within %s", builderPatience))
	defer cancel()

	if e.client, err = client.New(ctx, address, opts...); err != nil {
		return &BuilderError{Address: address, Err: err}
	}

	if err := ping(ctx, e.client); err != nil {
		return &BuilderError{Address: address, Err: errors.Join(err, e.client.Close())}
	}

	return nil
}

// ping makes sure that a BuildKit answers, and that it can do something.
func ping(ctx context.Context, c *client.Client) error {
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}

		return fmt.Errorf("it does not answer as a BuildKit: %w", err)
	}

	if len(workers) == 0 {
		return errors.New("it has no worker")
	}

	return nil
}

// client returns what a connection of the given scheme needs.
func (t TLS) client(scheme string) ([]client.ClientOpt, error) {
	if t == (TLS{}) {
		return nil, nil
	}

	if scheme != "tcp" {
		return nil, fmt.Errorf("TLS files are for tcp:// builders, this one is %s://", scheme)
	}

	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("TLS needs both a certificate and its key")
	}

	opts := []client.ClientOpt{client.WithServerConfigSystem(t.ServerName)}
	if t.CA != "" {
		opts = []client.ClientOpt{client.WithServerConfig(t.ServerName, t.CA)}
	}

	if t.Cert != "" {
		opts = append(opts, client.WithCredentials(t.Cert, t.Key))
	}

	return opts, nil
}

// Embedded says whether steps run on this host.
func (e *Engine) Embedded() bool { return e.embedded != nil }

// StateDir is the directory of the embedded engine's state, empty with a
// remote builder.
func (e *Engine) StateDir() string {
	if e.embedded == nil {
		return ""
	}

	return e.embedded.dir
}

// Close ends the engine. Solves that still run are cancelled; it returns when
// their containers, mounts and cgroups are gone. It may be called more than
// once.
func (e *Engine) Close() error {
	e.close.Do(func() {
		e.err = e.client.Close()

		if e.embedded == nil {
			return
		}

		e.embedded.interrupt()

		if e.grown.Load() {
			e.err = errors.Join(e.err, e.embedded.collect(e.options.GCKeepBytes))
		}

		e.err = errors.Join(e.err, e.embedded.stop())
	})

	return e.err
}
