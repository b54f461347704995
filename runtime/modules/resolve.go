package modules

import (
	"path/filepath"
	"slices"
)

// Module is a file to load.
type Module struct {
	// Name is the kernel's, with "_" for "-".
	Name string
	// Path of the file.
	Path string
	// Soft modules help another one; that one works without them.
	Soft bool
}

// Plan is a module with what it wants, in the order in which to load them.
type Plan []Module

// Target is the module that the plan is for. A plan is never empty.
func (p Plan) Target() Module {
	for _, m := range slices.Backward(p) {
		if !m.Soft {
			return m
		}
	}

	return p[len(p)-1]
}

// resolver holds what the files say while names are resolved.
type resolver struct {
	tree  Tree
	paths map[string]string
	needs map[string][]string
	softs map[string]soft
	known map[string][]string // names that aliases gave for the wanted names
}

// Resolve finds the modules for names, each a module's or an alias that hardware
// has. One plan is returned for each module, however many names want it; a name
// that nothing answers to gives none.
func (t Tree) Resolve(names ...string) ([]Plan, error) {
	if len(names) == 0 {
		return nil, nil
	}

	wanted := make([]string, 0, len(names))
	for _, n := range names {
		wanted = append(wanted, normalize(n))
	}

	slices.Sort(wanted)
	wanted = slices.Compact(wanted)

	r := resolver{tree: t}

	var err error

	if r.paths, r.needs, err = t.dependencies(); err != nil {
		return nil, err
	}

	if r.softs, err = t.softdeps(); err != nil {
		return nil, err
	}

	if r.known, err = t.aliases(slices.Concat(wanted, r.softNames())); err != nil {
		return nil, err
	}

	var (
		plans []Plan
		seen  = map[string]bool{}
	)

	for _, n := range wanted {
		for _, module := range r.modules(n) {
			if !seen[module] {
				seen[module] = true
				plans = append(plans, r.plan(module))
			}
		}
	}

	return plans, nil
}

// softNames are names in softdeps that are not modules: aliases, or built in.
func (r *resolver) softNames() []string {
	var out []string

	for _, s := range r.softs {
		for _, n := range slices.Concat(s.pre, s.post) {
			if _, ok := r.paths[n]; !ok {
				out = append(out, n)
			}
		}
	}

	slices.Sort(out)

	return slices.Compact(out)
}

// modules are those that a name stands for: itself, else what aliases say.
func (r *resolver) modules(name string) []string {
	if _, ok := r.paths[name]; ok {
		return []string{name}
	}

	return slices.DeleteFunc(slices.Clone(r.known[name]), func(m string) bool {
		_, ok := r.paths[m]

		return !ok // built in
	})
}

func (r *resolver) plan(target string) Plan {
	var (
		out   Plan
		done  = map[string]bool{}
		visit func(name string, soft bool)
		all   func(name string, soft bool)
	)

	// visit adds one module between its soft dependencies. A module is marked
	// before, so that soft dependencies may form a circle.
	visit = func(name string, soft bool) {
		if done[name] {
			return
		}

		done[name] = true

		for _, s := range r.softs[name].pre {
			for _, m := range r.modules(s) {
				all(m, true)
			}
		}

		out = append(out, Module{Name: name, Path: filepath.Join(r.tree.Dir, r.paths[name]), Soft: soft})

		for _, s := range r.softs[name].post {
			for _, m := range r.modules(s) {
				all(m, true)
			}
		}
	}

	all = func(name string, soft bool) {
		for _, need := range r.needs[name] {
			visit(need, soft)
		}

		visit(name, soft)
	}

	all(target, false)

	return out
}
