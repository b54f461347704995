package git_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/git"
)

// repo is a repository with a working tree.
type repo struct {
	t   *testing.T
	dir string
}

func newRepo(t *testing.T, dir string, args ...string) *repo {
	t.Helper()

	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}

	// Neither this machine's settings nor its clock have a say.
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2026-01-02T00:00:00Z",
		"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": "2026-01-02T00:00:00Z",
	} {
		t.Setenv(name, value)
	}

	r := &repo{t, dir}
	r.git(append([]string{"init", "-q", "-b", "main"}, append(args, dir)...)...)

	return r
}

func (r *repo) git(args ...string) string {
	r.t.Helper()

	if args[0] != "init" {
		args = append([]string{"-C", r.dir, "-c", "protocol.file.allow=always", "-c", "gc.auto=0"}, args...)
	}

	out, err := exec.Command("git", args...).CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}

	return strings.TrimSpace(string(out))
}

// commit writes files and commits them. A name with an exclamation mark is
// executable, one with an at sign a link.
func (r *repo) commit(files ...string) string {
	r.t.Helper()

	for i := 0; i < len(files); i += 2 {
		name, text := files[i], files[i+1]
		path := filepath.Join(r.dir, strings.TrimLeft(name, "!@"))

		err := os.MkdirAll(filepath.Dir(path), 0o755)

		switch name[0] {
		case '@':
			err = errors.Join(err, os.Symlink(text, path))
		case '!':
			err = errors.Join(err, os.WriteFile(path, []byte(text), 0o755))
		default:
			err = errors.Join(err, os.WriteFile(path, []byte(text), 0o644))
		}

		if err != nil {
			r.t.Fatal(err)
		}
	}

	r.git("add", "-A")
	r.git("commit", "-q", "-m", "change", "--allow-empty")

	return r.git("rev-parse", "HEAD")
}

// serve serves the repositories below dir by git's own program for it.
func serve(t *testing.T, dir string, wrap func(http.Handler) http.Handler) string {
	t.Helper()

	path, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Skip("git is not installed")
	}

	backend := filepath.Join(strings.TrimSpace(string(path)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		t.Skipf("%s is not installed", backend)
	}

	var h http.Handler = &cgi.Handler{
		Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
		InheritEnv: []string{"GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM"},
		Logger:     nil, Stderr: io.Discard,
	}
	if wrap != nil {
		h = wrap(h)
	}

	server := httptest.NewServer(h)
	t.Cleanup(server.Close)

	return server.URL
}

type mirrors []string

func (m mirrors) Rewrite(string) []string { return m }

func open(t *testing.T, opts source.Options) *source.Store {
	t.Helper()

	opts.Backoff = func(int) time.Duration { return 0 }

	s, err := source.Open(filepath.Join(t.TempDir(), "store"), opts)
	if err != nil {
		t.Fatal(err)
	}

	return s
}

// archiveOf makes an archive and gives what to ask for to get it again.
func archiveOf(t *testing.T, s *source.Store, w git.Wanted) ([]byte, git.Wanted) {
	t.Helper()

	var out bytes.Buffer
	if _, err := git.Archive(t.Context(), s, w.URL, w, &out); err != nil {
		t.Fatal(err)
	}

	return out.Bytes(), withSums(w, out.Bytes())
}

func withSums(w git.Wanted, data []byte) git.Wanted {
	a, b := sha256.Sum256(data), sha512.Sum512(data)
	w.SHA256, w.SHA512 = hex.EncodeToString(a[:]), hex.EncodeToString(b[:])

	return w
}

func list(t *testing.T, data []byte) []string {
	t.Helper()

	var entries []string

	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}

		if err != nil {
			t.Fatal(err)
		}

		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}

		entries = append(entries, fmt.Sprintf("%o %s %s%s %d", h.Mode, h.Name, h.Linkname, text, h.ModTime.Unix()))
	}
}

func TestArchive(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			base := t.TempDir()
			r := newRepo(t, filepath.Join(base, "r"), "--object-format="+format)
			long := strings.Repeat("n", 200) + "ä"
			commit := r.commit("a.txt", "a\n", "!run", "#!\n", "@link", "../a", "a/b", "b\n", "a-", "-\n", "d/"+long, "long\n",
				".gitattributes", "a.txt export-ignore\n*.txt eol=crlf\n")
			r.commit("a.txt", "newer\n")

			if _, err := exec.Command("git", "-C", r.dir, "cat-file", "-e", commit).Output(); err != nil {
				t.Fatal(err)
			}

			store := open(t, source.Options{})
			w := git.Wanted{Source: source.Source{URL: "file://" + r.dir}, Revision: commit}
			data, w := archiveOf(t, store, w)

			want := []string{
				"644 .gitattributes a.txt export-ignore\n*.txt eol=crlf\n 315532800",
				"755 a/  315532800", "644 a/b b\n 315532800", "644 a- -\n 315532800", "644 a.txt a\n 315532800",
				"755 d/  315532800", "644 d/" + long + " long\n 315532800", "777 link ../a 315532800", "755 run #!\n 315532800",
			}
			if diff := cmp.Diff(want, list(t, data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}

			if format == "sha1" {
				// The form of archives must never change: recipes hold their sums.
				if sum := "25abb2be5b6ebca58352beb2be87da9bc590092c108f2d2d7b63a40800345cea"; w.SHA256 != sum {
					t.Errorf("the archive has the SHA-256 %s, want %s", w.SHA256, sum)
				}
			}

			path, err := git.Fetch(t.Context(), store, w)
			if err != nil {
				t.Fatal(err)
			}

			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("the stored archive differs: %v", err)
			}

			if left, _ := os.ReadDir(filepath.Join(store.Root(), "partial")); len(left) > 0 {
				t.Errorf("%s is left behind", left[0].Name())
			}

			// The second time, nobody is asked.
			if err := os.RemoveAll(r.dir); err != nil {
				t.Fatal(err)
			}

			if _, err := git.Fetch(t.Context(), store, w); err != nil {
				t.Error(err)
			}
		})
	}
}

// A branch, a tag and an annotated tag give the archive of their commit.
func TestRefs(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "r"))
	first := r.commit("a", "1\n")
	r.git("tag", "-a", "-m", "one", "v1", first)
	r.git("tag", "main-2", first)
	second := r.commit("a", "2\n")
	r.git("branch", "v1", second) // a tag wins over a branch

	store := open(t, source.Options{})
	url := serve(t, base, nil) + "/r/.git"

	for ref, want := range map[string]string{"v1": first, "main-2": first, "main": second, first: first} {
		var out bytes.Buffer

		commit, err := git.Archive(t.Context(), store, url, git.Wanted{Source: source.Source{URL: url}, Revision: ref}, &out)
		if err != nil || commit != want {
			t.Errorf("%s is %s, want %s: %v", ref, commit, want, err)
		}
	}
}

// Old servers give away only what a branch or a tag points to.
func TestOldServer(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "r"))
	first := r.commit("a", "1\n")
	r.commit("a", "2\n")

	store := open(t, source.Options{})
	url := serve(t, base, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			req.Header.Del("Git-Protocol") // version 0
			h.ServeHTTP(w, req)
		})
	}) + "/r/.git"

	data, _ := archiveOf(t, store, git.Wanted{Source: source.Source{URL: url}, Revision: first})
	if diff := cmp.Diff([]string{"644 a 1\n 315532800"}, list(t, data)); diff != "" {
		t.Error(diff)
	}
}

// A directory of files is a server, too.
func TestFileServer(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "r"))
	first := r.commit("a", "1\n")
	r.commit("a", "2\n")
	r.git("update-server-info")

	server := httptest.NewServer(http.FileServer(http.Dir(base)))
	t.Cleanup(server.Close)

	url := server.URL + "/r/.git"

	for revision, want := range map[string]string{first: "644 a 1\n 315532800", "main": "644 a 2\n 315532800"} {
		data, _ := archiveOf(t, open(t, source.Options{}), git.Wanted{Source: source.Source{URL: url}, Revision: revision})
		if diff := cmp.Diff([]string{want}, list(t, data)); diff != "" {
			t.Errorf("%s: %s", revision, diff)
		}
	}
}

func TestSubmodules(t *testing.T) {
	base := t.TempDir()
	inner := newRepo(t, filepath.Join(base, "inner"))
	inner.commit("x", "x\n")
	middle := newRepo(t, filepath.Join(base, "middle"))
	middle.git("submodule", "--quiet", "add", "../inner", "deep/inner")
	middle.commit("m", "m\n")
	outer := newRepo(t, filepath.Join(base, "outer"))
	outer.git("submodule", "--quiet", "add", "../middle", "sub")
	commit := outer.commit("o", "o\n")

	store := open(t, source.Options{})
	w := git.Wanted{Source: source.Source{URL: "file://" + outer.dir}, Revision: commit}

	names := func(data []byte) []string {
		var names []string
		for _, line := range list(t, data) {
			names = append(names, strings.Fields(line)[1])
		}

		return names
	}

	data, _ := archiveOf(t, store, w)
	if diff := cmp.Diff([]string{".gitmodules", "o", "sub/"}, names(data)); diff != "" {
		t.Errorf("without submodules (-want +got):\n%s", diff)
	}

	w.Submodules = true

	data, w = archiveOf(t, store, w)
	if diff := cmp.Diff([]string{
		".gitmodules", "o", "sub/", "sub/.gitmodules", "sub/deep/", "sub/deep/inner/", "sub/deep/inner/x", "sub/m",
	}, names(data)); diff != "" {
		t.Errorf("with submodules (-want +got):\n%s", diff)
	}

	if _, err := git.Fetch(t.Context(), store, w); err != nil {
		t.Error(err)
	}
}

// A mirror that lacks the commit or has a damaged one is passed over, and a
// server that fails now and then is asked again.
func TestFetchSurvives(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "good"))
	commit := r.commit("a", strings.Repeat("a line\n", 1000), "b", "b\n")
	other := newRepo(t, filepath.Join(base, "other"))
	other.commit("a", "other\n")

	var requests atomic.Int64

	for name, test := range map[string]struct {
		mirror string
		wrap   func(http.Handler) http.Handler
		origin bool
	}{
		"good mirror":    {"/good/.git", nil, false},
		"no such mirror": {"/nothing/.git", nil, true},
		"other commits":  {"/other/.git", nil, true},
		"broken": {"/good/.git", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) })
		}, true},
		"one 500": {"/good/.git", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if requests.Add(1) == 1 {
					http.Error(w, "no", http.StatusServiceUnavailable)

					return
				}

				h.ServeHTTP(w, req)
			})
		}, false},
		"dropped in the pack": {"/good/.git", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method != http.MethodPost || requests.Add(1) != 2 {
					h.ServeHTTP(w, req)

					return
				}

				full := httptest.NewRecorder()
				h.ServeHTTP(full, req)
				w.Header().Set("Content-Type", full.Header().Get("Content-Type"))
				w.Write(full.Body.Bytes()[:full.Body.Len()/2]) //nolint:errcheck
				panic(http.ErrAbortHandler)
			})
		}, false},
		"wrong bytes": {"/good/.git", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				full := httptest.NewRecorder()
				h.ServeHTTP(full, req)
				body := full.Body.Bytes()

				if req.Method == http.MethodPost && bytes.Contains(body, []byte("PACK")) {
					body[len(body)-40] ^= 1
				}

				w.Header().Set("Content-Type", full.Header().Get("Content-Type"))
				w.Write(body) //nolint:errcheck
			})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			requests.Store(0)

			var origins atomic.Int64

			mirror := serve(t, base, test.wrap) + test.mirror
			origin := serve(t, base, func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { origins.Add(1); h.ServeHTTP(w, req) })
			}) + "/good/.git"

			var notes []string

			store := open(t, source.Options{Mirrors: mirrors{mirror}, Progress: func(e source.Event) {
				if e.State == source.Failed {
					notes = append(notes, e.String())
				}
			}})

			_, w := archiveOf(t, open(t, source.Options{}), git.Wanted{
				Source: source.Source{URL: "file://" + r.dir, Package: "p"}, Revision: commit,
			})
			w.URL = origin

			path, err := git.Fetch(t.Context(), store, w)
			if err != nil {
				t.Fatal(err)
			}

			if filepath.Base(path) != w.SHA256 {
				t.Errorf("the path is %s", path)
			}

			if (origins.Load() > 0) != test.origin || len(notes) > 0 != test.origin {
				t.Errorf("the origin was asked %d times, notes: %v", origins.Load(), notes)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "r"))
	commit := r.commit("a", "1\n")
	r.git("tag", "-a", "-m", "one", "v1", commit)
	tag := r.git("rev-parse", "v1")
	absent := strings.Repeat("ab", 20)
	url := serve(t, base, nil)

	store := open(t, source.Options{Attempts: 1})
	good, wanted := archiveOf(t, store, git.Wanted{Source: source.Source{URL: "file://" + r.dir, Package: "p"}, Revision: commit})

	for name, test := range map[string]struct {
		url, revision string
		sums          []byte
		offline       bool
		want          string
	}{
		"no repository": {url + "/x", commit, good, false, "not found"},
		"no commit":     {url + "/r/.git", absent, good, false, "no branch and no tag of the repository leads to commit " + absent},
		"tag object":    {url + "/r/.git", tag, good, false, tag + " is a tag, not a commit"},
		"no ref":        {url + "/r/.git", "v2", good, false, "the repository has no tag and no branch named v2"},
		"wrong sums":    {url + "/r/.git", commit, []byte("x"), false, "wrong checksum of " + url + "/r/.git\n  sha256 wanted 2d7116"},
		"program":       {"ext::sh -c touch% /tmp/x", commit, good, false, "not allowed"},
		"offline":       {url + "/r/.git", commit, good, true, "is not in the store, and the build is offline"},
	} {
		t.Run(name, func(t *testing.T) {
			store := open(t, source.Options{Attempts: 1, Offline: test.offline})
			w := withSums(wanted, test.sums)
			w.URL, w.Revision = test.url, test.revision

			_, err := git.Fetch(t.Context(), store, w)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}

			if left, _ := os.ReadDir(filepath.Join(store.Root(), "partial")); len(left) > 0 {
				t.Errorf("%s is left behind", left[0].Name())
			}
		})
	}

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped by the test"))

	w := withSums(wanted, good)
	if _, err := git.Fetch(ctx, open(t, source.Options{}), w); err == nil || !strings.Contains(err.Error(), "stopped by the test") {
		t.Errorf("got %v", err)
	}
}

// An object that git hands over but that is not what its name says.
func TestDamagedObject(t *testing.T) {
	base := t.TempDir()
	r := newRepo(t, filepath.Join(base, "r"))
	commit := r.commit("a", "1\n")
	evil := r.git("hash-object", "-w", filepath.Join(r.dir, "a"))

	// A program in git's place that changes what cat-file says of the file.
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}

	script := "#!/bin/sh\ncase \"$*\" in *cat-file*--batch*) " + real + " \"$@\" | sed -u 's/^1$/2/';; *) exec " + real + " \"$@\";; esac\n"
	bin := t.TempDir()

	if err := os.WriteFile(filepath.Join(bin, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}

	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))

	_, err = git.Archive(t.Context(), open(t, source.Options{}), "file://"+r.dir,
		git.Wanted{Source: source.Source{URL: "file://" + r.dir}, Revision: commit}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "blob "+evil+" is damaged") {
		t.Errorf("got %v", err)
	}
}
