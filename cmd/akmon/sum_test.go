package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// sourceServer serves a file, a source package and a repository.
func sourceServer(t *testing.T) (url, commit string) {
	t.Helper()

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}

	t.Setenv("GIT_CONFIG_GLOBAL", "/dev/null")
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")

	dir := t.TempDir()

	for name, text := range map[string]string{
		"x.txt": "x\n", "thing_1.tar.gz": "not really\n", "r/a": "a\n",
		"thing_1.dsc": "Format: 3.0 (native)\nChecksums-Sha256:\n " + strings.Repeat("a", 64) + " 1 thing_1.tar.gz\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"},
		{"tag", "v1"}, {"update-server-info"}, {"rev-parse", "HEAD"},
	} {
		out, err := exec.Command("git", append([]string{"-C", filepath.Join(dir, "r")}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}

		commit = strings.TrimSpace(string(out))
	}

	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)

	return server.URL, commit
}

func runSources(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()

	var stdout bytes.Buffer

	cmd.SetArgs(args)
	cmd.SetOut(&stdout)
	cmd.SetErr(new(bytes.Buffer))
	cmd.SilenceErrors, cmd.SilenceUsage = true, true

	err := cmd.Execute()

	return stdout.String(), err
}

// What sum prints is a source that fetch gets.
func TestSum(t *testing.T) {
	url, commit := sourceServer(t)

	t.Setenv("AKMON_MIRRORS", "")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())

	var sources strings.Builder

	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{url + "/x.txt"}, fmt.Sprintf("- url: %s/x.txt\n  sha256: 73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac\n  sha512: ", url)},
		{[]string{url + "/r/.git", "v1"}, fmt.Sprintf("- git: %s/r/.git\n  commit: %s\n  sha256: ", url, commit)},
		{[]string{url + "/r/.git", commit, "--submodules"}, fmt.Sprintf("- git: %s/r/.git\n  commit: %s\n  submodules: true\n  sha256: ", url, commit)},
	} {
		got, err := runSources(t, newSum(), test.args...)
		if err != nil || !strings.HasPrefix(got, test.want) {
			t.Fatalf("%v: %v\n%s, want %s", test.args, err, got, test.want)
		}

		sources.WriteString(strings.ReplaceAll("\n"+strings.TrimSuffix(got, "\n"), "\n", "\n      "))
	}

	if got, err := runSources(t, newSum(), url+"/thing_1.dsc"); err != nil || !strings.HasPrefix(got, "- debian: "+url+"/thing_1.dsc\n") {
		t.Errorf("%s, %v", got, err)
	}

	dir := t.TempDir()
	for name, text := range map[string]string{
		"pkg.yaml": root, "a.yaml": recipe("a", "steps:\n  - sources:"+sources.String()+"\n"),
	} {
		name = strings.Replace(name, "a.yaml", "a/pkg.yaml", 1)
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	store := t.TempDir()
	if _, err := runSources(t, newFetch(), "-C", dir, "--store", store); err != nil {
		t.Fatal(err)
	}

	if files, err := os.ReadDir(filepath.Join(store, "sha256")); err != nil || len(files) != 2 {
		t.Errorf("the store has %d files: %v", len(files), err)
	}

	for want, args := range map[string][]string{
		"sum takes a URL":                    {},
		"--submodules is about a Git":        {url, "--submodules"},
		`"x.txt" is not a URL`:               {"x.txt"},
		"404 Not Found":                      {url + "/nothing"},
		"has no tag and no branch named v2":  {url + "/r/.git", "v2"},
		"repository '" + url + "/nothing/' ": {url + "/nothing", "v2"},
	} {
		if _, err := runSources(t, newSum(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %s", args, err, want)
		}
	}
}
