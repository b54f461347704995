package frontend_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOptions shows what the options of a build do, through a BuildKit daemon.
func TestOptions(t *testing.T) {
	needRoot(t)

	address := buildkitd(t)
	s := newSite(t)
	ref := s.frontendImage(t)
	dir := newTree(t, s, ref)

	// build gives the files of what is built, the first image's if there are
	// several.
	build := func(t *testing.T, args ...string) (string, map[string]string) {
		t.Helper()

		out := t.TempDir()

		stderr, err := s.tryBuildctl(t, address, dir, append([]string{
			"--frontend=gateway.v0", "--opt=source=" + ref, "--output=type=local,dest=" + out,
		}, args...)...)
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr)
		}

		return stderr, files(t, out)
	}

	// fails gives what is said of a build that must not succeed.
	fails := func(t *testing.T, args ...string) string {
		t.Helper()

		stderr, err := s.tryBuildctl(t, address, dir, append([]string{"--frontend=gateway.v0", "--opt=source=" + ref}, args...)...)
		if err == nil {
			t.Fatalf("it succeeded:\n%s", stderr)
		}

		return stderr
	}

	t.Run("build argument", func(t *testing.T) {
		_, got := build(t, "--opt=target=lib", "--opt=build-arg:WHO=you")
		if text := got["usr/share/lib/greeting"]; !strings.HasPrefix(text, "hello you on") {
			t.Errorf("the greeting is %q", text)
		}
	})

	t.Run("platforms", func(t *testing.T) {
		_, got := build(t, "--opt=target=lib", "--opt=platform=linux/amd64,linux/arm64")
		for _, arch := range []string{"amd64", "arm64"} {
			if text := got["linux_"+arch+"/usr/share/lib/greeting"]; text != "hello world on "+arch+"\n" {
				t.Errorf("the greeting on %s is %q", arch, text)
			}
		}
	})

	t.Run("named contexts", func(t *testing.T) {
		other := t.TempDir()
		for _, file := range []string{"mine", "usr/share/lib/env"} {
			write(t, filepath.Join(other, file), "mine\n")
		}

		_, got := build(t, "--opt=target=app", "--local=mine="+other, "--opt=context:lib=local:mine",
			"--opt=context:"+s.host+"/base:1=local:mine")
		for _, list := range []string{"lib.list", "base.list"} {
			if text := got[list]; !strings.Contains(text, "/mine ") || strings.Contains(text, "/etc") {
				t.Errorf("%s is %q", list, text)
			}
		}
	})

	t.Run("no cache", func(t *testing.T) {
		build(t, "--opt=target=lib")

		if said, _ := build(t, "--opt=target=lib"); !cached(said, "[lib] build") {
			t.Errorf("the second build ran the step again:\n%s", said)
		}

		if said, _ := build(t, "--opt=target=lib", "--opt=no-cache="); cached(said, "[lib] build") {
			t.Errorf("the step did not run again:\n%s", said)
		}

		if said, _ := build(t, "--opt=target=lib", "--opt=no-cache=app"); !cached(said, "[lib] build") {
			t.Errorf("the step of another package ran again:\n%s", said)
		}
	})

	t.Run("failing step", func(t *testing.T) {
		said := fails(t, "--opt=target=broken")
		for _, want := range []string{"about to fail", "exit code: 7", "broken/pkg.yaml:8", ">>>       - fail 7"} {
			if !strings.Contains(said, want) {
				t.Errorf("no %q in\n%s", want, said)
			}
		}
	})

	t.Run("no target", func(t *testing.T) {
		// app is the only one with an image that nothing depends on.
		if _, got := build(t); got["one.txt"] != "one\n" {
			t.Errorf("it built %v", got)
		}
	})

	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown target":   {[]string{"--opt=target=ap"}, `no package of the tree is named "ap"; did you mean "app"?`},
		"unknown platform": {[]string{"--opt=target=app", "--opt=platform=linux/s390x"}, `platform "linux/s390x" is not supported`},
		"hosts":            {[]string{"--opt=target=app", "--opt=add-hosts=a=1.2.3.4"}, "can't be built with --add-host"},
		"other definition": {[]string{"--opt=target=app", "--opt=filename=lib/pkg.yaml"}, "is not the pkg.yaml of the build context"},
	} {
		t.Run(name, func(t *testing.T) {
			if said := fails(t, test.args...); !strings.Contains(said, test.want) {
				t.Errorf("no %q in\n%s", test.want, said)
			}
		})
	}

	t.Run("invalid tree", func(t *testing.T) {
		file := filepath.Join(dir, "bad", "pkg.yaml")
		write(t, file, "name: bad\nfinalise: []\n")
		t.Cleanup(func() { os.RemoveAll(filepath.Dir(file)) })

		if said := fails(t, "--opt=target=app"); !strings.Contains(said, `bad/pkg.yaml:2:1: unknown key "finalise"; did you mean "finalize"?`) {
			t.Errorf("it says\n%s", said)
		}
	})

	t.Run("cache", func(t *testing.T) {
		cache := s.host + "/cache:1"
		build(t, "--opt=target=lib", "--export-cache=type=registry,mode=max,ref="+cache)

		// Another daemon has nothing of its own.
		address = buildkitd(t)

		if said, _ := build(t, "--opt=target=lib", "--import-cache=type=registry,ref="+cache); !cached(said, "[lib] build") {
			t.Errorf("the step ran again:\n%s", said)
		}
	})
}

// cached tells whether the progress has a step as cached. Each step is a block
// of lines that begin with its number.
func cached(progress, step string) bool {
	number := ""

	for line := range strings.Lines(progress) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), " ")

		switch {
		case strings.HasPrefix(rest, step):
			number = id
		case id == number && rest == "CACHED":
			return true
		}
	}

	return false
}

// files reads all regular files below a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()

	all := map[string]string{}

	err := filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}

		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}

		below, err := filepath.Rel(dir, name)
		all[filepath.ToSlash(below)] = string(data)

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	return all
}

// TestCalls shows the answers to docker buildx build --call.
func TestCalls(t *testing.T) {
	needRoot(t)

	x := newBuildx(t, buildkitd(t))
	s := newSite(t)
	dir := newTree(t, s, s.frontendImage(t))

	for call, want := range map[string][]string{
		"targets": {"app (default)", "An image with all of it", "floor", "A shell, and nothing else"},
		"outline": {"TARGET:", "app", "WHO", "SECRET", "token"},
		"check":   {"WARNING: license", ">>> name: lib"},
	} {
		t.Run(call, func(t *testing.T) {
			stdout, stderr, _ := x.build(t, dir, s, "--call="+call)
			for _, text := range want {
				if !strings.Contains(stdout+stderr, text) {
					t.Errorf("no %q in\n%s%s", text, stdout, stderr)
				}
			}
		})
	}
}
