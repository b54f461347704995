// Package mounts reads the mount table and watches it change.
package mounts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Table is where the kernel tells a process its mounts.
const Table = "/proc/self/mountinfo"

// Mount is a line of the mount table (Documentation/filesystems/proc.rst, 3.5).
type Mount struct {
	Source, Target, Type string
	// Options of the mount point and of the file system, without repeats.
	Options []string
}

var errLine = errors.New("not a line of a mount table")

// Parse reads a mount table. Where mounts cover each other only the last, which
// is the visible one, is returned.
func Parse(data []byte) ([]Mount, error) {
	var out []Mount

	for line := range strings.Lines(string(data)) {
		m, err := parseLine(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}

		out = slices.DeleteFunc(out, func(old Mount) bool { return old.Target == m.Target })
		out = append(out, m)
	}

	return out, nil
}

func parseLine(line string) (Mount, error) {
	before, after, ok := strings.Cut(line, " - ")
	f, s := strings.Fields(before), strings.Fields(after)

	if !ok || len(f) < 6 || len(s) < 2 {
		return Mount{}, fmt.Errorf("%w: %q", errLine, line)
	}

	m := Mount{Source: unescape(s[1]), Target: unescape(f[4]), Type: s[0], Options: strings.Split(f[5], ",")}

	if len(s) > 2 {
		for o := range strings.SplitSeq(s[2], ",") {
			if !slices.Contains(m.Options, o) {
				m.Options = append(m.Options, o)
			}
		}
	}

	return m, nil
}

// unescape turns \040 and its like back.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}

	var b strings.Builder

	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))

				i += 3

				continue
			}
		}

		b.WriteByte(s[i])
	}

	return b.String()
}

// Read returns the mounts of this process.
func Read() ([]Mount, error) {
	data, err := os.ReadFile(Table)
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}

	return Parse(data)
}

// pollTime bounds how long a watch outlives its context.
const pollTime = time.Second

// Watch calls changed after the mount table has changed, until ctx ends.
func Watch(ctx context.Context, changed func()) error {
	f, err := os.Open(Table)
	if err != nil {
		return fmt.Errorf("watch mount table: %w", err)
	}
	defer f.Close() //nolint:errcheck

	// The kernel marks a change with POLLPRI, which Go's poller does not wait for.
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLPRI}}

	for ctx.Err() == nil {
		n, err := unix.Poll(fds, int(pollTime/time.Millisecond))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("watch mount table: %w", err)
		}

		if n > 0 && ctx.Err() == nil {
			changed()
		}
	}

	return nil
}
