package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/media/extent"
)

// The names of an installer's files below usr/install/ARCH.
const (
	Kernel    = "vmlinuz"
	Initramfs = "initramfs.xz"
	Stub      = "systemd-stub.efi"
	Boot      = "systemd-boot.efi"
	OSRelease = "os-release"
)

// InstallDir is where an installer image has its files, one directory for
// each architecture.
const InstallDir = "/usr/install"

// LocalPrefix makes a reference a path: it is never looked for in a registry.
const LocalPrefix = "oci:"

// maxFile bounds one file, in bytes: a PE image can't hold more.
const maxFile = 1<<32 - 1

// Options says which files are wanted and how they may be got.
type Options struct {
	// Arch is the architecture, as Go and OCI images name it.
	Arch string
	// Names are the files that must be there.
	Names []string
	// Insecure allows registries without TLS or with unknown certificates.
	Insecure bool
	// TempDir is where files of compressed layers are put. Beside the output
	// is best: the file system can then share their blocks. Empty means the
	// system's directory for temporary files.
	TempDir string
	// Progress gets one line for each step that may take long; may be nil.
	Progress func(format string, args ...any)
}

// Set is an opened set of files. Close it after the last use of its lists.
type Set struct {
	// From says where the files come from, for people.
	From string
	// Labels are the image's; nil for a directory.
	Labels map[string]string

	files   map[string]*extent.List
	closers []io.Closer
	checks  []<-chan error
	cancel  context.CancelFunc
}

// ErrNotFound is returned (wrapped) when the installer lacks a file or the
// architecture.
var ErrNotFound = errors.New("not in the installer")

// notFound is an error with a message of its own and ErrNotFound in its chain.
type notFound string

func (e notFound) Error() string { return string(e) }

func (e notFound) Is(target error) bool { return target == ErrNotFound }

// File returns the content of one of Options.Names.
func (s *Set) File(name string) *extent.List { return s.files[name] }

// Verify waits until every layer that files are taken from has been compared
// with its digest. Call it before the output gets its name.
func (s *Set) Verify() error {
	for _, c := range s.checks {
		if err := <-c; err != nil {
			return err
		}
	}

	s.checks = nil

	return nil
}

// Close releases all files. Lists from the set are unusable afterwards.
func (s *Set) Close() {
	if s.cancel != nil {
		s.cancel()
	}

	for _, c := range s.checks {
		<-c // a reader of the files that are closed next
	}

	s.checks = nil

	for _, c := range s.closers {
		_ = c.Close() // read-only, or without a name: nothing can be lost
	}

	s.closers = nil
}

// Open opens the installer that ref names; see the package comment for its
// forms. An installer without Options.Arch, or without one of the files, is
// an error in whose chain [ErrNotFound] is, and which names what there is.
func Open(ctx context.Context, ref string, o Options) (*Set, error) {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}

	if len(o.Names) == 0 {
		return &Set{From: ref}, nil
	}

	s, err := open(ctx, ref, &o)
	if err != nil {
		return nil, fmt.Errorf("opening the installer %s: %w", ref, err)
	}

	return s, nil
}

func open(ctx context.Context, ref string, o *Options) (*Set, error) {
	ref, local := strings.CutPrefix(ref, LocalPrefix)
	file, name := ref, ""

	st, err := os.Stat(file)
	if err != nil {
		// PATH:NAME, where the name can't hold a slash.
		if i := strings.LastIndexByte(ref, ':'); i > 0 && !strings.Contains(ref[i:], "/") {
			if st, err = os.Stat(ref[:i]); err == nil {
				file, name = ref[:i], ref[i+1:]
			}
		}
	}

	switch {
	case err != nil && (local || looksLikePath(ref)):
		return nil, err
	case err != nil:
		return openRegistry(ctx, ref, o)
	case !st.IsDir():
		return openArchive(ctx, file, name, o)
	}

	if _, err := os.Stat(path.Join(file, "index.json")); err == nil {
		return openLayout(ctx, file, name, o)
	}

	return openDir(file, o)
}

// looksLikePath tells a path that does not exist from an image reference.
func looksLikePath(ref string) bool {
	return ref == "" || strings.HasPrefix(ref, "/") || strings.HasPrefix(ref, "./") || strings.HasPrefix(ref, "../") ||
		strings.HasSuffix(ref, ".tar")
}

// openDir takes the files from a directory.
func openDir(dir string, o *Options) (*Set, error) {
	s := &Set{From: dir, files: map[string]*extent.List{}}

	at := dir

	for _, sub := range []string{path.Join(InstallDir, o.Arch), o.Arch, ""} {
		at = path.Join(dir, sub)
		if st, err := os.Stat(at); err == nil && st.IsDir() && (sub != "" || exists(path.Join(at, o.Names[0]))) {
			break
		}

		at = ""
	}

	if at == "" {
		have := append(subdirs(path.Join(dir, InstallDir)), subdirs(dir)...)

		return nil, missingArch(o.Arch, slices.DeleteFunc(have, func(n string) bool { return !knownArch(n) }))
	}

	for _, n := range o.Names {
		f, err := os.Open(path.Join(at, n))
		if err != nil {
			s.Close()

			if errors.Is(err, os.ErrNotExist) {
				return nil, notFound("it has no file " + path.Join(at, n))
			}

			return nil, err
		}

		s.closers = append(s.closers, f)

		if s.files[n], err = extent.FromFile(f); err != nil {
			s.Close()
			return nil, err
		}
	}

	return s, nil
}

func exists(p string) bool {
	_, err := os.Stat(p)

	return err == nil
}

func subdirs(dir string) (out []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}

	return out
}

func knownArch(n string) bool { return slices.Contains([]string{"amd64", "arm64", "riscv64"}, n) }

// missingArch is the error for an installer that has other architectures.
func missingArch(arch string, have []string) error {
	// Signatures and SBOMs in a layout are for no architecture.
	have = slices.DeleteFunc(have, func(a string) bool { return a == "" })

	slices.Sort(have)
	have = slices.Compact(have)

	if len(have) == 0 {
		return notFound("it has no files for " + arch + ", nor for any other architecture")
	}

	return notFound("it has no files for " + arch + ", only for " + strings.Join(have, ", "))
}

// finish checks that everything wanted was found in an image.
func (s *Set) finish(o *Options, seen map[string]bool) error {
	for _, n := range o.Names {
		if s.files[n] != nil {
			continue
		}

		if !seen[o.Arch] {
			var have []string
			for a := range seen {
				have = append(have, a)
			}

			return missingArch(o.Arch, have)
		}

		return notFound("it has no file " + path.Join(InstallDir, o.Arch, n))
	}

	return nil
}

// FromFiles is a set of files that are open already. It does not close them.
func FromFiles(files map[string]*extent.List) *Set { return &Set{files: files} }

// Add puts files into the set, in place of its own. It does not close them.
func (s *Set) Add(files map[string]*extent.List) {
	if s.files == nil {
		s.files = map[string]*extent.List{}
	}

	maps.Copy(s.files, files)
}
