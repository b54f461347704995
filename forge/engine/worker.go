package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/containerd/containerd/v2/core/diff/apply"
	ctdmetadata "github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	ctdsnapshot "github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/containerd/containerd/v2/plugins/diff/walking"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/cache/metadata"
	"github.com/moby/buildkit/executor"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/executor/resources"
	resourcestypes "github.com/moby/buildkit/executor/resources/types"
	"github.com/moby/buildkit/executor/runcexecutor"
	containerdsnapshot "github.com/moby/buildkit/snapshot/containerd"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/leaseutil"
	"github.com/moby/buildkit/util/network"
	"github.com/moby/buildkit/worker/base"
	wlabel "github.com/moby/buildkit/worker/label"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/semaphore"
)

// namespace is where BuildKit keeps blobs and leases in containerd's metadata.
const namespace = "buildkit"

// worker is BuildKit's worker with a Close that closes all, and an exporter
// that knows what it wrote before.
type worker struct {
	*base.Worker

	snapshots ctdsnapshot.Snapshotter
	memos     string
}

// Close implements io.Closer.
func (w *worker) Close() error {
	return errors.Join(w.Worker.Close(), w.snapshots.Close())
}

// newWorker puts together the parts that execute steps and keep results. It
// differs from BuildKit's own assembly in what a build of Akmon has no use
// for: no network proxy (whose key takes longer to make than the rest to
// start), no devices, no resource samples.
func newWorker(ctx context.Context, dir string, h host, maxParallel int, hosts docker.RegistryHosts, exe *trackingExecutor) (_ *worker, err error) {
	root := workerRoot(dir, h.snapshotter)
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("creating the worker's directory: %w", err)
	}

	// Opened files are closed again if a later part fails.
	var undo []func() error

	defer func() {
		if err != nil {
			for _, f := range undo {
				err = errors.Join(err, f())
			}
		}
	}()

	// A step that does not ask for NONE gets the host's network. The lowered
	// graph asks for NONE on every step whose recipe doesn't say otherwise.
	networks := map[pb.NetMode]network.Provider{
		pb.NetMode_UNSET: network.NewHostProvider(),
		pb.NetMode_HOST:  network.NewHostProvider(),
		pb.NetMode_NONE:  network.NewNoneProvider(),
	}

	monitor, err := resources.NewMonitor()
	if err != nil {
		return nil, fmt.Errorf("reading /proc: %w", err)
	}

	undo = append(undo, monitor.Close)

	exe.Executor, err = runcexecutor.New(runcexecutor.Opt{
		Root:                filepath.Join(root, "executor"),
		CommandCandidates:   []string{h.runtime},
		Rootless:            h.rootless,
		ProcessMode:         oci.ProcessSandbox,
		DefaultCgroupParent: h.cgroup,
		ResourceMonitor:     monitor,
	}, networks)
	if err != nil {
		return nil, fmt.Errorf("starting the executor: %w", err)
	}

	snapshots, err := newSnapshotter(h.snapshotter, filepath.Join(root, "snapshots"))
	if err != nil {
		return nil, fmt.Errorf("opening snapshots: %w", err)
	}

	blobs, err := local.NewStore(filepath.Join(root, "content"))
	if err != nil {
		return nil, fmt.Errorf("opening the blob store: %w", err)
	}

	undo = append(undo, snapshots.Close)

	db, err := boltutil.Open(filepath.Join(root, "containerdmeta.db"), 0o600, boltOptions())
	if err != nil {
		return nil, fmt.Errorf("opening the blob index: %w", err)
	}

	undo = append(undo, db.Close)

	mdb := ctdmetadata.NewDB(db, blobs, map[string]ctdsnapshot.Snapshotter{h.snapshotter: snapshots})
	if err := mdb.Init(ctx); err != nil {
		return nil, fmt.Errorf("reading the blob index: %w", err)
	}

	records, err := metadata.NewStore(filepath.Join(root, "metadata_v2.db"))
	if err != nil {
		return nil, fmt.Errorf("opening the cache's records: %w", err)
	}

	undo = append(undo, records.Close)

	id, err := base.ID(root)
	if err != nil {
		return nil, fmt.Errorf("reading the worker's identity: %w", err)
	}

	content := containerdsnapshot.NewContentStore(mdb.ContentStore(), namespace)

	var parallel *semaphore.Weighted
	if maxParallel > 0 {
		parallel = semaphore.NewWeighted(int64(maxParallel))
	}

	w, err := base.NewWorker(ctx, base.WorkerOpt{
		ID:   id,
		Root: root,
		Labels: map[string]string{
			wlabel.Executor:       "oci",
			wlabel.Snapshotter:    h.snapshotter,
			wlabel.Network:        "host",
			wlabel.OCIProcessMode: oci.ProcessSandbox.String(),
		},
		Platforms:        []ocispecs.Platform{platforms.Normalize(platforms.DefaultSpec())},
		NetworkProviders: networks,
		Executor:         exe,
		Snapshotter:      containerdsnapshot.NewSnapshotter(h.snapshotter, mdb.Snapshotter(h.snapshotter), namespace, nil),
		ContentStore:     content,
		ContentMetadata:  db,
		Applier:          apply.NewFileSystemApplier(content),
		Differ:           walking.NewWalkingDiff(content),
		RegistryHosts:    hosts,
		LeaseManager:     leaseutil.WithNamespace(ctdmetadata.NewLeaseManager(mdb), namespace),
		GarbageCollect:   mdb.GarbageCollect,
		ParallelismSem:   parallel,
		MetadataStore:    records,
		MountPoolRoot:    filepath.Join(root, "cachemounts"),
		ResourceMonitor:  monitor,
	})
	if err != nil {
		return nil, fmt.Errorf("starting the worker: %w", err)
	}

	memos := filepath.Join(dir, "exports")
	if err := os.MkdirAll(memos, 0o700); err != nil {
		return nil, fmt.Errorf("creating the notes of exports: %w", err)
	}

	return &worker{Worker: w, snapshots: snapshots, memos: memos}, nil
}

func newSnapshotter(name, root string) (ctdsnapshot.Snapshotter, error) {
	if name == "native" {
		return native.NewSnapshotter(root)
	}

	return overlay.NewSnapshotter(root, overlay.AsynchronousRemove)
}

func boltOptions() *bolt.Options {
	return &bolt.Options{FreelistType: bolt.FreelistMapType, NoFreelistSync: true}
}

// trackingExecutor sets the conditions of steps, and counts the containers that
// run, so that Close can wait for them: BuildKit returns from a cancelled solve
// before they are gone.
type trackingExecutor struct {
	executor.Executor

	conditions Conditions
	running    sync.WaitGroup
}

func (t *trackingExecutor) Run(ctx context.Context, id string, root executor.Mount, mounts []executor.Mount, process executor.ProcessInfo, started chan<- struct{}) (resourcestypes.Recorder, error) {
	t.running.Add(1)
	defer t.running.Done()

	mounts, process, err := t.conditions.apply(ctx, root, mounts, process)
	if err != nil {
		return nil, err
	}

	return t.Executor.Run(ctx, id, root, mounts, process, started)
}

func (t *trackingExecutor) Exec(ctx context.Context, id string, process executor.ProcessInfo) error {
	t.running.Add(1)
	defer t.running.Done()

	return t.Executor.Exec(ctx, id, process)
}
