package update

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNewest(t *testing.T) {
	for name, test := range map[string]struct {
		current string
		names   []string
		want    string
	}{
		"numbers":        {"1.9.0", []string{"v1.10.0", "v1.9.0", "v1.2.0"}, "1.10.0"},
		"no candidate":   {"1.9.0", []string{"v1.9.0-rc1", "v1.10.0-beta.2"}, "1.9.0"},
		"candidate":      {"1.9.0-rc1", []string{"v1.9.0-rc1", "v1.9.0-rc2"}, "1.9.0-rc2"},
		"released":       {"1.9.0-rc1", []string{"v1.9.0-rc1", "v1.9.0"}, "1.9.0"},
		"dates":          {"1.9.0", []string{"v1.9.0", "20260101", "v2026.1"}, "1.9.0"},
		"a date":         {"2026.01.01", []string{"2026.01.01", "2026.02.01", "3.0"}, "2026.02.01"},
		"letters":        {"9.9p1", []string{"V_9_9_P1", "9.9p1", "9.9p2"}, "9.9p2"},
		"underscores":    {"2.5.0", []string{"R_2_5_0", "R_2_6_1", "S_3_0_0"}, "2.6.1"},
		"other branches": {"1.2", []string{"zlib-1.2", "zlib-1.3", "other-9.0"}, "1.3"},
		"older":          {"2.0", []string{"v1.0", "v2.0"}, "2.0"},
		"named":          {"7.0", []string{"pkg-6.0", "pkg-8.0"}, "8.0"},
	} {
		t.Run(name, func(t *testing.T) {
			all := ofTags(test.names, test.current, "pkg")
			for i := range all {
				all[i].version = sameStyle(all[i].version, test.current)
			}

			best, _ := newest(test.current, all)
			if best.version != test.want {
				t.Errorf("got %s of %v, want %s", best.version, all, test.want)
			}
		})
	}
}

func TestComments(t *testing.T) {
	got := readComments([]byte(`vars:
  # renovate: datasource=git-tags extractVersion=^v(?<version>.*)$ depName=git://git.example.org/a.git
  A: "1.0" # why
  # renovate: datasource=github-releases depName=o/r packageName=p/q versioning=semver
  # A comment in between.
  B: v2
  # renovate: datasource=gitlab-tags depName=g/h

  C: 3
  D: 4
`))

	type short struct {
		Name, Value, Kind, Address string
		Line                       int
	}

	var short1 []short
	for _, f := range got {
		short1 = append(short1, short{f.name, f.value, f.lookup.kind, f.lookup.address, f.line})
	}

	want := []short{
		{"A", "1.0", "git-tags", "https://git.example.org/a.git", 3},
		{"B", "v2", "github-releases", "https://github.com/p/q", 6},
	}

	if diff := cmp.Diff(want, short1); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRefs(f *testing.F) {
	for _, seed := range []string{"0000", "0032" + "1111111111111111111111111111111111111111 refs/tags/x\n", "fff", "ffff", "0004", "0001", "-001xxxx"} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = parseRefs(body) })
}

func FuzzComments(f *testing.F) {
	f.Add([]byte("# renovate: datasource=github-tags depName=a/b extractVersion=(\nA: 1\n"))
	f.Add([]byte("# renovate:\n\"A\": 'x'\n"))

	f.Fuzz(func(_ *testing.T, text []byte) { readComments(text) })
}

func FuzzUpstream(f *testing.F) {
	for _, seed := range []string{"https://github.com/a/b", "https://x/#(", "git+https://x/y", "https://snapshot.debian.org/package/x/", "x", "https://x.git#a(b)"} {
		f.Add(seed, "1.2.3")
	}

	f.Fuzz(func(_ *testing.T, text, current string) {
		_, _ = parseUpstream(text)

		all := ofTags([]string{text, "v" + text, "v" + current}, current, text)
		if best, _ := newest(current, all); compare(best.version, current) < 0 {
			panic("an older version is newer")
		}
	})
}
