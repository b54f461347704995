package publish

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// layoutPrefix marks a reference as a directory, as skopeo and buildah do.
const layoutPrefix = "oci:"

// layoutRef is a parsed reference to an OCI layout: a directory and, at most
// one of them set, a name or a digest within.
type layoutRef struct {
	dir    string
	tag    string
	digest v1.Hash
}

// isLayout tells whether dir looks like an OCI layout, or like an archive of
// one, which has the ending .tar.
func isLayout(dir string) bool {
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		return strings.HasSuffix(dir, ".tar")
	}

	info, err := os.Stat(filepath.Join(dir, "oci-layout"))

	return err == nil && info.Mode().IsRegular()
}

// parseLayoutRef decides whether ref means a directory and splits it. A text
// without the prefix does when it starts with ".", "/" or "~", or when the
// directory exists and is a layout; everything else is for a registry.
func parseLayoutRef(ref string) (r layoutRef, ok bool, err error) {
	rest, explicit := strings.CutPrefix(ref, layoutPrefix)
	if rest == "" {
		return layoutRef{}, true, errors.New("empty image reference")
	}

	// The longest directory wins, so that a path may hold a colon.
	if isLayout(rest) {
		return layoutRef{dir: rest}, true, nil
	}

	r.dir = rest

	if dir, digest, found := cutLast(rest, "@"); found && strings.HasPrefix(digest, "sha256:") {
		r.dir = dir

		if r.digest, err = v1.NewHash(digest); err != nil {
			return layoutRef{}, true, fmt.Errorf("parse reference %q: %w", ref, err)
		}
	} else if dir, tag, found := cutLast(rest, ":"); found && !strings.Contains(tag, "/") {
		r.dir, r.tag = dir, tag
	}

	pathLike := strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ".")

	return r, explicit || pathLike || isLayout(r.dir), nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}

	return s, "", false
}
