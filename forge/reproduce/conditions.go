package reproduce

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/userns"
	"golang.org/x/sys/unix"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/schemas/document"
)

// Condition is one circumstance of the two builds.
type Condition struct {
	// Name is one of [ConditionNames].
	Name string `json:"name"`
	// Varied says that it was not the same in both builds.
	Varied bool `json:"varied"`
	// First and Second are what it was in each.
	First  string `json:"first,omitempty"`
	Second string `json:"second,omitempty"`
	// Note says why it was not varied, or how far.
	Note string `json:"note,omitempty"`
}

// ConditionNames are the conditions that can be varied.
var ConditionNames = []string{"hostname", "user", "timezone", "cpus", "order", "clock"}

// ParseConditions checks names of conditions; none means all.
func ParseConditions(names []string) ([]string, error) {
	if len(names) == 0 {
		return ConditionNames, nil
	}

	for _, name := range names {
		if name == "none" && len(names) == 1 {
			return []string{}, nil
		}

		if !slices.Contains(ConditionNames, name) {
			hint := document.Suggest(name, ConditionNames)
			if hint == "" {
				hint = "there are " + strings.Join(ConditionNames, ", ") + ", and none"
			}

			return nil, fmt.Errorf("condition %q is not known; %s", name, hint)
		}
	}

	return names, nil
}

const (
	otherHost = "second-build"
	otherUser = "smith"
	// otherZone is as far from UTC as it gets, in the form that needs no
	// database of time zones (POSIX.1-2017, 8.3).
	otherZone = "<+14>-14"
	// defaultHost is what BuildKit calls the machine.
	defaultHost = "buildkitsandbox"
)

// vary makes the second build's conditions. What is not asked for is not
// varied.
func vary(names []string) (engine.Conditions, []Condition) {
	var conditions engine.Conditions

	conditions.Env = map[string]string{}

	list := []Condition{
		{Name: "hostname", Varied: true, First: defaultHost, Second: otherHost},
		{Name: "user", Varied: true, First: "none", Second: otherUser, Note: "USER and LOGNAME; steps are root in both"},
		{Name: "timezone", Varied: true, First: "UTC", Second: "UTC+14", Note: "TZ"},
		cpus(),
		{Name: "clock"},
	}

	for i := range list {
		c := &list[i]

		if !slices.Contains(names, c.Name) {
			*c = notAsked(c.Name)

			continue
		}

		switch c.Name {
		case "hostname":
			conditions.Hostname = otherHost
		case "user":
			conditions.Env["USER"], conditions.Env["LOGNAME"] = otherUser, otherUser
		case "timezone":
			conditions.Env["TZ"] = otherZone
		case "cpus":
			if c.Varied {
				conditions.CPUs = c.Second
			}
		case "clock":
			*c = fakeClock(&conditions)
		}
	}

	return conditions, list
}

func notAsked(name string) Condition { return Condition{Name: name, Note: "not asked for"} }

// cpus leaves the second build one CPU.
func cpus() Condition {
	if userns.RunningInUserNS() {
		return Condition{Name: "cpus", Note: "that needs root"}
	}

	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return Condition{Name: "cpus", Note: err.Error()}
	}

	if set.Count() < 2 {
		return Condition{Name: "cpus", Note: "this machine has one only"}
	}

	first := 0
	for !set.IsSet(first) {
		first++
	}

	return Condition{
		Name: "cpus", Varied: true, First: strconv.Itoa(set.Count()), Second: strconv.Itoa(first),
		Note: "how many | the number of the only one",
	}
}

// clockOffset is how far ahead the second build's clock is: another day, month
// and year.
const clockOffset = "+401d"

// fakeClock sets the clock of the second build's programs ahead, with
// libfaketime (github.com/wolfcw/libfaketime) where this machine has it. What
// is linked statically, or with another C library than this machine's, sees
// the real time. File times stay real, so that make is not confused.
func fakeClock(conditions *engine.Conditions) Condition {
	library, dirs := findLibrary("faketime/libfaketimeMT.so.1")
	if library == "" {
		return Condition{Name: "clock", Varied: true, First: "real", Second: "real, later", Note: "the date is the same: libfaketime is not installed"}
	}

	conditions.Preload = engine.Preload{Library: library, Env: map[string]string{
		"FAKETIME": clockOffset, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DISABLE_SHM": "1", "NO_FAKE_STAT": "1",
	}}

	for _, dir := range dirs {
		conditions.Preload.Needs = append(conditions.Preload.Needs, filepath.Join(dir, "libm.so.6"), filepath.Join(strings.TrimPrefix(dir, "/usr"), "libm.so.6"))
	}

	return Condition{
		Name: "clock", Varied: true, First: "real", Second: "401 days ahead",
		Note: "for programs that are linked with glibc; the real time for others",
	}
}

// findLibrary looks for a library of this machine's architecture. It also gives
// the directories where libraries may be.
func findLibrary(name string) (string, []string) {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	dirs := []string{filepath.Join("/usr/lib", triple), "/usr/lib64"}

	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, dirs
		}
	}

	return "", dirs
}
