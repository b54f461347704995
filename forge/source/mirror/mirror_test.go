package mirror

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRewrite(t *testing.T) {
	rules := Rules{
		{"https://snapshot.debian.org/archive/debian/*/", "http://a.example/debian/"},
		{"https://snapshot.debian.org/archive/debian/*/", "http://b.example/debian/"},
		{"https://snapshot.debian.org/archive/", "file:///mnt/snap/"},
		{"https://kernel.example/pub", "https://mirror.example/kernel"},
	}

	tests := []struct {
		url  string
		want []string
	}{
		{"https://snapshot.debian.org/archive/debian/20260913T000000Z/pool/main/m/make/make_4.deb", []string{
			"http://a.example/debian/pool/main/m/make/make_4.deb",
			"http://b.example/debian/pool/main/m/make/make_4.deb",
			"file:///mnt/snap/debian/20260913T000000Z/pool/main/m/make/make_4.deb",
		}},
		{"https://snapshot.debian.org/archive/debian-security/20260913T000000Z/pool/x", []string{
			"file:///mnt/snap/debian-security/20260913T000000Z/pool/x",
		}},
		{"https://snapshot.debian.org/archive/debian//pool/x", []string{"file:///mnt/snap/debian//pool/x"}},
		{"https://kernel.example/pub/linux.tar", []string{"https://mirror.example/kernel/linux.tar"}},
		{"https://other.example/x", nil},
		{"http://a.example/debian/x", nil},
	}

	for _, test := range tests {
		if diff := cmp.Diff(test.want, rules.Rewrite(test.url)); diff != "" {
			t.Errorf("%s: %s", test.url, diff)
		}
	}
}

func TestParseRules(t *testing.T) {
	rules, err := ParseRules(" https://a.example/*/=http://b.example/x/ ,, https://c.example=file:///mnt ")
	if err != nil {
		t.Fatal(err)
	}

	want := Rules{{"https://a.example/*/", "http://b.example/x/"}, {"https://c.example", "file:///mnt"}}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Error(diff)
	}

	for text, want := range map[string]string{
		"https://a.example":                  "want prefix=replacement",
		"ftp://a.example=https://b.example":  "http:// or https://",
		"https://=https://b.example":         "host is missing",
		"https://a.example=file:relative":    "absolute path",
		"https://a.example=mirror.example/x": "begins with",
	} {
		if _, err := ParseRules(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestAptRules(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"sources.list": `# a comment
deb http://one.example/debian bookworm main contrib # the system
deb-src [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://two.example/debian/ trixie-backports main
deb http://sec.example/debian-security buster/updates main
deb http://ubuntu.example/ubuntu noble main
deb cdrom:[Debian]/ trixie main
deb http://short.example/debian trixie
deb [broken http://broken.example/debian trixie main
`,
		"sources.list.d/b.sources": `# the system
Types: deb deb-src
URIs: http://three.example/debian
 https://four.example/mirror/Debian
Suites: trixie trixie-updates
Components: main

Types: deb
URIs: http://three.example/debian-security
Suites: trixie-security
Components:
 main
 contrib

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: trixie
Components: main
`,
		"sources.list.d/a.list":         "deb https://program.example/debian trixie stable\ndeb https://node.example nodistro main\n",
		"sources.list.d/ignored.backup": "deb http://ignored.example/debian trixie main\n",
	}

	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want := Rules{
		{debianArchive, "http://one.example/debian/"},
		{debianArchive, "https://two.example/debian/"},
		{securityArchive, "http://sec.example/debian-security/"},
		{debianArchive, "http://three.example/debian/"},
		{debianArchive, "https://four.example/mirror/Debian/"},
		{securityArchive, "http://three.example/debian-security/"},
	}

	if diff := cmp.Diff(want, AptRules(dir)); diff != "" {
		t.Error(diff)
	}

	if rules := AptRules(filepath.Join(dir, "nothing")); len(rules) > 0 {
		t.Errorf("a machine without apt gave %v", rules)
	}
}

func FuzzAptSources(f *testing.F) {
	f.Add("deb http://one.example/debian bookworm main\n")
	f.Add("Types: deb\nURIs: http://a.example/debian\n b\nSuites: trixie\nComponents: main\n\n#\n :\n")
	f.Add(" continuation\n:\ndeb [ ]\n")

	f.Fuzz(func(t *testing.T, text string) {
		for _, src := range append(parseList(text), parseDeb822(text)...) {
			if prefix := src.archive(); prefix != "" && !strings.HasPrefix(src.uri, "http") {
				t.Errorf("%+v is not over http", src)
			}
		}
	})
}

func TestParseGoProxy(t *testing.T) {
	tests := []struct {
		in   string
		want []Proxy
	}{
		{"", nil},
		{"off", []Proxy{{Off, false}}},
		{"https://a.example,direct", []Proxy{{"https://a.example", false}, {Direct, false}}},
		{"https://a.example/x/|https://b.example,c.example", []Proxy{
			{"https://a.example/x", true}, {"https://b.example", false}, {"https://c.example", false},
		}},
		{"file:///srv/goproxy, direct,https://never.example", []Proxy{{"file:///srv/goproxy", false}, {Direct, false}}},
	}

	for _, test := range tests {
		got, err := ParseGoProxy(test.in)
		if err != nil {
			t.Errorf("%q: %v", test.in, err)
		}

		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q: %s", test.in, diff)
		}
	}

	for _, bad := range []string{"/srv/goproxy", "ftp://a.example", "file://relative", "https://"} {
		if got, err := ParseGoProxy(bad); err == nil {
			t.Errorf("%q gave %v", bad, got)
		}
	}
}

func FuzzParseGoProxy(f *testing.F) {
	f.Add("https://a.example|https://b.example,direct")
	f.Add("off,|,")

	f.Fuzz(func(t *testing.T, s string) {
		proxies, err := ParseGoProxy(s)
		for _, p := range proxies {
			if err == nil && p.URL != Direct && p.URL != Off && !strings.Contains(p.URL, "://") {
				t.Errorf("%q gave %q", s, p.URL)
			}
		}
	})
}

func TestGoRules(t *testing.T) {
	rules := GoRules([]Proxy{{"https://a.example", false}, {Direct, false}})
	got := rules.Rewrite("https://go.dev/dl/mod/golang.org/toolchain/@v/v0.0.1-go1.26.8.linux-amd64.zip")
	want := []string{"https://a.example/golang.org/toolchain/@v/v0.0.1-go1.26.8.linux-amd64.zip"}

	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("GOPROXY", "https://go.example|direct")
	t.Setenv("GONOPROXY", "corp.example/*")
	t.Setenv("GOENV", "off")

	unset(t, Env)

	config, err := Load()
	if err != nil {
		t.Fatal(err)
	}

	if want := []Proxy{{"https://go.example", true}, {Direct, false}}; !cmp.Equal(want, config.Go.Proxy) || config.Go.NoProxy != "corp.example/*" {
		t.Errorf("Go settings are %+v", config.Go)
	}

	if got := config.Rewrite("https://go.dev/dl/mod/x"); !cmp.Equal(got, []string{"https://go.example/x"}) {
		t.Errorf("rewritten to %v", got)
	}

	// A file takes the place of what the machine is set up for.
	file := filepath.Join(dir, "akmon", "mirrors.yaml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}

	text := "mirrors:\n  - prefix: https://a.example/\n    replacements: [http://b.example/, file:///c/]\ngoproxy: https://own.example\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}

	if config, err = Load(); err != nil {
		t.Fatal(err)
	}

	want := Rules{{"https://a.example/", "http://b.example/"}, {"https://a.example/", "file:///c/"}}
	if diff := cmp.Diff(want, config.Rules); diff != "" {
		t.Error(diff)
	}

	if diff := cmp.Diff([]Proxy{{"https://own.example", false}}, config.Go.Proxy); diff != "" {
		t.Error(diff)
	}

	// The environment takes the place of both; empty, it means no mirrors.
	t.Setenv(Env, "")

	if config, err = Load(); err != nil || len(config.Rules) > 0 || config.From != Env {
		t.Errorf("got %+v, %v", config, err)
	}

	t.Setenv(Env, "nonsense")

	if _, err = Load(); err == nil || !strings.Contains(err.Error(), Env) {
		t.Errorf("got %v", err)
	}
}

func unset(t *testing.T, name string) {
	t.Helper()
	t.Setenv(name, "") // restores it afterwards

	if err := os.Unsetenv(name); err != nil {
		t.Fatal(err)
	}
}

func TestParseErrors(t *testing.T) {
	text := `mirrors:
  - prefix: https://a.example/
    replacments: [http://b.example/]
`
	_, err := Parse("mirrors.yaml", []byte(text), GoEnv{})
	if err == nil || !strings.Contains(err.Error(), `mirrors.yaml:3:5: unknown key "replacments"; did you mean "replacements"?`) {
		t.Errorf("got %v", err)
	}

	text = `mirrors:
  - prefix: https://a.example/
    replacements:
      - b.example
goproxy: ftp://x
`
	_, err = Parse("mirrors.yaml", []byte(text), GoEnv{})

	for _, want := range []string{`mirrors.yaml:4:9: replacement "b.example"`, `mirrors.yaml:5:10: GOPROXY entry`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
