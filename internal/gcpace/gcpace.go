// Package gcpace fits the garbage collector to programs that run for a second
// and let their memory only grow, such as a compiler.
//
// Go's collector runs whenever the heap has doubled. While a heap is small
// that is too often: what is collected is a few megabytes, and a process that
// ends in 50 ms does so five times for nothing. When it is large it is too
// rare: a compiler that keeps 280 MiB would take 560 MiB for them. Here the
// room that the heap has before it is collected again shrinks as it grows.
package gcpace

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Percent is the value of GOGC for a heap of which live bytes are in use.
func Percent(live uint64) int {
	switch {
	case live < 24<<20:
		return 400
	case live < 96<<20:
		return 150
	case live < 192<<20:
		return 100
	default:
		return 60
	}
}

// Start sets the pace of this process, once and for its life. The environment
// variable GOGC, when it is set, counts instead.
func Start() {
	if os.Getenv("GOGC") != "" {
		return
	}

	debug.SetGCPercent(Percent(0))
	watch(&cycle{percent: Percent(0)})
}

// cycle is unreachable from its start: the collector calls its finalizer each
// time that it has run.
type cycle struct {
	percent int
	_       [2]uint64 // too large to share an allocation with others
}

func watch(c *cycle) { runtime.SetFinalizer(c, (*cycle).over) }

func (c *cycle) over() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)

	if live[0].Value.Kind() == metrics.KindUint64 {
		if percent := Percent(live[0].Value.Uint64()); percent != c.percent {
			c.percent = percent
			debug.SetGCPercent(percent)
		}
	}

	watch(c)
}
