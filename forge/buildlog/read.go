package buildlog

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/schemas/document"
)

// Log is what is known of a build.
type Log struct {
	Target  string    `json:"target"`
	Started time.Time `json:"started"`
	// Finished is nil while the build runs, and when it was killed.
	Finished *time.Time `json:"finished,omitempty"`
	Error    string     `json:"error,omitempty"`
	// Steps are those that ran, in the order in which they began.
	Steps []*Step `json:"steps"`
}

// Step is a step that ran.
type Step struct {
	Name    string `json:"name"`
	Package string `json:"package,omitempty"`
	// Output is what it printed. Where much was left out a line says so.
	Output string `json:"output,omitempty"`
	// Seconds is how long it ran; Ended is false if its end is not known.
	Seconds float64 `json:"seconds"`
	Ended   bool    `json:"ended"`
	Error   string  `json:"error,omitempty"`
}

// ErrNone says that there is no log of a target.
var ErrNone = errors.New("there is no log")

// Find returns the log of a target's last build; if it was never a target, that
// of the last build in which steps of the package ran, with those steps alone.
func Find(dir, target string) (*Log, error) {
	var newest *Log

	for _, end := range []string{running, suffix} {
		l, err := read(filepath.Join(dir, fileName(target, end)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}

		if newest == nil || l.Started.After(newest.Started) {
			newest = l
		}
	}

	if newest != nil {
		return newest, nil
	}

	return asPart(dir, target)
}

// asPart looks for a package in the builds of other targets.
func asPart(dir, name string) (*Log, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		return nil, fmt.Errorf("looking for build logs: %w", err)
	}

	var (
		newest *Log
		known  []string
	)

	for _, path := range files {
		l, err := read(path)
		if err != nil {
			return nil, err
		}

		known = append(known, l.Target)
		l.Steps = slices.DeleteFunc(l.Steps, func(s *Step) bool { return packageName(s.Package) != name })

		if len(l.Steps) > 0 && (newest == nil || l.Started.After(newest.Started)) {
			newest = l
		}
	}

	if newest == nil {
		err := fmt.Errorf("%w of %q", ErrNone, name)
		if hint := document.Suggest(name, known); hint != "" {
			err = fmt.Errorf("%w; %s", err, hint)
		}

		return nil, err
	}

	return newest, nil
}

// packageName is a package without the platform that it is for.
func packageName(shown string) string {
	name, _, _ := strings.Cut(shown, " ")

	return name
}

// maxLine is more than a line of ours has: a tail with every byte escaped.
const maxLine = 16 << 20

func read(path string) (*Log, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a build log: %w", err)
	}
	defer file.Close()

	l, err := Parse(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}

	return l, nil
}

// Parse reads a log. A last line that is cut off, as a killed build leaves it,
// is no error.
func Parse(r io.Reader) (*Log, error) {
	l := &Log{Steps: []*Step{}}
	steps := map[string]*Step{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)

	var bad error

	for number := 1; lines.Scan(); number++ {
		if bad != nil {
			return nil, bad
		}

		var one line
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			bad = fmt.Errorf("line %d: %w", number, err)

			continue
		}

		l.take(one, steps)
	}

	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}

	if l.Target == "" {
		return nil, errors.New("it is not a build log")
	}

	return l, nil
}

func (l *Log) take(one line, steps map[string]*Step) {
	switch s := steps[one.Step]; {
	case one.Target != "" && one.Started != nil:
		l.Target, l.Started = one.Target, *one.Started
	case one.Finished != nil:
		l.Finished, l.Error = one.Finished, one.Error
	case one.Step == "":
	case one.Started != nil:
		if s == nil {
			s = &Step{Name: one.Name, Package: one.Package}
			steps[one.Step] = s
			l.Steps = append(l.Steps, s)
		}
	case s == nil:
	case one.Ended:
		s.Ended, s.Seconds, s.Error = true, one.Seconds, one.Error
	default:
		if one.Omitted > 0 {
			s.Output += fmt.Sprintf("\n[%d bytes left out]\n", one.Omitted)
		}

		s.Output += one.Output
	}
}

// WriteText prints the log for people: each step that ran, and what it printed.
// Output that could upset a terminal is cleaned.
func (l *Log) WriteText(w io.Writer) error {
	var b strings.Builder

	fmt.Fprintf(&b, "build of %s, %s", l.Target, l.Started.Local().Format(time.DateTime))

	switch {
	case l.Finished == nil:
		b.WriteString(", still running or killed\n")
	case l.Error != "":
		fmt.Fprintf(&b, ", failed after %s\n", l.Finished.Sub(l.Started).Round(100*time.Millisecond))
	default:
		fmt.Fprintf(&b, ", %s\n", l.Finished.Sub(l.Started).Round(100*time.Millisecond))
	}

	for _, s := range l.Steps {
		// Inputs and exports print nothing, and what was quick and quiet is
		// of no interest.
		if s.Output == "" && s.Error == "" && s.Package == "" {
			continue
		}

		switch {
		case s.Error != "":
			fmt.Fprintf(&b, "\n%s (failed)\n", s.Name)
		case !s.Ended:
			fmt.Fprintf(&b, "\n%s (not finished)\n", s.Name)
		default:
			fmt.Fprintf(&b, "\n%s (%.1f s)\n", s.Name, s.Seconds)
		}

		for text := range strings.Lines(s.Output) {
			b.WriteString("  " + clean(strings.TrimRight(text, "\r\n")) + "\n")
		}
	}

	if l.Error != "" {
		b.WriteString("\n" + l.Error + "\n")
	}

	_, err := io.WriteString(w, b.String())

	return err
}

// clean keeps what a terminal shows at last of a line that a carriage return
// overwrites, and drops control characters.
func clean(text string) string {
	if i := strings.LastIndexByte(text, '\r'); i >= 0 {
		text = text[i+1:]
	}

	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r == 0x7f) {
			return -1
		}

		return r
	}, text)
}
