package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/akmon-os/akmon/test/bench/result"
)

// taken describes this moment, before a part is measured.
func (b *bench) taken(ctx context.Context) result.Taken {
	t := result.Taken{At: time.Now().UTC().Format(time.RFC3339), Host: result.ThisHost()}

	if t.Host.Load > float64(t.Host.Cores) {
		progress("note: this machine is busy (load %.1f on %d cores), so times will be longer than they need be", t.Host.Load, t.Host.Cores)
	}

	// A tree that is no repository has no revision.
	if out, err := exec.CommandContext(ctx, "git", "-C", b.tree, "rev-parse", "--short=12", "HEAD").Output(); err == nil {
		t.Revision = strings.TrimSpace(string(out))

		out, err := exec.CommandContext(ctx, "git", "-C", b.tree, "status", "--porcelain", "--untracked-files=no").Output()
		if err == nil && len(out) > 0 {
			t.Revision += "+changes"
		}
	}

	return t
}

// compile builds one of the programs that the benchmarks bring along, static
// and without debugging information, as the machine's own programs are.
func (b *bench) compile(ctx context.Context, name string) (string, error) {
	program := filepath.Join(b.work, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program,
		"github.com/akmon-os/akmon/test/bench/"+name)
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")

	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}

	return program, nil
}
