package frontend_test

import (
	"archive/tar"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestInputs shows where the tree and its sources may be, through a BuildKit
// daemon.
func TestInputs(t *testing.T) {
	needRoot(t)

	address := buildkitd(t)
	s := newSite(t)
	ref := s.frontendImage(t)
	dir := newTree(t, s, ref)

	// build builds the target app into an OCI archive.
	build := func(t *testing.T, address string, args ...string) string {
		t.Helper()

		file := filepath.Join(t.TempDir(), "app.tar")
		s.buildctl(t, address, dir, file, append([]string{"--frontend=gateway.v0", "--opt=source=" + ref, "--opt=target=app"}, args...)...)

		return file
	}

	plain := openArchive(t, build(t, address))

	t.Run("context is an archive", func(t *testing.T) {
		var (
			headers []*tar.Header
			texts   [][]byte
		)

		for name, text := range files(t, dir) {
			headers = append(headers, &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
			texts = append(texts, []byte(text))
		}

		url, _, _ := s.serve("tree.tar", tarOfAll(t, headers, texts))
		same(t, plain, build(t, address, "--opt=context="+url))
	})

	t.Run("mirror and own certificate authority", func(t *testing.T) {
		var asked atomic.Bool

		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Store(true)

			response, err := http.Get(s.url + r.URL.Path)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)

				return
			}
			defer response.Body.Close()

			w.WriteHeader(response.StatusCode)
			_, _ = io.Copy(w, response.Body)
		}))
		t.Cleanup(server.Close)

		ca := filepath.Join(t.TempDir(), "ca.pem")
		write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))

		s.serve("mirror/data.txt", s.files["data.txt"])

		// What was fetched once is not fetched again; another daemon has nothing.
		same(t, plain, build(t, buildkitd(t), "--opt=build-arg:AKMON_GOPROXY="+server.URL+"/go", "--secret=id=ca-certificates,src="+ca,
			"--opt=build-arg:AKMON_MIRRORS="+s.url+"/files/data="+s.url+"/files/mirror/data"))

		if !asked.Load() || s.asked["/files/mirror/data.txt"] == 0 {
			t.Error("the proxy or the mirror was not asked")
		}
	})

	t.Run("label and epoch", func(t *testing.T) {
		index := openArchive(t, build(t, address, "--opt=label:org.example=yes", "--opt=build-arg:SOURCE_DATE_EPOCH=1000000000"))

		all := strings.Join(contents(t, index), "\n")
		for _, want := range []string{`"org.example":"yes"`, `"created":"2001-09-09T01:46:40Z"`, "one.txt 0 644 0:0 2001-09-09 01:46:40 +0000 UTC"} {
			if !strings.Contains(all, want) {
				t.Errorf("no %s in\n%s", want, all)
			}
		}
	})
}
