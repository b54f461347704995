package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name" // BuildKit's exporter writes it
	layoutVersion       = `{"imageLayoutVersion":"1.0.0"}`
	maxManifest         = 8 << 20
)

// attachmentTag matches names in index.json that are not images: what cosign
// derives from a digest, and the referrers fallback tag.
var attachmentTag = regexp.MustCompile(`^sha256-[0-9a-f]{64}(\.[a-z]+)?$`)

// layoutStore is an OCI layout directory. Blobs and index.json are written to
// a temporary name and renamed. Two processes must not write one layout at
// the same time: the last index.json would win.
type layoutStore struct {
	dir   string
	files fs.FS // of dir, or of the archive that dir is
	// readOnly tells that it is an archive.
	readOnly bool
}

// ErrReadOnly means that images in an archive can be read, but nothing can be
// added to them.
var ErrReadOnly = errors.New("is an archive, unpack it into a directory first")

func openLayout(dir string) (*layoutStore, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("open OCI layout: %w", err)
	}

	s := &layoutStore{dir: dir, files: os.DirFS(dir)}

	if info.Mode().IsRegular() {
		if s.files, err = openTar(dir); err != nil {
			return nil, fmt.Errorf("open OCI archive %s: %w", dir, err)
		}

		s.readOnly = true
	}

	data, err := fs.ReadFile(s.files, "oci-layout")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open OCI layout: %s has no file oci-layout", dir)
	} else if err != nil {
		return nil, fmt.Errorf("open OCI layout: %w", err)
	}

	var header struct {
		Version string `json:"imageLayoutVersion"`
	}

	if err := json.Unmarshal(data, &header); err != nil || header.Version != "1.0.0" {
		return nil, fmt.Errorf("open OCI layout: %s/oci-layout does not say version 1.0.0", dir)
	}

	return s, nil
}

// createLayout makes dir a layout when it is not one yet.
func createLayout(dir string) (*layoutStore, error) {
	if isLayout(dir) {
		return openLayout(dir)
	}

	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return nil, fmt.Errorf("create OCI layout: %w", err)
	}

	s := &layoutStore{dir: dir, files: os.DirFS(dir)}

	if err := s.writeIndex(&v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}); err != nil {
		return nil, err
	}

	if err := writeAtomic(filepath.Join(dir, "oci-layout"), strings.NewReader(layoutVersion)); err != nil {
		return nil, fmt.Errorf("create OCI layout: %w", err)
	}

	return s, nil
}

func (s *layoutStore) name() string { return layoutPrefix + s.dir }

func (s *layoutStore) index() (*v1.IndexManifest, error) {
	data, err := fs.ReadFile(s.files, "index.json")
	if err != nil {
		return nil, fmt.Errorf("read OCI layout: %w", err)
	}

	var index v1.IndexManifest
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("read OCI layout %s/index.json: %w", s.dir, err)
	}

	return &index, nil
}

func (s *layoutStore) writeIndex(index *v1.IndexManifest) error {
	if s.readOnly {
		return fmt.Errorf("%s %w", s.name(), ErrReadOnly)
	}

	if index.Manifests == nil {
		index.Manifests = []v1.Descriptor{}
	}

	data, err := json.Marshal(index)
	if err != nil {
		return fmt.Errorf("write OCI layout: %w", err)
	}

	if err := writeAtomic(filepath.Join(s.dir, "index.json"), bytes.NewReader(data)); err != nil {
		return fmt.Errorf("write OCI layout: %w", err)
	}

	return nil
}

// images lists the entries that are images rather than attachments.
func (s *layoutStore) images(ctx context.Context) ([]v1.Descriptor, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}

	var images []v1.Descriptor

	for _, desc := range index.Manifests {
		if attachmentTag.MatchString(desc.Annotations[refNameAnnotation]) {
			continue
		}

		// An entry that cannot be read stays: opening it will say why.
		if raw, err := s.manifest(ctx, desc.Digest); err == nil && subjectOf(raw) != nil {
			continue
		}

		images = append(images, desc)
	}

	return images, nil
}

// find returns the entry that r names.
func (s *layoutStore) find(ctx context.Context, r layoutRef) (v1.Descriptor, error) {
	if r.digest != (v1.Hash{}) {
		return s.byDigest(ctx, r.digest)
	}

	if r.tag != "" {
		return s.byTag(ctx, r.tag)
	}

	images, err := s.images(ctx)
	if err != nil {
		return v1.Descriptor{}, err
	}

	switch len(images) {
	case 1:
		return images[0], nil
	case 0:
		return v1.Descriptor{}, fmt.Errorf("image in %s: %w: the layout is empty", s.name(), ErrNotFound)
	}

	names := make([]string, len(images))
	for i, desc := range images {
		if names[i] = desc.Annotations[refNameAnnotation]; names[i] == "" {
			names[i] = "@" + desc.Digest.String()
		}
	}

	return v1.Descriptor{}, fmt.Errorf("%s holds %d images, say which as %s:NAME: %s",
		s.name(), len(images), s.name(), strings.Join(names, ", "))
}

func (s *layoutStore) byTag(_ context.Context, tag string) (v1.Descriptor, error) {
	index, err := s.index()
	if err != nil {
		return v1.Descriptor{}, err
	}

	for _, desc := range index.Manifests {
		full := desc.Annotations[refNameAnnotation]
		if full == tag || strings.HasSuffix(full, ":"+tag) || desc.Annotations[imageNameAnnotation] == tag {
			return desc, nil
		}
	}

	return v1.Descriptor{}, fmt.Errorf("image %q in %s: %w", tag, s.name(), ErrNotFound)
}

func (s *layoutStore) byDigest(ctx context.Context, digest v1.Hash) (v1.Descriptor, error) {
	index, err := s.index()
	if err != nil {
		return v1.Descriptor{}, err
	}

	for _, desc := range index.Manifests {
		if desc.Digest == digest {
			return desc, nil
		}
	}

	raw, err := s.manifest(ctx, digest)
	if err != nil {
		return v1.Descriptor{}, err
	}

	return v1.Descriptor{MediaType: mediaTypeOf(raw), Digest: digest, Size: int64(len(raw))}, nil
}

func (s *layoutStore) blobPath(digest v1.Hash) string {
	return filepath.Join(s.dir, "blobs", digest.Algorithm, digest.Hex)
}

// manifest reads a manifest as it is stored; the caller checks its digest.
func (s *layoutStore) manifest(ctx context.Context, digest v1.Hash) ([]byte, error) {
	rc, err := s.blob(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer rc.Close()

	data, err := io.ReadAll(io.LimitReader(rc, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", digest, err)
	}

	if len(data) > maxManifest {
		return nil, fmt.Errorf("manifest %s is larger than %d bytes", digest, maxManifest)
	}

	return data, nil
}

func (s *layoutStore) blob(_ context.Context, digest v1.Hash) (io.ReadCloser, error) {
	f, err := s.files.Open(path.Join("blobs", digest.Algorithm, digest.Hex))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s in %s: %w", digest, s.name(), ErrNotFound)
	} else if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}

	return f, nil
}

// referrers lists the entries of index.json whose subject is digest. Every
// entry's manifest is checked, lest a changed byte hide an attachment.
func (s *layoutStore) referrers(ctx context.Context, digest v1.Hash) ([]v1.Descriptor, error) {
	index, err := s.index()
	if err != nil {
		return nil, err
	}

	var found []v1.Descriptor

	for _, desc := range index.Manifests {
		raw, err := readManifest(ctx, s, desc, "manifest")
		if err != nil {
			return nil, fmt.Errorf("list referrers: %w", err)
		}

		if subject := subjectOf(raw); subject != nil && subject.Digest == digest {
			found = append(found, desc)
		}
	}

	return found, nil
}

// put stores an artefact's blobs, then its manifest, then its entry. A tag
// replaces the entry that had it.
func (s *layoutStore) put(_ context.Context, a *artefact, tag string) error {
	for digest, data := range a.blobs {
		if err := s.putBlob(digest, bytes.NewReader(data)); err != nil {
			return err
		}
	}

	if err := s.putBlob(a.desc.Digest, bytes.NewReader(a.raw)); err != nil {
		return err
	}

	return s.putEntry(a.desc, tag)
}

// putEntry lists desc in index.json. A tag takes its name from the entry that
// had it; without one, an entry that lists the manifest already is enough.
func (s *layoutStore) putEntry(desc v1.Descriptor, tag string) error {
	index, err := s.index()
	if err != nil {
		return err
	}

	kept := make([]v1.Descriptor, 0, len(index.Manifests)+1)

	for _, have := range index.Manifests {
		name := have.Annotations[refNameAnnotation]

		switch same := have.Digest == desc.Digest; {
		case same && tag == "":
			return nil
		case name == tag && tag != "", same && name == "":
			continue
		}

		kept = append(kept, have)
	}

	if tag != "" {
		desc.Annotations = withAnnotation(desc.Annotations, refNameAnnotation, tag)
	}

	index.Manifests = append(kept, desc)

	return s.writeIndex(index)
}

// supersede drops the entries that an artefact takes the place of, with what
// refers to those. Their blobs stay, as blobs that nothing names may.
func (s *layoutStore) supersede(ctx context.Context, a *artefact) error {
	want, err := parseHeader(a.raw)
	if err != nil {
		return err
	}

	index, err := s.index()
	if err != nil {
		return err
	}

	headers := make([]header, len(index.Manifests))
	gone := map[v1.Hash]bool{}

	for i, desc := range index.Manifests {
		raw, err := readManifest(ctx, s, desc, "manifest")
		if err != nil {
			return err
		}

		if headers[i], err = parseHeader(raw); err != nil {
			return err
		}

		if desc.Digest != a.desc.Digest && want.supersedes(headers[i]) {
			gone[desc.Digest] = true
		}
	}

	for range index.Manifests { // a signature of an attachment is two steps away
		for i, desc := range index.Manifests {
			if subject := headers[i].Subject; subject != nil && gone[subject.Digest] {
				gone[desc.Digest] = true
			}
		}
	}

	if len(gone) == 0 {
		return nil
	}

	index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool { return gone[d.Digest] })

	return s.writeIndex(index)
}

// supersedes tells whether both are attachments of one kind to one image.
func (h header) supersedes(old header) bool {
	if h.Subject == nil || old.Subject == nil || h.Subject.Digest != old.Subject.Digest {
		return false
	}

	if predicate := h.Annotations[PredicateAnnotation]; predicate != "" {
		return old.Annotations[PredicateAnnotation] == predicate
	}

	return old.ArtifactType == h.ArtifactType
}
