// BuildKit 0.34 reads a record of its cache (cache.immutableRef.Mount) while
// the export of another target may write it (cache.cacheRecord.finalize); the
// race detector rightly says so. `make test-unit` runs these tests without it.

//go:build !race

package reproduce_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/engine/enginetest"
	"github.com/akmon-os/akmon/forge/engine/progress"
	"github.com/akmon-os/akmon/forge/reproduce"
)

// recipe is a package of the shell that runs a script and puts out /rootfs.
func recipe(name, needs, script string) string {
	return "name: " + name + "\ndependencies: [{stage: shell}" + needs + "]\nsteps:\n  - install:\n      - |\n        mkdir -p /rootfs\n        " +
		strings.ReplaceAll(script, "\n", "\n        ") + "\nfinalize:\n  - from: /rootfs\n    to: /\n"
}

// treeFiles is a tree in which some packages depend on what they should not.
var treeFiles = map[string]string{
	"pkg.yaml":          "format: v1alpha2\nepoch: 2026-01-02\n",
	"good/pkg.yaml":     recipe("good", "", "echo always the same >/rootfs/good\ndate -u -d @$SOURCE_DATE_EPOCH >/rootfs/date"),
	"dated/pkg.yaml":    recipe("dated", "", "mkdir /rootfs/etc\necho a first line >/rootfs/etc/built\ndate +%Y >>/rootfs/etc/built\ndate +%s%N >>/rootfs/etc/built"),
	"machine/pkg.yaml":  recipe("machine", "", "hostname >/rootfs/hostname\nnproc >/rootfs/cpus\necho ${USER:-nobody} >/rootfs/user\ndate -d @0 +%H%Z >/rootfs/zone"),
	"ordered/pkg.yaml":  recipe("ordered", "", "mkdir /files\nfor i in $(seq 40); do echo $i >/files/$i; done\nls -U /files >/rootfs/list"),
	"random/pkg.yaml":   recipe("random", "", "head -c 16 /dev/urandom | od -An -tx1 >/rootfs/random\ntar --mtime=@0 -C /rootfs -czf /rootfs/in.tar.gz random\nrm /rootfs/random"),
	"image/pkg.yaml":    recipe("image", ", {stage: good, to: /in}, {stage: dated, to: /in}, {stage: random, to: /in}", "cp -r /in/. /rootfs/"),
	"harmless/pkg.yaml": recipe("harmless", ", {stage: good, to: /in}, {stage: dated, to: /in}", "cp /in/good /rootfs/"),
}

// setUp makes the tree, and a cache that is the test's own.
func setUp(t *testing.T) reproduce.Options {
	t.Helper()

	dir := t.TempDir()
	enginetest.Tree(t, dir, treeFiles)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(t.TempDir(), "cache"))

	return reproduce.Options{Build: forge.Options{Dir: dir, Log: t.Output(), Progress: progress.Plain}}
}

// TestTwice finds what each package should not depend on.
func TestTwice(t *testing.T) {
	o := setUp(t)
	o.Build.Targets = []string{"good", "harmless", "machine", "ordered", "image"}

	report, err := reproduce.Twice(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}

	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}

	t.Log(text.String())

	varied := map[string]bool{}
	for _, c := range report.Conditions {
		varied[c.Name] = c.Varied

		if !c.Varied && c.Note == "" {
			t.Errorf("%s was not varied, and nothing says why", c.Name)
		}
	}

	// What differs by package and file; only what could be varied here.
	want := map[string][]string{"dated": {"etc/built"}, "random": {"in.tar.gz » gzip » random"}}

	for condition, file := range map[string]string{"hostname": "hostname", "cpus": "cpus", "user": "user", "timezone": "zone"} {
		if varied[condition] {
			want["machine"] = append(want["machine"], file)
		}
	}

	if varied["order"] {
		want["ordered"] = []string{"list"}
	}

	got, verdicts := map[string][]string{}, map[string]reproduce.Verdict{}

	for _, i := range report.Images {
		verdicts[i.Target] = i.Verdict

		for _, p := range i.Packages {
			if p.File != p.Name+"/pkg.yaml" {
				t.Errorf("the recipe of %s is %s", p.Name, p.File)
			}

			for _, d := range p.Differences {
				got[p.Name] = append(got[p.Name], strings.Join(d.Path[1:], " » "))
			}
		}
	}

	for _, list := range []map[string][]string{want, got} {
		for name := range list {
			slices.Sort(list[name])
		}
	}

	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("differences by package (-want +got):\n%s", d)
	}

	for target, verdict := range map[string]reproduce.Verdict{"good": reproduce.Identical, "harmless": reproduce.Identical, "image": reproduce.Different} {
		if verdicts[target] != verdict {
			t.Errorf("%s is %q, want %q", target, verdicts[target], verdict)
		}
	}

	// Nothing is left behind.
	left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "akmon", "reproduce", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestAgainst compares with what was published.
func TestAgainst(t *testing.T) {
	o := setUp(t)
	o.Build.Targets = []string{"image"}
	out := t.TempDir()

	published := o.Build
	published.Targets = []string{"image", "good"}
	published.Outputs = []forge.Output{{Type: engine.OCILayout, Dest: out}}

	if _, err := forge.Build(t.Context(), published); err != nil {
		t.Fatal(err)
	}

	compare := func(build forge.Options, name string) reproduce.Image {
		t.Helper()

		opts := o
		opts.Build = build

		report, err := reproduce.Against(t.Context(), opts, "oci:"+out+"/"+name)
		if err != nil {
			t.Fatal(err)
		}

		if len(report.Images) != 1 {
			t.Fatalf("%d images", len(report.Images))
		}

		return report.Images[0]
	}

	if i := compare(o.Build, "{target}"); i.Verdict != reproduce.Identical || i.First != i.Second {
		t.Errorf("the same tree: %+v", i)
	}

	again := o.Build
	again.NoCache = true

	files := map[string]string{}

	for _, p := range compare(again, "image").Packages {
		for _, d := range p.Differences {
			files[d.Path[len(d.Path)-1]] = p.Name
		}
	}

	if d := cmp.Diff(map[string]string{"etc/built": "dated", "random": "random"}, files); d != "" {
		t.Errorf("packages by file (-want +got):\n%s", d)
	}

	// Another tree: the file is named, and the package that it is of.
	if err := os.WriteFile(filepath.Join(o.Build.Dir, "good", "pkg.yaml"), []byte(recipe("good", "", "echo never the same >/rootfs/good")), 0o644); err != nil {
		t.Fatal(err)
	}

	changed := o.Build
	changed.Targets = []string{"good"}

	i := compare(changed, "good")

	text, err := json.Marshal(i.Packages)
	if err != nil {
		t.Fatal(err)
	}

	if i.Verdict != reproduce.Different || len(i.Packages) != 1 || i.Packages[0].Name != "good" ||
		!bytes.Contains(text, []byte("- always the same")) || !bytes.Contains(text, []byte("only in the first")) {
		t.Errorf("got %s", text)
	}

	if _, err := reproduce.Against(t.Context(), o, "oci:"+out+"/nowhere"); err == nil {
		t.Error("an image that is not there was compared")
	}
}

// TestInterrupted shows that a cancelled comparison leaves nothing behind, and
// that what a killed one left is removed.
func TestInterrupted(t *testing.T) {
	o := setUp(t)
	o.Build.Targets = []string{"good"}
	o.Dir = t.TempDir()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	// As if its process had been killed.
	killed := filepath.Join(o.Dir, "run-killed")
	if err := os.MkdirAll(filepath.Join(killed, "second"), 0o700); err != nil {
		t.Fatal(err)
	}

	if _, err := reproduce.Twice(ctx, o); err == nil {
		t.Error("a cancelled comparison gave a result")
	}

	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestParseConditions(t *testing.T) {
	if got, err := reproduce.ParseConditions(nil); err != nil || len(got) != len(reproduce.ConditionNames) {
		t.Errorf("got %v, %v", got, err)
	}

	if got, err := reproduce.ParseConditions([]string{"none"}); err != nil || len(got) != 0 || got == nil {
		t.Errorf("got %v, %v", got, err)
	}

	if _, err := reproduce.ParseConditions([]string{"hostnam"}); err == nil || !strings.Contains(err.Error(), `did you mean "hostname"?`) {
		t.Errorf("got %v", err)
	}
}
