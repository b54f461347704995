package debsrc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"

	"github.com/akmon-os/akmon/forge/source"
)

// Wanted is a source package. URL and sums of the source are those of its
// .dsc.
type Wanted struct {
	source.Source

	// Unpatched leaves the upstream files as they are.
	Unpatched bool
}

// version is that of the way in which packages are unpacked. It must change
// when the same package would become another archive.
const version = 1

// Key is what the archive of a source package is called in the store's folder
// of made files: a digest of all that it depends on.
func Key(dscSHA256 string, unpatched bool) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "debian source package %d %s unpatched=%t", version, dscSHA256, unpatched))

	return hex.EncodeToString(sum[:])
}

// Fetch sees to it that the store has the .dsc, the files that it names, and
// the archive that is made of them, whose path it returns.
func Fetch(ctx context.Context, store *source.Store, w Wanted) (string, error) {
	dsc, err := store.Fetch(ctx, w.Source)
	if err != nil {
		return "", err
	}

	data, err := os.ReadFile(dsc)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", w.URL, err)
	}

	d, err := Parse(data)
	if err != nil {
		return "", fmt.Errorf("%s: %s: %w", w.Label(), w.URL, err)
	}

	sources := make([]source.Source, len(d.Files))

	for i, f := range d.Files {
		address, err := beside(w.URL, f.Name)
		if err != nil {
			return "", fmt.Errorf("%s: %w", w.Label(), err)
		}

		sources[i] = source.Source{Package: w.Package, Position: w.Position, URL: address, SHA256: f.SHA256}
	}

	paths, err := store.FetchAll(ctx, sources)
	if err != nil {
		return "", err
	}

	files := map[string]string{}
	for i, f := range d.Files {
		files[f.Name] = paths[i]
	}

	made, err := store.Make(ctx, Key(w.SHA256, w.Unpatched), func(ctx context.Context, out io.Writer) error {
		return unpack(ctx, store, d, files, w.Unpatched, out)
	})
	if err != nil {
		return "", fmt.Errorf("%s: unpack %s: %w", w.Label(), path.Base(w.URL), err)
	}

	return made, nil
}

// beside is the address of another file in the directory of an address.
func beside(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("parse URL: %w", err)
	}

	u.Path, u.RawPath = path.Join(path.Dir(u.Path), name), ""

	return u.String(), nil
}
