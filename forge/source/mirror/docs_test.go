package mirror

import (
	"os"
	"strings"
	"testing"
)

// The example of docs/offline.md does what the page says.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../../docs/offline.md")
	if err != nil {
		t.Fatal(err)
	}

	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")

	config, err := Parse("mirrors.yaml", []byte(example), GoEnv{})
	if err != nil {
		t.Fatal(err)
	}

	if got := config.Rewrite("https://docker.io/library/alpine"); len(got) != 1 || got[0] != "https://mirror.example/hub/library/alpine" {
		t.Errorf("got %v", got)
	}

	if got := config.Rewrite("https://github.com/a/b.tar.gz"); len(got) != 2 || got[1] != "https://backup.example/github/a/b.tar.gz" {
		t.Errorf("got %v", got)
	}

	if len(config.Go.Proxy) != 1 {
		t.Errorf("goproxy: %v", config.Go.Proxy)
	}
}
