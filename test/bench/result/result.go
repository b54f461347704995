package result

// Taken says when and where a part was measured.
type Taken struct {
	// At is the time in UTC, RFC 3339.
	At string `json:"at"`
	// Revision is the commit, with "+changes" for a tree that differs from it.
	Revision string `json:"revision"`
	Host     Host   `json:"host"`
}

// NoOp is the build of a tree in which nothing has changed.
type NoOp struct {
	Taken
	Profile string `json:"profile"`
	// Steps is how many steps were found to be up to date.
	Steps int `json:"steps"`
	// Process is the whole process, from start to exit; Inside is what the
	// program itself counts of that, without loading and leaving it.
	Process Samples `json:"process"`
	Inside  Samples `json:"inside"`
	// Again are builds in one process that has built before; Engine is opening
	// and closing the engine alone, in the same process, in turn with Again.
	Again  Samples `json:"again"`
	Engine Samples `json:"engine"`
}

// Warm is what a build takes when the engine is there already: each of Again
// less what opening and closing the engine takes.
func (n *NoOp) Warm() Samples {
	warm := make(Samples, len(n.Again))
	for i, t := range n.Again {
		warm[i] = max(0, t-n.Engine.Median())
	}

	return warm
}

// Cache says what was in memory before a run.
type Cache string

// What may be in memory.
const (
	// ColdInput: the programs, but not the files that they read.
	ColdInput Cache = "cold input"
	// ColdAll: nothing, not even the programs.
	ColdAll Cache = "cold"
	// WarmInput: everything.
	WarmInput Cache = "warm"
)

// ISO is the rendering of an ISO image beside cp of the finished image.
type ISO struct {
	Taken
	// Bytes is the size of the image; FileSystem is the type of the one that
	// held inputs and outputs.
	Bytes      int64  `json:"bytes"`
	FileSystem string `json:"fileSystem"`
	Modes      []Mode `json:"modes"`
}

// Mode are alternating runs of both programs from one state of the cache.
type Mode struct {
	Cache  Cache   `json:"cache"`
	Render Samples `json:"render"`
	Copy   Samples `json:"copy"`
	// Peak is the greatest resident memory of each run of Render.
	Peak []int64 `json:"peak"`
}

// Find is the mode with the given state of the cache, nil if it was not run.
func (i *ISO) Find(c Cache) *Mode {
	for n := range i.Modes {
		if i.Modes[n].Cache == c {
			return &i.Modes[n]
		}
	}

	return nil
}

// Peak is the greatest resident memory of all runs.
func (i *ISO) Peak() int64 {
	var peak int64

	for _, m := range i.Modes {
		for _, p := range m.Peak {
			peak = max(peak, p)
		}
	}

	return peak
}

// Machine is a machine that starts, beside the same kernel with a program that
// prints one line.
type Machine struct {
	Taken
	VM VM `json:"vm"`
	// Sizes of the files; PlainInitramfs is the one with the small program.
	Kernel         int64 `json:"kernel"`
	Initramfs      int64 `json:"initramfs"`
	Squashfs       int64 `json:"squashfs"`
	PlainInitramfs int64 `json:"plainInitramfs"`

	Boots []Boot  `json:"boots"`
	Plain Samples `json:"plain"`
	// Memory is of the processes of each run, with a configuration applied.
	Memory []Process `json:"memory"`
}

// VM is the virtual machine that was used.
type VM struct {
	QEMU   string `json:"qemu"`
	Accel  string `json:"accel"`
	CPUs   int    `json:"cpus"`
	MiB    int    `json:"mib"`
	Kernel string `json:"kernel"`
	Args   string `json:"args"`
}

// Boot is one start. All times count on the kernel's own clock, which starts
// with the kernel.
type Boot struct {
	// Init is when the first program starts, Machined when machined does,
	// Listening when the API's port is open, and Answering when a client
	// outside had its first answer.
	Init      float64 `json:"init"`
	Machined  float64 `json:"machined"`
	Listening float64 `json:"listening"`
	Answering float64 `json:"answering"`
}

// Of collects one time of all boots.
func (m *Machine) Of(get func(Boot) float64) Samples {
	out := make(Samples, len(m.Boots))
	for i, b := range m.Boots {
		out[i] = get(b)
	}

	return out
}

// Process is the memory of one process, as /proc/PID/status has it.
type Process struct {
	Name string `json:"name"`
	// RSS is all that is resident, Anon the part that is the process's own
	// (the rest are pages of its program file), Peak the greatest RSS so far.
	RSS  int64 `json:"rss"`
	Anon int64 `json:"anon"`
	Peak int64 `json:"peak"`
}

// ProcessNames are the names in Memory, in the order of appearance.
func (m *Machine) ProcessNames() []string {
	var names []string

	seen := map[string]bool{}

	for _, p := range m.Memory {
		if !seen[p.Name] {
			seen[p.Name] = true
			names = append(names, p.Name)
		}
	}

	return names
}

// MemoryOf collects one number of all processes with the name.
func (m *Machine) MemoryOf(name string, get func(Process) int64) Samples {
	var out Samples

	for _, p := range m.Memory {
		if p.Name == name {
			out = append(out, float64(get(p)))
		}
	}

	return out
}

// Colds are builds from empty caches, by profile.
type Colds map[string]*Cold

// Cold is a build from empty caches.
type Cold struct {
	Taken
	Build
}
