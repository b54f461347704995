package buildlog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// What is kept, in bytes of output.
const (
	HeadBytes  = 1 << 20
	TailBytes  = 256 << 10
	BuildBytes = 64 << 20
	TotalBytes = 256 << 20
)

const (
	suffix  = ".jsonl"
	running = ".running" + suffix
)

// line is one line of a log. Which fields are set tells what it says.
type line struct {
	// The header.
	Target  string     `json:"target,omitempty"`
	Started *time.Time `json:"started,omitempty"`
	// A step, by its digest: that it started, what it printed, that it ended.
	Step    string  `json:"step,omitempty"`
	Name    string  `json:"name,omitempty"`
	Package string  `json:"package,omitempty"`
	Output  string  `json:"output,omitempty"`
	Omitted int64   `json:"omitted,omitempty"` // bytes before Output
	Seconds float64 `json:"seconds,omitempty"`
	Ended   bool    `json:"ended,omitempty"`
	// The end of a step, or of the build.
	Error    string     `json:"error,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
}

// Dir is where the logs of a tree are.
func Dir(tree string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the directory of build logs: %w; set HOME or XDG_CACHE_HOME", err)
	}

	if tree, err = filepath.Abs(tree); err != nil {
		return "", fmt.Errorf("finding the directory of build logs: %w", err)
	}

	if resolved, err := filepath.EvalSymlinks(tree); err == nil {
		tree = resolved
	}

	sum := sha256.Sum256([]byte(tree))

	return filepath.Join(cache, "akmon", "logs", hex.EncodeToString(sum[:8])), nil
}

// Writer writes the log of one build. It is a progress.Sink, safe for
// concurrent use. Errors of writing are told by Close: a log that can't be
// written stops no build.
type Writer struct {
	dir, target string

	mu    sync.Mutex
	file  *os.File
	enc   *json.Encoder
	err   error
	size  int64
	steps map[digest.Digest]*step
}

type step struct {
	name           string
	started, ended bool
	head           int64
	tail           []byte
	omitted        int64
}

// Create begins the log of a target's build.
func Create(dir, target string, started time.Time) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of build logs: %w", err)
	}

	// Two builds of one target at a time: the later one has the log.
	path := filepath.Join(dir, fileName(target, running))
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("beginning the log of %s: %w", target, err)
	}

	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("beginning the log of %s: %w", target, err)
	}

	w := &Writer{dir: dir, target: target, file: file, enc: json.NewEncoder(file), steps: map[digest.Digest]*step{}}
	w.enc.SetEscapeHTML(false)
	w.write(line{Target: target, Started: &started})

	return w, nil
}

// fileName is that of a target's log. Names of packages may have slashes.
func fileName(target, suffix string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", ".", "%2E").Replace(target) + suffix
}

func (w *Writer) write(l line) {
	if w.err == nil {
		w.err = w.enc.Encode(l)
	}
}

// Update implements progress.Sink.
func (w *Writer) Update(status *client.SolveStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, v := range status.Vertexes {
		w.vertex(v)
	}

	for _, l := range status.Logs {
		if s := w.steps[l.Vertex]; s != nil {
			w.output(l.Vertex, s, l.Data)
		}
	}
}

func (w *Writer) vertex(v *client.Vertex) {
	s := w.steps[v.Digest]
	if s == nil {
		s = &step{name: v.Name}
		w.steps[v.Digest] = s
	}

	// What the cache served has printed nothing.
	if v.Started == nil || v.Cached || s.ended {
		return
	}

	if !s.started {
		s.started = true

		w.write(line{Step: v.Digest.String(), Name: v.Name, Package: progress.PackageOf(v.Name), Started: v.Started})
	}

	if v.Completed == nil {
		return
	}

	// More of its output may come yet: the end of it is written by Close.
	s.ended = true

	w.write(line{Step: v.Digest.String(), Ended: true, Seconds: v.Completed.Sub(*v.Started).Seconds(), Error: v.Error})
}

// output writes the beginning of what a step prints at once and holds back the
// end of it.
func (w *Writer) output(d digest.Digest, s *step, data []byte) {
	if len(s.tail) == 0 && s.head+int64(len(data)) <= HeadBytes && w.size+int64(len(data)) <= BuildBytes {
		s.head += int64(len(data))
		w.size += int64(len(data))
		w.write(line{Step: d.String(), Output: strings.ToValidUTF8(string(data), "?")})

		return
	}

	s.tail = append(s.tail, data...)

	if over := len(s.tail) - TailBytes; over > TailBytes {
		s.omitted += int64(over)
		s.tail = slices.Clone(s.tail[over:])
	}
}

func (w *Writer) flush(d digest.Digest, s *step) {
	if over := len(s.tail) - TailBytes; over > 0 {
		s.omitted += int64(over)
		s.tail = s.tail[over:]
	}

	if len(s.tail) > 0 {
		w.write(line{Step: d.String(), Omitted: s.omitted, Output: strings.ToValidUTF8(string(s.tail), "?")})
	}

	s.tail, s.omitted = nil, 0
}

// Close ends the log. It takes the place of the one before unless nothing was
// executed and nothing failed.
func (w *Writer) Close(executed bool, failure error) error {
	w.mu.Lock()
	defer w.mu.Unlock()

	for d, s := range w.steps {
		w.flush(d, s)
	}

	now := time.Now()
	end := line{Finished: &now}

	if failure != nil {
		end.Error = failure.Error()
	}

	w.write(end)

	path := w.file.Name()
	err := errors.Join(w.err, w.file.Close())

	switch {
	case err != nil:
		err = errors.Join(err, os.Remove(path))
	case executed || failure != nil:
		err = os.Rename(path, filepath.Join(w.dir, fileName(w.target, suffix)))
	default:
		err = os.Remove(path)
	}

	if err != nil {
		return fmt.Errorf("keeping the log of %s: %w", w.target, err)
	}

	return prune(filepath.Dir(w.dir))
}

// prune deletes the oldest logs of all trees beyond TotalBytes.
func prune(root string) error {
	logs, err := filepath.Glob(filepath.Join(root, "*", "*"+suffix))
	if err != nil {
		return fmt.Errorf("looking for build logs: %w", err)
	}

	type old struct {
		path string
		size int64
		time time.Time
	}

	var list []old

	for _, path := range logs {
		if info, err := os.Stat(path); err == nil {
			list = append(list, old{path, info.Size(), info.ModTime()})
		}
	}

	slices.SortFunc(list, func(a, b old) int { return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.path, b.path)) })

	total := int64(0)

	for i, l := range list {
		// The newest stays, however large.
		if total += l.size; total <= TotalBytes || i == 0 {
			continue
		}

		if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("deleting an old build log: %w", err)
		}
	}

	return nil
}
