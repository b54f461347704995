package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/bootstrap/archive"
	"github.com/akmon-os/akmon/forge/bootstrap/closure"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/schemas/document"
)

// ResolveOptions adjust [Resolve]. Only Store is needed.
type ResolveOptions struct {
	Store *source.Store
	// Keyring has the keys that may sign a suite; nil means those of the
	// machine, see archive.SystemKeyring.
	Keyring openpgp.EntityList
	// Previous is the lock that there was. If it was made from the same
	// wishes, its packages stay and only the layout is taken over, without
	// any network.
	Previous *Lock
	// Refresh chooses packages anew even so.
	Refresh bool
	// Base replaces https://snapshot.debian.org/archive in all URLs.
	Base string
	// Log gets a line before each longer phase and for each warning; may be
	// nil.
	Log func(format string, args ...any)
}

// Resolve makes the lock of a spec: it chooses packages from what the suites
// hold and downloads all of them, because the archive's indices have no
// SHA-512. A problem with the spec is a document.Errors.
func Resolve(ctx context.Context, spec *Spec, opts ResolveOptions) (*Lock, error) {
	lock := &Lock{Format: Format, Wanted: spec.wantedDigest(), Layout: spec.Layout}

	if p := opts.Previous; p != nil && !opts.Refresh && p.Wanted == lock.Wanted {
		lock.Snapshot, lock.Releases, lock.Userlands = p.Snapshot, p.Releases, p.Userlands

		return lock, nil
	}

	if opts.Log == nil {
		opts.Log = func(string, ...any) {}
	}

	if opts.Keyring == nil {
		opts.Keyring = archive.SystemKeyring()
	}

	if len(opts.Keyring) == 0 {
		opts.Log("warning: no keyring of Debian's archives on this machine: signatures are not verified")
	}

	r := &resolver{
		spec:    spec,
		opts:    opts,
		client:  &archive.Client{Store: opts.Store, Keyring: opts.Keyring, Base: opts.Base},
		indices: map[string]*closure.Index{},
		lock:    lock,
	}

	if err := r.openSuites(ctx); err != nil {
		return nil, err
	}

	if err := r.choose(ctx); err != nil {
		return nil, err
	}

	return lock, r.sum(ctx)
}

type resolver struct {
	spec    *Spec
	opts    ResolveOptions
	client  *archive.Client
	at      time.Time
	suites  []*archive.Suite
	indices map[string]*closure.Index // by architecture
	lock    *Lock
}

// settle is how long after a suite's date its packages are surely in a
// snapshot: they are taken several times a day, the date is set before.
const settle = 24 * time.Hour

// openSuites reads the suites' states and sets the snapshot.
func (r *resolver) openSuites(ctx context.Context) error {
	auto := r.spec.Snapshot.Value == Auto

	r.at = time.Now()

	if !auto {
		var err error
		if r.at, err = time.Parse(snapshotForm, r.spec.Snapshot.Value); err != nil {
			return r.spec.errorAt(&r.spec.Snapshot, "snapshot: %v", err)
		}
	}

	var latest time.Time

	for _, name := range values(r.spec.Suites) {
		r.opts.Log("reading %s", name)

		suite, err := r.client.Open(ctx, name, r.at)
		if err != nil {
			return fmt.Errorf("read suite %s: %w", name, err)
		}

		r.suites = append(r.suites, suite)
		r.lock.Releases = append(r.lock.Releases, Release{
			Suite: name, Date: suite.Date.UTC().Format(snapshotForm), SHA256: suite.SHA256, SignedBy: suite.SignedBy,
		})

		if suite.Date.After(latest) {
			latest = suite.Date
		}
	}

	// What a lock says must not depend on the moment of locking.
	if auto {
		r.at = latest.Add(settle)
	}

	r.lock.Snapshot = r.at.UTC().Format(snapshotForm)

	return nil
}

// index reads the packages of an architecture, once.
func (r *resolver) index(ctx context.Context, arch string) (*closure.Index, error) {
	if x, ok := r.indices[arch]; ok {
		return x, nil
	}

	r.opts.Log("reading the packages of %s", arch)

	var packages []*closure.Package

	for _, suite := range r.suites {
		for _, component := range r.spec.Components {
			list, err := r.client.Packages(ctx, suite, r.at, component, arch)
			if err != nil {
				return nil, err
			}

			packages = append(packages, list...)
		}
	}

	r.indices[arch] = closure.NewIndex(packages)

	return r.indices[arch], nil
}

// choose computes the closure for every architecture.
func (r *resolver) choose(ctx context.Context) error {
	r.lock.Userlands = map[string][]Locked{}
	unused := map[string]int{}
	archs := values(r.spec.Architectures)

	for _, arch := range archs {
		packages, err := r.userland(ctx, arch, unused)
		if err != nil {
			return err
		}

		slices.SortFunc(packages, func(a, b Locked) int {
			if c := strings.Compare(a.Name, b.Name); c != 0 {
				return c
			}

			return strings.Compare(a.Arch, b.Arch)
		})

		r.lock.Userlands[arch] = packages
	}

	for i := range r.spec.Without {
		n := &r.spec.Without[i]

		if unused[n.Value] < len(archs) {
			continue
		}

		index, err := r.index(ctx, archs[0])
		if err != nil {
			return err
		}

		if index.Find(n.Value) == nil {
			e := document.At(r.spec.file, r.spec.data, n, "no package %s to leave out", n.Value)
			e.Hint = document.Suggest(n.Value, index.Names())

			return document.Errors{e}
		}

		r.opts.Log("%s:%d: note: nothing depends on %s, it need not be left out", r.spec.file, n.Line, n.Value)
	}

	return nil
}

func (r *resolver) userland(ctx context.Context, arch string, unused map[string]int) ([]Locked, error) {
	index, err := r.index(ctx, arch)
	if err != nil {
		return nil, err
	}

	var (
		wants  []closure.Want
		locked []Locked
	)

	for _, w := range r.spec.Packages {
		if !w.forArch(arch) {
			continue
		}

		from := index
		if w.Arch != "" {
			if from, err = r.index(ctx, w.Arch); err != nil {
				return nil, err
			}
		}

		p := from.Find(w.Name)

		switch {
		case p == nil:
			e := document.At(r.spec.file, r.spec.data, w.node, "no package %s for %s in %s",
				w.Name, arch, strings.Join(values(r.spec.Suites), ", "))
			e.Hint = document.Suggest(w.Name, from.Names())

			return nil, document.Errors{e}
		case w.Arch != "":
			locked = append(locked, r.pin(p))
		default:
			wants = append(wants, closure.Want{Name: w.Name, Alone: w.Alone})
		}
	}

	result, err := index.Compute(wants, values(r.spec.Without))
	if err != nil {
		return nil, fmt.Errorf("%s: choose packages for %s: %w", r.spec.file, arch, err)
	}

	for _, name := range result.Unused {
		unused[name]++
	}

	for _, p := range result.Packages {
		locked = append(locked, r.pin(p))
	}

	return locked, nil
}

func (r *resolver) pin(p *closure.Package) Locked {
	return Locked{
		Name: p.Name, Arch: p.Arch, Version: p.Version,
		URL:  r.client.URL(p.Archive, r.at, p.Filename),
		Size: p.Size, SHA256: p.SHA256,
	}
}

// sum downloads every package and records its SHA-512.
func (r *resolver) sum(ctx context.Context) error {
	var all []*Locked

	for _, arch := range r.lock.Architectures() {
		for i := range r.lock.Userlands[arch] {
			all = append(all, &r.lock.Userlands[arch][i])
		}
	}

	r.opts.Log("fetching %d packages", len(all))

	return r.opts.Store.Each(ctx, len(all), func(ctx context.Context, i int) error {
		p := all[i]
		if _, err := r.opts.Store.Fetch(ctx, source.Source{Package: p.Name, URL: p.URL, SHA256: p.SHA256}); err != nil {
			return err
		}

		meta, err := r.opts.Store.Lookup(ctx, p.SHA256)
		if err != nil {
			return err
		}

		if meta.Size != p.Size {
			return fmt.Errorf("%s has %d bytes, the index says %d", p.URL, meta.Size, p.Size)
		}

		p.SHA512 = meta.SHA512

		return nil
	})
}

func (s *Spec) errorAt(n *yaml.Node, format string, args ...any) error {
	return document.Errors{document.At(s.file, s.data, n, format, args...)}
}
