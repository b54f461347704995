// Package command is the command line of the installer: the program in the
// installer image, which a machine runs to put the system on its disk. The
// flags are those that the public documentation shows.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/installer"
	"github.com/akmon-os/akmon/installer/cmdline"
	"github.com/akmon-os/akmon/internal/version"
)

// Exit codes of the program.
const (
	ExitOK     = 0
	ExitFailed = 1 // the work failed
	ExitUsage  = 2 // the command line is wrong
)

// usageError marks what the caller got wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// Main runs the installer with args (without the program's name) and returns
// its exit code. Progress and errors go to stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := root(stderr)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)

	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}

	fmt.Fprintf(stderr, "installer: %v\n", err)

	var usage usageError
	if errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command") {
		return ExitUsage
	}

	return ExitFailed
}

func root(stderr io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "installer",
		Short: "Put " + version.Name + " on a disk",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(usageError{errors.New("say what to do")}, cmd.Help())
		},
		Args:          cobra.NoArgs,
		Version:       version.Tag,
		SilenceErrors: true,
		SilenceUsage:  true,
	}

	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(installCommand(stderr))

	return cmd
}

// flags of `installer install`.
type flags struct {
	disk, arch, platform, config, assets string
	size, efiSize                        string
	extra                                []string
	sector                               int64
	force, zero, firstBoot               bool
}

func installCommand(stderr io.Writer) *cobra.Command {
	var f flags

	cmd := &cobra.Command{
		Use:   "install --disk PATH",
		Short: "Install to a disk, or to a file that becomes a disk image",
		Long: `Install to a disk, or to a file that becomes a disk image.

The disk must be empty, unless --force says that what is on it may go. A disk
of which something is mounted is always refused. A file that does not exist is
made with the size that --size gives.`,
		Example: `  installer install --disk /dev/vda --extra-kernel-arg console=ttyS0
  installer install --disk disk.raw --size 10GiB`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.NoArgs(cmd, args); err != nil {
				return usageError{err}
			}

			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), stderr) },
	}

	s := cmd.Flags()
	s.StringVar(&f.disk, "disk", "", "the block device or file to install to")
	s.StringVar(&f.arch, "arch", runtime.GOARCH, "architecture of the machine: amd64 or arm64")
	s.StringVar(&f.platform, "platform", "metal", "platform that the machine runs on")
	s.StringVar(&f.config, "config", "", "value of the kernel argument talos.config: where the machine finds its configuration")
	s.StringArrayVar(&f.extra, "extra-kernel-arg", nil, "kernel argument to add; -NAME removes one (repeatable)")
	s.BoolVar(&f.force, "force", false, "replace what is on the disk")
	s.BoolVar(&f.zero, "zero", false, "write zeros over the whole disk first (implies --force)")
	s.StringVar(&f.size, "size", "", "size of a disk image to make, such as 10GiB")
	s.StringVar(&f.efiSize, "efi-size", "", "size of the EFI partition (default 2GiB)")
	s.Int64Var(&f.sector, "sector-size", 512, "sector size of a disk image: 512 or 4096")
	s.BoolVar(&f.firstBoot, "minimal", false, "leave STATE and EPHEMERAL to the machine's first boot")
	s.StringVar(&f.assets, "assets", installer.AssetsDir, "directory with the files to install, one directory per architecture")

	return cmd
}

func (f *flags) run(ctx context.Context, stderr io.Writer) error {
	if f.disk == "" {
		return usageError{errors.New("say where to install: --disk PATH")}
	}

	size, err := parseSize("--size", f.size)
	if err != nil {
		return err
	}

	efi, err := parseSize("--efi-size", f.efiSize)
	if err != nil {
		return err
	}

	args := cmdline.Defaults(f.platform, f.arch)
	if f.config != "" {
		args = append(args, "talos.config="+f.config)
	}

	if args, err = cmdline.Merge(args, f.extra); err != nil {
		return usageError{err}
	}

	line, err := cmdline.Join(args)
	if err != nil {
		return usageError{err}
	}

	assets, err := installer.OpenAssets(f.assets, f.arch)
	if err != nil {
		return err
	}
	defer func() { _ = assets.Close() }()

	when, err := sourceDate()
	if err != nil {
		return err
	}

	return installer.Install(ctx, installer.Options{
		Disk:  f.disk,
		Force: f.force || f.zero,
		Zero:  f.zero,
		Log:   func(format string, args ...any) { fmt.Fprintf(stderr, format+"\n", args...) },
		Layout: installer.Layout{
			Arch: f.arch, Assets: assets, Cmdline: line, Size: size, EFISize: efi,
			SectorSize: f.sector, FirstBoot: f.firstBoot, Time: when,
		},
	})
}

// units of sizes; the decimal ones are what disk makers mean.
var units = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

func parseSize(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}

	for _, unit := range units {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}

		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/unit.factor {
			break
		}

		return n * unit.factor, nil
	}

	return 0, usageError{fmt.Errorf("%s: %q is not a size, such as 10GiB", flag, text)}
}

// sourceDate is SOURCE_DATE_EPOCH, the time of files in a reproducible image;
// without it the format's earliest.
func sourceDate() (t time.Time, err error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return t, nil
	}

	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return t, usageError{fmt.Errorf("SOURCE_DATE_EPOCH: %q is not a number of seconds", text)}
	}

	return time.Unix(seconds, 0).UTC(), nil
}
