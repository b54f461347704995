// Package engine runs build graphs with BuildKit, either embedded in the
// calling process or at an address.
//
// # Embedded
//
// With no Options.Builder, Open starts BuildKit inside the process: a worker
// that executes steps with runc, keeps file systems in overlayfs snapshots and
// answers its own gRPC interface through memory. No daemon and no socket
// exist. All state is below one directory:
//
//	engine.lock      flock, held while an Engine is open; holds the owner's pid
//	engine.log       warnings of the current or last run
//	cache.db         which step gave which result
//	runc-overlayfs/  snapshots, blobs, metadata, and bundles of running steps
//	exports/         which image a result was last written as
//	reserve          room for the indexes to shrink in when the disk is full
//	gc.stamp         when garbage was last collected
//	staging/         journal of exports in progress
//	run/             state of the OCI runtime, in a user namespace without XDG_RUNTIME_DIR
//	tmp/             TMPDIR of the process while the engine is open
//
// A process that dies leaves containers, mounts and cgroups behind. The next
// Open removes them before it starts (package janitor); Close does the same,
// so that a cancelled build leaves nothing either.
//
// Steps need root, be it of a user namespace: [EnterNamespace] makes one for an
// ordinary user.
//
// # Remote
//
// With Options.Builder the same graph goes to any BuildKit: unix://, tcp://
// (with mTLS), docker-container://, kube-pod://, podman-container://, ssh://.
// Nothing but exports is then written on this side.
//
// # Reproducible output
//
// An image's manifest depends on the file trees of its layers, its
// configuration and Request.Epoch only: time stamps later than the epoch are
// set to it, layers are written without compression unless asked for, and no
// attestation is put in the index. The same request gives the same digest
// from an empty cache, from a full one and from another builder.
//
// # Looking into a build
//
// Engine.Enter runs a process in the file system of a step, also of one that
// failed. Options.Conditions changes what no result may depend on (the name of
// the machine, its CPUs, its clock), to find out whether one does.
//
// # Exports
//
// Everything is first written under a temporary name beside its destination
// and then renamed (package staging), so that a destination is either the old
// result or the new one.
package engine
