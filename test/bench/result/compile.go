package result

// Times are what one thing took, in seconds: from its start to its end, and of
// all processors together. On a machine that does other things, too, the
// second says more.
type Times struct {
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
}

// Compilation is one load, resolution and lowering of a tree, in a process of
// its own.
type Compilation struct {
	// Packages and Operations are how many there are: those of the tree, and
	// those of the build graph that it becomes.
	Packages   int `json:"packages"`
	Operations int `json:"operations"`
	// Digest is that of all operations: the same from run to run.
	Digest  string `json:"digest"`
	Load    Times  `json:"load"`
	Resolve Times  `json:"resolve"`
	Lower   Times  `json:"lower"`
	// Peak is the greatest resident memory, in bytes.
	Peak int64 `json:"peak"`
}

// Sum is what all three took.
func (c Compilation) Sum() Times {
	return Times{
		Wall: c.Load.Wall + c.Resolve.Wall + c.Lower.Wall,
		CPU:  c.Load.CPU + c.Resolve.CPU + c.Lower.CPU,
	}
}

// Compiler is the compilation of trees of several sizes, and one command that
// compiles a small one.
type Compiler struct {
	Taken

	Trees []Tree `json:"trees"`
	Graph *Graph `json:"graph,omitempty"`
}

// Tree is the compilation of trees of one size.
type Tree struct {
	// Size is how many packages were asked for; there are two more.
	Size int           `json:"size"`
	Runs []Compilation `json:"runs"`
}

// Of collects one number of all runs.
func (t *Tree) Of(get func(Compilation) float64) Samples {
	out := make(Samples, len(t.Runs))
	for i, c := range t.Runs {
		out[i] = get(c)
	}

	return out
}

// Wall is the time of all runs, CPU that of all processors.
func (t *Tree) Wall() Samples { return t.Of(func(c Compilation) float64 { return c.Sum().Wall }) }

// CPU is the processor time of all runs.
func (t *Tree) CPU() Samples { return t.Of(func(c Compilation) float64 { return c.Sum().CPU }) }

// Peak is the greatest resident memory of all runs, in bytes.
func (t *Tree) Peak() int64 {
	var peak int64
	for _, c := range t.Runs {
		peak = max(peak, c.Peak)
	}

	return peak
}

// PerPackage is the processor time of one package, in seconds.
func (t *Tree) PerPackage() float64 {
	if len(t.Runs) == 0 || t.Runs[0].Packages == 0 {
		return 0
	}

	return t.CPU().Median() / float64(t.Runs[0].Packages)
}

// Graph is `akmon graph`, from start to exit.
type Graph struct {
	// Recipes is how many the tree has.
	Recipes int     `json:"recipes"`
	Wall    Samples `json:"wall"`
	CPU     Samples `json:"cpu"`
	// Peak is the greatest resident memory, in bytes.
	Peak int64 `json:"peak"`
}
