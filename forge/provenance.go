package forge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/forge/publish/provenance"
	"github.com/akmon-os/akmon/internal/version"
)

// provenance states how the target came to be: the arguments, the graph and all
// that it is made from.
func (t *target) provenance(ctx context.Context, digest string, o *Options, epoch time.Time) (*provenance.Statement, error) {
	s := provenance.New(t.name, digest, version.Tag)
	definition := &s.Predicate.BuildDefinition
	definition.External = provenance.External{
		Target: t.name, Platforms: t.platforms(), Arguments: o.Args, Epoch: epoch.Unix(),
	}

	if commit, ok := commitOf(ctx, t.graphs[0].Tree.Dir()); ok {
		definition.Materials = append(definition.Materials, commit)
	}

	m := materials{listed: map[string]bool{}}

	for _, g := range t.graphs {
		if err := m.add(g, t.name); err != nil {
			return nil, err
		}

		for _, n := range g.Closure(t.name) {
			if !slices.ContainsFunc(definition.Internal.Packages, func(p provenance.Package) bool { return p.Name == n.String() }) {
				definition.Internal.Packages = append(definition.Internal.Packages, packageOf(n))
			}
		}
	}

	definition.Materials = append(definition.Materials, m.list...)

	return s, nil
}

// packageOf is a node with what it needs.
func packageOf(n *graph.Node) provenance.Package {
	p := provenance.Package{Name: n.String(), Version: n.Version}

	add := func(list *[]string, name string) {
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}

	for _, e := range n.Edges {
		switch {
		case e.Node != nil:
			add(&p.Needs, e.Node.String())
		case e.Debian != "":
			add(&p.Materials, e.Lock())
		case e.Image != "":
			add(&p.Materials, imageURI(e.Image))
		}
	}

	for _, step := range n.Steps {
		for _, s := range step.Sources {
			switch {
			case s.URL != "":
				add(&p.Materials, s.URL)
			case s.Go != "":
				add(&p.Materials, goSum(s.Go))
			}
		}
	}

	return p
}

func goSum(dir string) string { return filepath.Join(dir, "go.sum") }

// imageURI is an image's address as other builders write it.
func imageURI(ref string) string { return "docker://" + ref }

// materials collects what a graph is made from, each once.
type materials struct {
	list   []provenance.Resource
	listed map[string]bool
}

func (m *materials) put(r provenance.Resource) {
	key := r.Name + " " + r.URI
	if !m.listed[key] {
		m.listed[key] = true
		m.list = append(m.list, r)
	}
}

func (m *materials) add(g *graph.Graph, target string) error {
	set, err := lower.Inputs(g, target)
	if err != nil {
		return err
	}

	for _, u := range set.URLs {
		m.put(provenance.Resource{URI: u.URL, Digest: map[string]string{"sha256": u.SHA256, "sha512": u.SHA512}})
	}

	for _, in := range set.Go {
		m.put(provenance.Resource{Name: goSum(in.Dir), Digest: map[string]string{"sha256": in.SHA256}})
	}

	for _, in := range set.Debian {
		lock, err := g.Tree.ReadFile(in.Lock)
		if err != nil {
			return fmt.Errorf("read a lock: %w", err)
		}

		sum := sha256.Sum256(lock)
		m.put(provenance.Resource{Name: in.Lock, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	}

	for _, in := range set.Images {
		r := provenance.Resource{URI: imageURI(in.Ref)}
		if _, digest, ok := strings.Cut(in.Ref, "@sha256:"); ok {
			r.Digest = map[string]string{"sha256": digest}
		}

		m.put(r)
	}

	return nil
}

// commitOf is the Git commit of the tree in dir, and whether the files there
// are what it has. Without Git or without a repository there is none.
func commitOf(ctx context.Context, dir string) (provenance.Resource, bool) {
	git := func(args ...string) (string, bool) {
		cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0") // only look

		out, err := cmd.Output()

		return strings.TrimSpace(string(out)), err == nil
	}

	commit, ok := git("rev-parse", "--verify", "HEAD")
	if !ok {
		return provenance.Resource{}, false
	}

	r := provenance.Resource{Name: "tree", Digest: map[string]string{"gitCommit": commit}}

	annotate := func(key string, value any) {
		if r.Annotations == nil {
			r.Annotations = map[string]any{}
		}

		r.Annotations[key] = value
	}

	if changed, ok := git("status", "--porcelain", "--", "."); !ok || changed != "" {
		annotate("modified", true)
	}

	if below, _ := git("rev-parse", "--show-prefix"); below != "" {
		annotate("directory", strings.TrimSuffix(below, "/"))
	}

	if remote, _ := git("config", "--get", "remote.origin.url"); remote != "" {
		r.URI = gitURI(remote, commit)
	}

	return r, true
}

// gitURI is the address of a commit (SPDX 2.3, 7.7: git+https://…@commit), "" if
// the repository is only known to this machine. Passwords are left out.
func gitURI(remote, commit string) string {
	// git@host:path is what ssh://git@host/path is.
	if host, path, ok := strings.Cut(remote, ":"); ok && !strings.Contains(host, "/") && !strings.HasPrefix(path, "//") {
		remote = "ssh://" + host + "/" + path
	}

	u, err := url.Parse(remote)
	if err != nil || u.Host == "" {
		return ""
	}

	if u.User != nil {
		u.User = nil
		if u.Scheme == "ssh" {
			u.User = url.User("git")
		}
	}

	return "git+" + u.String() + "@" + commit
}
