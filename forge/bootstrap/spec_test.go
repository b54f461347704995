package bootstrap_test

import (
	"strings"
	"testing"

	"github.com/akmon-os/akmon/forge/bootstrap"
)

func TestParseSpecErrors(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"unknown key", "exclude:", "excludes:", `debian.yaml:11:1: unknown key "excludes"; did you mean "exclude"?`},
		{"unknown key of a package", "depends: false", "depend: false", `debian.yaml:9:5: unknown key "depend"; did you mean "depends"?`},
		{"package name", "- clang", "- Clang!", `debian.yaml:6:5: "Clang!" is not the name of a package`},
		{"foreign with dependencies", "\n    depends: false", "", `debian.yaml:7:5: a package of a named architecture needs "depends: false"`},
		{"unknown architecture", "architectures: [amd64]", "architectures: [s390x]", "debian.yaml:7:5: efi:arm64 is for the architecture s390x"},
		{"twice", "- clang", "- base-files", "debian.yaml:6:5: base-files is listed twice for amd64"},
		{"suite", "[trixie]", "[trixie, Trixie!]", `debian.yaml:2:18: "Trixie!" is not a suite`},
		{"suite twice", "[trixie]", "[trixie, trixie]", "debian.yaml:2:18: trixie is listed twice"},
		{"snapshot", "packages:", "snapshot: yesterday\npackages:", `debian.yaml:4:11: snapshot must be auto or a time like 20260913T000000Z, not "yesterday"`},
		{"pattern", "- /usr/share/doc", "- usr/share/doc", `debian.yaml:12:5: pattern "usr/share/doc" does not begin with /`},
		{"link", "/bin/cc:", "bin/cc:", `debian.yaml:14:3: "bin/cc" is not an absolute path`},
		{"file", "/etc/passwd:", "/etc/../passwd:", `debian.yaml:16:3: "/etc/../passwd" is not an absolute path`},
		{"mode", "0600", "rw-r--r--", `debian.yaml:19:11: "rw-r--r--" is not a mode`},
		{"empty package", "- clang", "-", "debian.yaml:6:4: this entry of packages is empty; remove it"},
		{"empty pattern", "- /usr/share/doc", "-", "this entry of exclude is empty; remove it"},
		{"empty link", "/bin/cc: clang", "/bin/cc:", "the link /bin/cc does not say what it leads to"},
		{"format", "v1alpha1", "v2", `format must be v1alpha1, not "v2"`},
		{"nothing", specText, "format: v1alpha1\n", "packages must name at least one"},
	}

	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := bootstrap.ParseSpec("debian.yaml", []byte(strings.Replace(specText, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

const lockText = `format: v1alpha1
wanted: x
snapshot: 20260913T075541Z
releases: []
userlands:
  amd64:
    - name: bash
      arch: amd64
      version: "5"
      url: https://snapshot.example/bash.deb
      size: 7
      sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
      sha512: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
`

func TestParseLock(t *testing.T) {
	lock, err := bootstrap.ParseLock("debian.lock.yaml", []byte(lockText))
	if err != nil {
		t.Fatal(err)
	}

	sources, err := lock.Sources("amd64")
	if err != nil || len(sources) != 1 || sources[0].Position != "debian.lock.yaml:7" || sources[0].Package != "bash" {
		t.Errorf("got %+v, %v", sources, err)
	}

	tests := []struct{ old, new, want string }{
		{"sha512: a", "sha512: b!", "debian.lock.yaml:13:15: the package needs its sha512"},
		{"size: 7", "size: -7", "debian.lock.yaml:11:13: the package needs its size, in bytes"},
		{"name: bash", "name: ../bash", "is not the name of a package"},
		{"      url:", "      uri:", `debian.lock.yaml:10:7: unknown key "uri"; did you mean "url"?`},
		{"20260913T075541Z", "yesterday", `debian.lock.yaml:3:11: snapshot must be a time like`},
		{"v1alpha1", "v9", `debian.lock.yaml:1:9: format must be v1alpha1`},
	}

	for _, test := range tests {
		_, err := bootstrap.ParseLock("debian.lock.yaml", []byte(strings.Replace(lockText, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.new, err, test.want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(specText))
	f.Add([]byte("format: v1alpha1\npackages: [{name: [}]"))

	f.Fuzz(func(t *testing.T, data []byte) {
		if spec, err := bootstrap.ParseSpec("x", data); (spec == nil) == (err == nil) {
			t.Errorf("got %v and %v", spec, err)
		}
	})
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(lockText))
	f.Add([]byte("format: v1alpha1\nsnapshot: 20260913T075541Z\nuserlands:\n  amd64:\n    -"))

	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := bootstrap.ParseLock("x", data)
		if err != nil {
			return
		}

		out, err := lock.Encode()
		if err != nil {
			t.Fatal(err)
		}

		again, err := bootstrap.ParseLock("x", out)
		if err != nil {
			t.Fatalf("%v of\n%s", err, out)
		}

		if second, err := again.Encode(); err != nil || string(second) != string(out) {
			t.Errorf("not stable: %v\n%s\n%s", err, out, second)
		}
	})
}
