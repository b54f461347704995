package imager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/installer/cmdline"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/pe"
	"github.com/akmon-os/akmon/schemas/profile"
)

// ErrNoInstaller is returned when neither the profile nor the options say
// what to make the asset from.
var ErrNoInstaller = errors.New("no installer is named: use --installer, or input.baseInstaller in the profile")

// Lay computes the asset that the profile describes. The profile is not
// changed. The asset must be closed.
func Lay(ctx context.Context, p *profile.Profile, o Options) (*Asset, error) {
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}

	q := *p
	if q.Arch == "" {
		q.Arch = runtime.GOARCH
	}

	if err := Check(&q); err != nil {
		return nil, err
	}

	l := &layer{p: &q, o: &o, a: &Asset{time: o.Time, tempDir: o.OutputDir}}
	if err := l.lay(ctx); err != nil {
		l.a.Close()
		return nil, fmt.Errorf("making the %s: %w", q.Output.Kind, err)
	}

	return l.a, nil
}

// layer is one run of Lay.
type layer struct {
	p *profile.Profile
	o *Options
	a *Asset
}

func (l *layer) lay(ctx context.Context) error {
	p, a := l.p, l.a

	a.Result = Result{Kind: p.Output.Kind, Arch: p.Arch, Platform: p.Platform}

	stem := l.o.Stem
	if stem == "" {
		stem = p.Stem()
	}

	if k := p.Output.Kind; k == profile.ISO || k == profile.UKI || k == profile.Cmdline || k == profile.Image {
		args, err := cmdline.Merge(cmdline.Defaults(p.Platform, p.Arch), p.Customization.ExtraKernelArgs)
		if err != nil {
			return err
		}

		if a.Result.Cmdline, err = cmdline.Join(args); err != nil {
			return err
		}

		l.o.Progress("kernel command line: %s", a.Result.Cmdline)
	}

	switch p.Output.Kind {
	case profile.Cmdline:
		a.Name = "cmdline-" + stem
		a.List = extent.FromBytes([]byte(a.Result.Cmdline))
	case profile.Kernel:
		a.Name = "kernel-" + p.Arch

		if err := l.open(ctx, assets.Kernel); err != nil {
			return err
		}

		a.List = a.set.File(assets.Kernel)
		if err := l.kernel(a.List); err != nil {
			return err
		}
	case profile.Initramfs:
		a.Name = "initramfs-" + stem + ".xz"

		if err := l.open(ctx, assets.Initramfs); err != nil {
			return err
		}

		a.List = a.set.File(assets.Initramfs)
	case profile.Image:
		if err := l.disk(ctx, stem); err != nil {
			return err
		}
	default:
		uki, err := l.uki(ctx)
		if err != nil {
			return err
		}

		a.Name, a.List = stem+"-uki.efi", uki

		if p.Output.Kind == profile.ISO {
			a.Name = stem + ".iso"

			if err := l.iso(uki); err != nil {
				return err
			}
		}
	}

	return l.wrap()
}

// open opens the inputs with these names: files that the profile names, and
// the rest from the installer.
func (l *layer) open(ctx context.Context, names ...string) error {
	var (
		fromInstaller []string
		own           = map[string]*extent.List{}
	)

	for _, n := range names {
		file := l.ownPath(n)
		if file == "" {
			fromInstaller = append(fromInstaller, n)
			continue
		}

		f, err := os.Open(file)
		if err != nil {
			return err
		}

		l.a.files = append(l.a.files, f)

		if own[n], err = extent.FromFile(f); err != nil {
			return err
		}
	}

	if len(fromInstaller) == 0 {
		l.a.set = assets.FromFiles(own)
		return nil
	}

	ref, insecure, err := l.installer()
	if err != nil {
		return err
	}

	tmp := l.o.OutputDir
	if st, err := os.Stat(tmp); tmp == "" || err != nil || !st.IsDir() {
		tmp = ""
	}

	set, err := assets.Open(ctx, ref, assets.Options{
		Arch: l.p.Arch, Names: fromInstaller, Insecure: insecure, TempDir: tmp, Progress: l.o.Progress,
	})
	if err != nil {
		return err
	}

	set.Add(own)

	l.a.set = set
	l.a.Result.Installer = set.From

	return nil
}

// ownPath is the file that the profile names for one of the assets. The
// documented default path means the installer's own.
func (l *layer) ownPath(name string) string {
	given := map[string]string{
		assets.Kernel:    l.p.Input.Kernel.Path,
		assets.Initramfs: l.p.Input.Initramfs.Path,
		assets.Stub:      l.p.Input.SDStub.Path,
		assets.Boot:      l.p.Input.SDBoot.Path,
	}[name]

	if given == path.Join(assets.InstallDir, l.p.Arch, name) {
		return ""
	}

	return given
}

// installer says where the installer is.
func (l *layer) installer() (ref string, insecure bool, err error) {
	b := l.p.Input.BaseInstaller
	insecure = l.o.Insecure || b.ForceInsecure

	switch {
	case l.o.Installer != "":
		return l.o.Installer, insecure, nil
	case b.OCIPath != "":
		return assets.LocalPrefix + b.OCIPath, insecure, nil
	case b.TarballPath != "":
		return assets.LocalPrefix + b.TarballPath, insecure, nil
	case b.ImageRef != "":
		return withTag(b.ImageRef, l.p.Version), insecure, nil
	case l.o.DefaultInstaller != "":
		return l.o.DefaultInstaller, insecure, nil
	default:
		return "", false, ErrNoInstaller
	}
}

// withTag adds the profile's version to a reference that has neither tag nor
// digest.
func withTag(ref, version string) string {
	last := ref[strings.LastIndexByte(ref, '/')+1:]
	if version == "" || strings.ContainsAny(last, ":@") {
		return ref
	}

	return ref + ":" + version
}

// kernel checks the kernel's format and architecture and notes its release.
func (l *layer) kernel(list *extent.List) error {
	img, err := pe.Parse(list, list.Size())
	if err != nil {
		return fmt.Errorf("the kernel has no EFI stub (CONFIG_EFI_STUB): %w", err)
	}

	if img.Machine.String() != l.p.Arch {
		return fmt.Errorf("the kernel is for %s, not for %s", img.Machine, l.p.Arch)
	}

	l.a.Result.Kernel = pe.KernelVersion(list)

	return nil
}
