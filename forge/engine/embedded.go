package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/moby/buildkit/cache/remotecache"
	inlinecache "github.com/moby/buildkit/cache/remotecache/inline"
	localcache "github.com/moby/buildkit/cache/remotecache/local"
	registrycache "github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/entitlements"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the codec of BuildKit's messages
	"github.com/moby/buildkit/util/resolver"
	bkworker "github.com/moby/buildkit/worker"
	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/akmon-os/akmon/forge/engine/janitor"
	"github.com/akmon-os/akmon/forge/engine/staging"
)

const (
	// pipeSize is the buffer of the in-memory connections.
	pipeSize = 1 << 20
	// stopPatience is how long Close waits for cancelled steps.
	stopPatience = 30 * time.Second
)

// embedded is a BuildKit that runs in this process.
type embedded struct {
	dir        string
	host       host
	lock       *stateLock
	log        *logFile
	worker     *worker
	cache      *bboltcachestorage.Store
	executor   *trackingExecutor
	controller *control.Controller
	server     *grpc.Server
	sessions   *session.Manager
	cancel     context.CancelFunc
	ctx        context.Context
}

// startEmbedded takes the state directory, cleans up after a process that
// died, and starts everything.
func startEmbedded(ctx context.Context, o Options) (_ *embedded, _ *client.Client, err error) {
	dir, err := o.stateDir()
	if err != nil {
		return nil, nil, err
	}

	lock, err := lockState(ctx, dir, o.NoWait, o.logf)
	if err != nil {
		return nil, nil, err
	}

	e := &embedded{lock: lock, executor: &trackingExecutor{conditions: o.Conditions}}
	defer func() {
		if err != nil {
			err = errors.Join(diskFull(err, dir), e.stop())
		}
	}()

	// Only now does the directory surely exist.
	if e.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, nil, fmt.Errorf("resolving the engine's state directory: %w", err)
	}

	if e.host, err = examineHost(e.dir, o.Runc, o.logf); err != nil {
		return nil, nil, err
	}

	if err := e.host.useRuntimeDir(e.dir); err != nil {
		return nil, nil, err
	}

	if err := e.clean(ctx, o.logf); err != nil {
		return nil, nil, err
	}

	if e.log, err = openLog(filepath.Join(e.dir, "engine.log")); err != nil {
		return nil, nil, err
	}

	if err := useTemp(e.temp()); err != nil {
		return nil, nil, err
	}

	if err := e.start(ctx, o); err != nil {
		return nil, nil, err
	}

	c, err := e.connect(ctx)

	return e, c, err
}

// clean removes what a killed process left.
func (e *embedded) clean(ctx context.Context, logf func(string, ...any)) error {
	report, err := janitor.Sweep(ctx, e.host.janitor(e.dir))

	exports, err2 := staging.Sweep(filepath.Join(e.dir, "staging"))
	report.Files = append(report.Files, exports...)

	if !report.Empty() {
		logf("removed what an interrupted build had left: %s", report)
	}

	if err := errors.Join(err, err2); err != nil {
		return fmt.Errorf("cleaning up after an interrupted build: %w", err)
	}

	return nil
}

// temp is where temporary files go.
func (e *embedded) temp() string { return filepath.Join(e.dir, "tmp") }

func (e *embedded) start(ctx context.Context, o Options) (err error) {
	unclipLogs()
	holdReserve(e.dir)

	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	hosts := resolver.NewRegistryConfig(nil)

	if e.sessions, err = session.NewManager(); err != nil {
		return fmt.Errorf("starting sessions: %w", err)
	}

	if e.worker, err = newWorker(e.ctx, e.dir, e.host, o.MaxParallel, hosts, e.executor); err != nil {
		return err
	}

	workers := &bkworker.Controller{}
	if err := workers.Add(e.worker); err != nil {
		return fmt.Errorf("adding the worker: %w", err)
	}

	if e.cache, err = bboltcachestorage.NewStore(filepath.Join(e.dir, "cache.db")); err != nil {
		return errors.Join(fmt.Errorf("opening the cache index: %w", err), e.worker.Close())
	}

	history, err := boltutil.SafeOpen(filepath.Join(e.dir, "history.db"), 0o600, boltOptions())
	if err != nil {
		return errors.Join(fmt.Errorf("opening the build history: %w", err), e.cache.Close(), e.worker.Close())
	}

	e.controller, err = control.NewController(control.Opt{
		SessionManager:            e.sessions,
		WorkerController:          workers,
		Frontends:                 map[string]frontend.Frontend{},
		CacheManager:              solver.NewCacheManager(e.ctx, "local", e.cache, bkworker.NewCacheResultStorage(workers)),
		ResolveCacheExporterFuncs: cacheExporters(e.sessions, hosts),
		ResolveCacheImporterFuncs: cacheImporters(e.sessions, e.worker, hosts),
		Entitlements:              []string{string(entitlements.EntitlementNetworkHost)},
		HistoryDB:                 history,
		CacheStore:                e.cache,
		LeaseManager:              e.worker.LeaseManager(),
		ContentStore:              e.worker.ContentStore(),
		GarbageCollect:            e.worker.GarbageCollect,
		GracefulStop:              e.ctx.Done(),
	})
	if err != nil {
		return errors.Join(fmt.Errorf("starting the solver: %w", err), history.Close(), e.cache.Close(), e.worker.Close())
	}

	return nil
}

func cacheExporters(sm *session.Manager, hosts docker.RegistryHosts) map[string]remotecache.ResolveCacheExporterFunc {
	return map[string]remotecache.ResolveCacheExporterFunc{
		"inline":   inlinecache.ResolveCacheExporterFunc(),
		"local":    localcache.ResolveCacheExporterFunc(sm),
		"registry": registrycache.ResolveCacheExporterFunc(sm, hosts),
	}
}

func cacheImporters(sm *session.Manager, w bkworker.Worker, hosts docker.RegistryHosts) map[string]remotecache.ResolveCacheImporterFunc {
	return map[string]remotecache.ResolveCacheImporterFunc{
		"local":    localcache.ResolveCacheImporterFunc(sm),
		"registry": registrycache.ResolveCacheImporterFunc(sm, w.ContentStore(), hosts),
	}
}

// connect serves the controller in memory and returns a client of it.
func (e *embedded) connect(ctx context.Context) (*client.Client, error) {
	e.server = grpc.NewServer(
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
		grpc.ChainUnaryInterceptor(e.log.unary, unaryErrors),
		grpc.ChainStreamInterceptor(e.log.stream, streamErrors),
	)
	e.controller.Register(e.server)

	listener := bufconn.Listen(pipeSize)

	go func() {
		// Serve ends when the server is stopped; its error says just that.
		_ = e.server.Serve(listener)
	}()

	c, err := client.New(ctx, "unix:///embedded",
		client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		client.WithSessionDialer(e.dialSession),
	)
	if err != nil {
		return nil, fmt.Errorf("connecting to the embedded engine: %w", err)
	}

	return c, nil
}

// dialSession joins a session of the client with the session manager directly
// instead of through the control connection: sources and file systems of
// gigabytes pass here.
func (e *embedded) dialSession(ctx context.Context, _ string, meta map[string][]string) (net.Conn, error) {
	pipe := bufconn.Listen(pipeSize)

	go func() {
		defer func() { _ = pipe.Close() }() // it has no resources

		conn, err := pipe.Accept()
		if err != nil {
			return
		}

		// It returns when the session is over, with the reason: nobody asks.
		_ = e.sessions.HandleConn(e.ctx, conn, meta)
	}()

	return pipe.DialContext(ctx)
}

// interrupt cancels what runs and refuses what would come. It may be called
// more than once.
func (e *embedded) interrupt() {
	if e.server != nil {
		e.server.Stop()
	}

	if e.cancel != nil {
		e.cancel()
	}
}

// stop ends everything that was started, in reverse, and releases the lock. It
// works on a half-started engine too.
func (e *embedded) stop() error {
	var errs []error

	e.interrupt()

	if !e.waitIdle(stopPatience) {
		errs = append(errs, errors.New("steps are still running although they were cancelled"))
	}

	if e.controller != nil {
		errs = append(errs, e.forget())

		if err := e.controller.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the engine: %w", err))
		}
	}

	if e.host.runtime != "" {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()

		// Temporary files stay: some are the caller's. The next start removes
		// those that nobody removed.
		left := e.host.janitor(e.dir)
		left.Temp = ""

		if _, err := janitor.Sweep(ctx, left); err != nil {
			errs = append(errs, fmt.Errorf("cleaning up: %w", err))
		}
	}

	errs = append(errs, leaveTemp(e.temp()))

	if e.log != nil {
		errs = append(errs, e.log.close())
	}

	errs = append(errs, e.lock.release())

	return errors.Join(errs...)
}

// waitIdle waits until no container runs any more.
func (e *embedded) waitIdle(patience time.Duration) bool {
	idle := make(chan struct{})

	go func() {
		e.executor.running.Wait()
		close(idle)
	}()

	select {
	case <-idle:
		return true
	case <-time.After(patience):
		return false
	}
}
