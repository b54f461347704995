package imager

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/schemas/profile"
)

// Options are the parts of a run that are not part of the profile.
type Options struct {
	// Installer wins over the profile's base installer: a reference, a layout,
	// an archive or a directory (see imager/assets).
	Installer string
	// DefaultInstaller is used when neither names one: for the imager image,
	// the directory of its own files. Empty means that one must be named.
	DefaultInstaller string
	// Insecure allows registries without TLS or with unknown certificates.
	Insecure bool
	// OutputDir is where Render puts the asset; it is made when missing. It
	// also takes temporary files, which have no names.
	OutputDir string
	// Stem is the first part of the asset's file name. Empty means the
	// documented one, "metal-amd64".
	Stem string
	// Time stands for all times in the asset. The zero time means a fixed one.
	Time time.Time
	// Progress gets one line for each step; may be nil.
	Progress func(format string, args ...any)
}

// Result describes a finished asset.
type Result struct {
	Kind      profile.Kind `json:"kind"`
	Arch      string       `json:"arch"`
	Platform  string       `json:"platform"`
	Path      string       `json:"path"`                // where it was written
	Size      int64        `json:"size"`                // bytes of the file
	Disk      *Disk        `json:"disk,omitempty"`      // of a disk image
	Installer string       `json:"installer"`           // what it was made from
	Version   string       `json:"version,omitempty"`   // of the system, from os-release
	Kernel    string       `json:"kernel,omitempty"`    // release, where the kernel says it
	Cmdline   string       `json:"cmdline,omitempty"`   // of kinds that have one
	BootImage *Range       `json:"bootImage,omitempty"` // of an ISO: the FAT volume in it
}

// Range is a part of an asset, in bytes.
type Range struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// Disk describes the disk in a disk image.
type Disk struct {
	Size       int64              `json:"size"`       // bytes
	SectorSize int64              `json:"sectorSize"` // bytes
	Format     profile.DiskFormat `json:"format"`
}

// Asset is a laid out asset. Close it when it has been written.
type Asset struct {
	// Name is the file name, such as "metal-amd64.iso".
	Name string
	// List is the content; nil where it is compressed, and so not known before
	// it is written.
	List *extent.List
	// Result is complete but for Path, and for Size where List is nil.
	Result Result

	time    time.Time
	tempDir string
	set     *assets.Set
	files   []*os.File
	// encode writes the content to an empty file, where List is nil.
	encode func(context.Context, *os.File) error
}

// Close releases the inputs. The list is unusable afterwards.
func (a *Asset) Close() {
	for _, f := range a.files {
		_ = f.Close() // opened for reading
	}

	a.files = nil

	if a.set != nil {
		a.set.Close()
	}
}

// Render makes the asset that the profile describes, in o.OutputDir. On
// errors nothing is left there.
func Render(ctx context.Context, p *profile.Profile, o Options) (Result, error) {
	// First of all, so that temporary files can be beside the output.
	made, err := makeDir(o.OutputDir)
	if err != nil {
		return Result{}, fmt.Errorf("making the output directory: %w", err)
	}

	r, err := render(ctx, p, o)
	if err != nil {
		for _, d := range made {
			_ = os.Remove(d) // only if empty: it was made for nothing
		}
	}

	return r, err
}

func render(ctx context.Context, p *profile.Profile, o Options) (Result, error) {
	a, err := Lay(ctx, p, o)
	if err != nil {
		return Result{}, err
	}
	defer a.Close()

	return a.WriteFile(ctx, o.OutputDir)
}

// WriteFile writes the asset into dir, which must exist, under its name. A
// file with that name is replaced only when all went well.
func (a *Asset) WriteFile(ctx context.Context, dir string) (Result, error) {
	r := a.Result
	r.Path = filepath.Join(dir, a.Name)

	var err error
	r.Size, err = a.writeFile(ctx, r.Path)

	if err != nil {
		return Result{}, err
	}

	return r, nil
}

func (a *Asset) writeFile(ctx context.Context, path string) (int64, error) {
	out, err := extent.Create(path, 0o644)
	if err != nil {
		return 0, err
	}
	defer out.Abort()

	if err := a.fill(ctx, out.File); err != nil {
		return 0, extent.Explain(path, err)
	}

	if err := a.verify(ctx); err != nil {
		return 0, err
	}

	st, err := out.File.Stat()
	if err != nil {
		return 0, fmt.Errorf("reading the size of %s: %w", path, err)
	}

	return st.Size(), out.Commit(false)
}

// fill writes the content to an empty file.
func (a *Asset) fill(ctx context.Context, f *os.File) error {
	if a.encode != nil {
		return a.encode(ctx, f)
	}

	return a.List.WriteFile(f, 0)
}

// spool has a nameless temporary file filled and returns its content. The file
// is closed with the asset.
func (a *Asset) spool(ctx context.Context, fill func(context.Context, *os.File) error) (*extent.List, error) {
	dir := a.tempDir
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		dir = ""
	}

	f, err := os.CreateTemp(dir, ".image-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}

	_ = os.Remove(f.Name()) // it lives as long as it is open
	a.files = append(a.files, f)

	if err := fill(ctx, f); err != nil {
		return nil, extent.Explain("a temporary file", err)
	}

	return extent.FromFile(f)
}

// verify waits for the inputs' digests.
func (a *Asset) verify(ctx context.Context) error {
	if a.set != nil {
		if err := a.set.Verify(); err != nil {
			return fmt.Errorf("checking the installer: %w", err)
		}
	}

	return ctx.Err()
}

// makeDir is os.MkdirAll that tells what it made, innermost first.
func makeDir(dir string) (made []string, err error) {
	if dir == "" {
		return nil, nil
	}

	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}

		made = append(made, d)
	}

	return made, os.MkdirAll(dir, 0o755)
}
