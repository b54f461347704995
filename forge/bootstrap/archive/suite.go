package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"

	"github.com/akmon-os/akmon/forge/bootstrap/closure"
	"github.com/akmon-os/akmon/forge/bootstrap/xz"
	"github.com/akmon-os/akmon/forge/source"
)

// Client reads archives through a store and its mirrors.
type Client struct {
	Store   *source.Store
	Keyring openpgp.EntityList // empty: signatures are not verified
	Base    string             // of the snapshot archives; "" means snapshot.debian.org
}

// Suite is a suite at one time.
type Suite struct {
	*Release
	Name    string // as asked for
	Archive string // debian or debian-security
}

const snapshotBase = "https://snapshot.debian.org/archive"

// timeForm is how snapshot.debian.org writes times.
const timeForm = "20060102T150405Z"

// Of tells which archive has a suite.
func Of(suite string) string {
	if strings.HasSuffix(suite, "-security") {
		return "debian-security"
	}

	return "debian"
}

// URL is the permanent address of a file of an archive as it was at a time.
func (c *Client) URL(archive string, at time.Time, file string) string {
	base := c.Base
	if base == "" {
		base = snapshotBase
	}

	return base + "/" + archive + "/" + at.UTC().Format(timeForm) + "/" + file
}

// Open gets the state of a suite at a time. Mirrors show only the present: one
// is believed if its state is not younger than the time asked for, because
// then nothing has changed since.
func (c *Client) Open(ctx context.Context, suite string, at time.Time) (*Suite, error) {
	s := &Suite{Name: suite, Archive: Of(suite)}
	url := c.URL(s.Archive, at, "dists/"+suite+"/InRelease")

	var release *Release

	_, err := c.Store.Obtain(ctx, source.Wanted{
		Source: source.Source{Package: suite, URL: url},
		Name:   "inrelease-" + suite,
		Places: c.Store.Places(url),
		Fresh:  true,
		Check: func(_, file string, _ source.Sums) error {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}

			r, err := ParseRelease(data, c.Keyring)
			if err != nil {
				return err
			}

			if suite != r.Suite && suite != r.Codename {
				return fmt.Errorf("this InRelease is that of %s (%s)", r.Codename, r.Suite)
			}

			if r.Date.After(at) {
				return fmt.Errorf("%s changed there on %s, after the snapshot %s",
					suite, r.Date.Format(timeForm), at.Format(timeForm))
			}

			release = r

			return nil
		},
	})
	if err != nil {
		return nil, err
	}

	s.Release = release

	return s, nil
}

// Packages reads the suite's index of one component and architecture.
func (c *Client) Packages(ctx context.Context, s *Suite, at time.Time, component, arch string) ([]*closure.Package, error) {
	if !slices.Contains(s.Components, component) && !slices.Contains(s.Components, "updates/"+component) {
		return nil, fmt.Errorf("%s has no component %q, only %v", s.Name, component, s.Components)
	}

	name := component + "/binary-" + arch + "/Packages.xz"

	file, ok := s.Files[name]
	if !ok {
		return nil, fmt.Errorf("%s has no index %s: is there an architecture %q?", s.Name, name, arch)
	}

	dir := "dists/" + s.Name + "/"
	if s.ByHash { // an index that was replaced meanwhile is still found so
		name = path.Dir(name) + "/by-hash/SHA256/" + file.SHA256
	}

	local, err := c.Store.Fetch(ctx, source.Source{
		Package: s.Name + " index",
		URL:     c.URL(s.Archive, at, dir+name),
		SHA256:  file.SHA256,
	})
	if err != nil {
		return nil, err
	}

	f, err := os.Open(local)
	if err != nil {
		return nil, fmt.Errorf("read package index: %w", err)
	}
	defer f.Close()

	packages, err := ReadPackages(xz.NewReader(f), s.Archive)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read package index: the file of %s is not complete: %w", s.Name, err)
	}

	return packages, err
}
