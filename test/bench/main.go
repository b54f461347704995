// Command bench measures what Akmon promises about speed and size, and writes
// docs/benchmarks.md. Run it from the root of the tree:
//
//	go run ./test/bench                     # everything but cold builds
//	go run ./test/bench -only compile,iso   # some parts
//	go run ./test/bench -only cold -cold vm=FILE -cold metal=FILE
//
// It wants `make image PROFILE=vm` to have run; a part whose inputs are missing
// says so. Raw results are kept in docs/benchmarks/, one file for each part, so
// a part that is not measured stays on the page as it was. Nothing here fails
// because something is slow: the page says what meets its limit.
//
// Every comparison is made in one run, in turn, and given as a ratio of
// medians; absolute numbers are of the machine that the page describes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/akmon-os/akmon/test/bench/page"
	"github.com/akmon-os/akmon/test/bench/result"
)

// bench is one run of the program.
type bench struct {
	tree      string // root of the package tree
	akmon     string // the program
	engineDir string // state of its engine; empty means the default
	profile   string
	out       string // where the tree's results are
	installer string // of the profile: layout or directory
	docs      string
	accel     string
	runs      int
	cold      map[string]string // files of cold builds, by profile

	work string // scratch, on the file system of out
}

// part is one thing to measure.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts are in the order in which they run: the one that measures memory comes
// before those that make this process grow.
var parts = []part{
	{"iso", (*bench).iso},
	{"compile", (*bench).compiler},
	{"noop", (*bench).noop},
	{"machine", (*bench).machine},
	{"cold", (*bench).coldBuilds},
}

func main() {
	b := &bench{cold: map[string]string{}}

	var only string

	flag.StringVar(&only, "only", "", "parts to measure, such as iso,compile,noop,machine,cold (default all; cold only with -cold)")
	flag.StringVar(&b.tree, "C", ".", "root of the package tree")
	flag.StringVar(&b.out, "out", "_out", "where the tree's results are")
	flag.StringVar(&b.akmon, "akmon", "", "the akmon program (default OUT/bin/akmon)")
	flag.StringVar(&b.engineDir, "engine-dir", "", "state directory of the engine (default akmon's)")
	flag.StringVar(&b.profile, "profile", "vm", "the profile that is measured")
	flag.StringVar(&b.installer, "installer", "", "installer image: an OCI layout or a directory (default OUT/PROFILE/installer)")
	flag.StringVar(&b.docs, "docs", "docs", "where benchmarks.md and the raw results are")
	flag.StringVar(&b.accel, "accel", "tcg,thread=multi", "QEMU's accelerator, such as kvm")
	flag.IntVar(&b.runs, "runs", 5, "how often to measure; machines start 3 times at most")
	flag.Func("cold", "PROFILE=FILE: what akmon build --json said of a build with empty caches; may be repeated", func(text string) error {
		profile, file, ok := strings.Cut(text, "=")
		if !ok || profile == "" || file == "" {
			return errors.New("it is not of the form PROFILE=FILE")
		}

		b.cold[profile] = file

		return nil
	})
	flag.Parse()

	if err := b.check(only, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := b.run(ctx, only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // all that run deferred is done
	}
}

func (b *bench) check(only string, rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("%q is not a flag; see -help", rest[0])
	}

	if b.runs < 1 {
		return errors.New("-runs must be at least 1")
	}

	for name := range strings.SplitSeq(only, ",") {
		if only != "" && !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("-only %q: the parts are iso, compile, noop, machine and cold", name)
		}
	}

	if slices.Contains(strings.Split(only, ","), "cold") && len(b.cold) == 0 {
		return errors.New("the part cold needs -cold PROFILE=FILE")
	}

	if b.akmon == "" {
		b.akmon = filepath.Join(b.out, "bin", "akmon")
	}

	if b.installer == "" {
		b.installer = filepath.Join(b.out, b.profile, "installer")
	}

	// As akmon takes it; here it is also a path whose files are read.
	b.installer = strings.TrimPrefix(b.installer, "oci:")

	return nil
}

// run measures the parts and writes the page. A part that fails does not keep
// the others from being measured.
func (b *bench) run(ctx context.Context, only string) (err error) {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("make the output directory: %w", err)
	}

	if b.work, err = os.MkdirTemp(b.out, ".bench-*"); err != nil {
		return fmt.Errorf("make a scratch directory: %w", err)
	}
	defer os.RemoveAll(b.work)

	var errs []error

	for _, part := range parts {
		wanted := slices.Contains(strings.Split(only, ","), part.name)
		if only == "" {
			wanted = part.name != "cold" || len(b.cold) > 0
		}

		if !wanted || ctx.Err() != nil {
			continue
		}

		progress("measuring %s", part.name)

		if err := part.run(b, ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
	}

	all, err := result.Load(b.rawDir())
	if err != nil {
		return errors.Join(append(errs, err)...)
	}

	file := filepath.Join(b.docs, "benchmarks.md")
	if err := page.Write(file, all); err != nil {
		return errors.Join(append(errs, err)...)
	}

	fmt.Println(file)

	return errors.Join(append(errs, ctx.Err())...)
}

func (b *bench) rawDir() string { return filepath.Join(b.docs, "benchmarks") }

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
