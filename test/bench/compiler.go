package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/forge/tree/synthetic"
	"github.com/akmon-os/akmon/test/bench/measure"
	"github.com/akmon-os/akmon/test/bench/result"
)

// treeSizes are the numbers of packages of the trees that are compiled, and
// graphSize that of the tree that is shown: about that of the largest public
// trees.
var treeSizes = []int{100, 1000, 10_000}

const graphSize = 80

// compiler measures the compilation of synthetic trees.
func (b *bench) compiler(ctx context.Context) error {
	compile, err := b.compile(ctx, "compile")
	if err != nil {
		return err
	}

	out := result.Compiler{Taken: b.taken(ctx)}

	for _, size := range treeSizes {
		t, err := b.compileTree(ctx, compile, size)
		if err != nil {
			return err
		}

		progress("  %d packages: %.2f s, of processors %.2f s, %d MiB", size, t.Wall().Median(), t.CPU().Median(), t.Peak()>>20)

		out.Trees = append(out.Trees, *t)
	}

	if out.Graph, err = b.graph(ctx); err != nil {
		return err
	}

	return result.Save(b.rawDir(), &out)
}

// synthetic writes a tree; done removes it.
func (b *bench) synthetic(size int) (dir string, done func(), err error) {
	dir = filepath.Join(b.work, fmt.Sprintf("tree-%d", size))
	done = func() { os.RemoveAll(dir) }

	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", nil, fmt.Errorf("make a scratch directory: %w", err)
	}

	if err := synthetic.Write(dir, size); err != nil {
		done()

		return "", nil, err
	}

	return dir, done, nil
}

func (b *bench) compileTree(ctx context.Context, compile string, size int) (*result.Tree, error) {
	dir, done, err := b.synthetic(size)
	if err != nil {
		return nil, err
	}
	defer done()

	t := &result.Tree{Size: size}

	for range b.runs {
		p, err := measure.Run(ctx, compile, "-C", dir, "-target", synthetic.All)
		if err != nil {
			return nil, err
		}

		var c result.Compilation
		if err := json.Unmarshal(p.Stdout, &c); err != nil {
			return nil, fmt.Errorf("read what compile printed: %w", err)
		}

		if len(t.Runs) > 0 && t.Runs[0].Digest != c.Digest {
			return nil, errors.New("two compilations of one tree differ")
		}

		t.Runs = append(t.Runs, c)
	}

	return t, nil
}

// graph measures akmon graph as a whole process.
func (b *bench) graph(ctx context.Context) (*result.Graph, error) {
	akmon, err := program(b.akmon)
	if err != nil {
		return nil, err
	}

	dir, done, err := b.synthetic(graphSize)
	if err != nil {
		return nil, err
	}
	defer done()

	g := &result.Graph{Recipes: graphSize + 2}

	// The first one loads the program.
	for i := range 2*b.runs + 1 {
		p, err := measure.Run(ctx, akmon, "graph", "-C", dir)
		if err != nil {
			return nil, err
		}

		if i > 0 {
			g.Wall, g.CPU, g.Peak = append(g.Wall, p.Seconds), append(g.CPU, p.CPU), max(g.Peak, p.Peak)
		}
	}

	progress("  akmon graph: %.1f ms, of processors %.1f ms", g.Wall.Median()*1000, g.CPU.Median()*1000)

	return g, nil
}
