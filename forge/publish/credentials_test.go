package publish

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A registry that asks who we are is told by a credential helper, or by what
// Docker's configuration holds; others are told nothing.
func TestCredentials(t *testing.T) {
	inner := registry.New(quiet, registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "akmon" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)

			return
		}

		inner.ServeHTTP(w, r)
	}))
	defer server.Close()

	host := strings.TrimPrefix(server.URL, "http://")
	dir := t.TempDir()

	helper := "#!/bin/sh\necho '{\"ServerURL\":\"x\",\"Username\":\"akmon\",\"Secret\":\"secret\"}'\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-akmontest"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}

	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DOCKER_CONFIG", dir)

	target := open(t, imageLayout(t))

	for _, test := range []struct {
		config string
		good   bool
	}{
		{fmt.Sprintf(`{"credHelpers":{%q:"akmontest"}}`, host), true},
		{fmt.Sprintf(`{"auths":{%q:{"auth":"YWttb246c2VjcmV0"}}}`, host), true}, // akmon:secret
		{fmt.Sprintf(`{"auths":{%q:{"auth":"YWttb246d3Jvbmc="}}}`, host), false},
		{`{"auths":{"other.example.com":{"auth":"YWttb246c2VjcmV0"}}}`, false},
	} {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(test.config), 0o600); err != nil {
			t.Fatal(err)
		}

		_, err := Push(ctx, target, host+"/akmon/installer:v1", Options{})
		if (err == nil) != test.good || err != nil && !strings.Contains(err.Error(), "401") {
			t.Errorf("%s: %v", test.config, err)
		}
	}
}
