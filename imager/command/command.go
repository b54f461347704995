// Package command is the imager's command line. One constructor serves both
// programs: "akmon image", and "imager" in the imager image, whose flags the
// public Talos documentation describes.
package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/imager"
	"github.com/akmon-os/akmon/schemas/profile"
)

// ErrUsage is in the chain of errors that the command line itself causes; the
// program should exit with 2.
var ErrUsage = errors.New("usage")

// usageError adds ErrUsage to an error's chain without a word.
type usageError struct{ error }

func (e usageError) Is(target error) bool { return target == ErrUsage }

func (e usageError) Unwrap() error { return e.error }

// usage is fmt.Errorf for a usageError.
func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Config makes the command one program's own.
type Config struct {
	// Use is the command's name: "image" below akmon, "imager" by itself.
	Use string
	// OutputDir is the default of --output.
	OutputDir string
	// Stem starts file names, followed by "-ARCH". Empty means the documented
	// names, which start with the platform: "metal-amd64.iso".
	Stem string
	// DefaultInstaller is used when none is named; see imager.Options.
	DefaultInstaller string
}

// Akmon is the command below akmon.
var Akmon = Config{Use: "image", OutputDir: "_out", Stem: "akmon"}

type flags struct {
	installer, arch, platform, output, format, outputKind string
	extra                                                 []string
	tar, insecure                                         bool
}

// New returns the command.
func New(c Config) *cobra.Command {
	var f flags

	cmd := &cobra.Command{
		Use:   c.Use + " PROFILE|FILE|-",
		Short: "Render a boot asset from an installer: an ISO image, a disk image, a UKI, a kernel, an initramfs",
		Long: `Render a boot asset from an installer image.

The argument is a base profile (` + strings.Join(profile.Names(), ", ") + `),
a file with a profile (its name has a slash or ends in .yaml), or "-" for a
profile on standard input. Flags that are given win over the profile.

The installer is a reference to an image in a registry, an OCI layout (a
directory or a tar archive; PATH:NAME chooses one of several images), a file
from "docker save", or a directory with usr/install/ARCH in it.

Disk images are raw, qcow2, vhd, vhdx, vmdk or ova (output.imageOptions in a
profile); any asset can be packed as .gz, .xz, .zst or .tar.gz
(output.outFormat). Base profiles say what their platform wants.

Kernel arguments are added to the defaults of the platform; "-name" removes,
"console" and "talos.platform" replace.`,
		Example:       example(c.Use),
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("one profile is expected, there are %d (try --help)", len(args))
			}

			return nil
		},
		ValidArgs: profile.Names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return run(cmd, args[0], &f, &c)
		},
	}

	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%w (try --help)", err) })

	fs := cmd.Flags()
	fs.StringVar(&f.installer, "installer", "", "installer `IMAGE`: a reference, an OCI layout, an archive or a directory")
	fs.StringVar(&f.installer, "base-installer-image", "", "the same as --installer")
	fs.StringVar(&f.arch, "arch", runtime.GOARCH, "`ARCH`itecture of the asset: amd64 or arm64")
	fs.StringVar(&f.platform, "platform", "", "value of talos.platform (default from the profile)")
	fs.StringArrayVar(&f.extra, "extra-kernel-arg", nil, "kernel `ARGUMENT` to add (NAME=VALUE) or remove (-NAME); may be repeated")
	fs.StringVar(&f.output, "output", c.OutputDir, "`DIR`ectory to write to")
	fs.StringVar(&f.outputKind, "output-kind", "", "override the profile's output `KIND`")
	fs.BoolVar(&f.tar, "tar-to-stdout", false, "write a gzip-compressed tar archive to standard output instead")
	fs.BoolVar(&f.insecure, "insecure", false, "allow registries without TLS or with unknown certificates")
	fs.StringVarP(&f.format, "format", "o", "text", "how to report the result: text or json")

	return cmd
}

func example(use string) string {
	full := use
	if use == "image" {
		full = "akmon image"
	}

	return fmt.Sprintf(`  %[1]s iso --installer _out/installer --arch amd64 --extra-kernel-arg console=ttyS0
  %[1]s metal --installer _out/installer --platform nocloud
  %[1]s azure --installer _out/installer --arch amd64 --output images
  %[1]s uki --installer registry.example.org/akmon/installer:v1.0.0
  %[1]s iso --tar-to-stdout | tar xz
  %[1]s - < profile.yaml`, full)
}

func run(cmd *cobra.Command, arg string, f *flags, c *Config) error {
	if f.format != "text" && f.format != "json" {
		return usage("-o %s: the format is text or json", f.format)
	}

	if f.tar && f.format == "json" {
		return usage("--tar-to-stdout and -o json both want standard output")
	}

	p, err := load(cmd, arg, f)
	if err != nil {
		return err
	}

	opts := imager.Options{
		Installer: f.installer, DefaultInstaller: c.DefaultInstaller, Insecure: f.insecure, OutputDir: f.output,
		Progress: func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) },
	}

	if c.Stem != "" {
		opts.Stem = c.Stem + "-" + p.Arch
	}

	if opts.Time, err = epoch(); err != nil {
		return err
	}

	if f.tar {
		return toStdout(cmd, p, opts)
	}

	r, err := imager.Render(cmd.Context(), p, opts)
	if err != nil {
		return err
	}

	opts.Progress("output asset path: %s", r.Path)

	if f.format == "json" {
		enc := json.NewEncoder(cmd.OutOrStdout())
		enc.SetIndent("", "  ")

		return enc.Encode(r)
	}

	_, err = fmt.Fprintln(cmd.OutOrStdout(), r.Path)

	return err
}

// toStdout streams the asset. Nothing is written to the output directory.
func toStdout(cmd *cobra.Command, p *profile.Profile, opts imager.Options) error {
	// A reader that goes away must be an error that is reported, not a signal.
	signal.Ignore(syscall.SIGPIPE)

	opts.OutputDir = ""

	a, err := imager.Lay(cmd.Context(), p, opts)
	if err != nil {
		return err
	}
	defer a.Close()

	_, err = a.WriteTar(cmd.Context(), cmd.OutOrStdout())

	return err
}

// maxProfile bounds a profile document, in bytes.
const maxProfile = 4 << 20

// load reads the profile and lays the given flags over it.
func load(cmd *cobra.Command, arg string, f *flags) (*profile.Profile, error) {
	var p *profile.Profile

	switch {
	case arg == "-":
		b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxProfile))
		if err != nil {
			return nil, fmt.Errorf("reading the profile from standard input: %w", err)
		}

		if p, err = profile.Load(arg, b); err != nil {
			return nil, err
		}
	case strings.ContainsRune(arg, '/') || strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml"):
		b, err := os.ReadFile(arg)
		if err != nil {
			return nil, fmt.Errorf("reading the profile: %w", err)
		}

		if p, err = profile.Load(arg, b); err != nil {
			return nil, err
		}
	default:
		var err error
		if p, err = profile.Base(arg); err != nil {
			return nil, usage("%w", err)
		}
	}

	if p.Arch == "" || cmd.Flags().Changed("arch") {
		p.Arch = f.arch
	}

	if f.platform != "" {
		p.Platform = f.platform
	}

	if f.outputKind != "" {
		if err := p.Output.Kind.UnmarshalText([]byte(f.outputKind)); err != nil {
			return nil, usage("--output-kind: %w", err)
		}
	}

	for _, a := range f.extra {
		if strings.ContainsAny(a, "\n\r\x00") {
			return nil, usage("--extra-kernel-arg %q has a line break or zero byte in it", a)
		}
	}

	p.Customization.ExtraKernelArgs = append(p.Customization.ExtraKernelArgs, f.extra...)

	return p, nil
}

// epoch reads SOURCE_DATE_EPOCH (reproducible-builds.org): seconds since 1970.
func epoch() (time.Time, error) {
	s := os.Getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		return time.Time{}, nil
	}

	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q, not a number of seconds", s)
	}

	return time.Unix(n, 0).UTC(), nil
}
