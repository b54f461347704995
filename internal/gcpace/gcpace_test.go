package gcpace_test

import (
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/akmon-os/akmon/internal/gcpace"
)

func TestPercent(t *testing.T) {
	last := gcpace.Percent(0)

	for live := uint64(0); live < 1<<30; live += 1 << 20 {
		percent := gcpace.Percent(live)
		if percent > last || percent < 25 {
			t.Fatalf("%d after %d for %d MiB", percent, last, live>>20)
		}

		last = percent
	}

	if goal := 280 * (100 + gcpace.Percent(280<<20)) / 100; goal > 460 {
		t.Errorf("280 MiB in use may grow to %d MiB", goal)
	}
}

func gogc() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)

	return s[0].Value.Uint64()
}

// The pace follows what is in use.
func TestStart(t *testing.T) {
	if os.Getenv("GOGC") != "" {
		before := gogc()
		gcpace.Start()

		if gogc() != before {
			t.Errorf("GOGC is in the environment, but the pace is now %d", gogc())
		}

		return
	}

	gcpace.Start()

	if want := uint64(gcpace.Percent(0)); gogc() != want {
		t.Fatalf("the pace is %d at first, want %d", gogc(), want)
	}

	const size = 64 << 20

	kept := make([]byte, size)
	want := uint64(gcpace.Percent(size))

	// A finalizer runs some time after the collector found what it is for.
	for deadline := time.Now().Add(time.Minute); gogc() != want; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("with %d MiB in use the pace is %d, want %d", size>>20, gogc(), want)
		}

		time.Sleep(time.Millisecond)
	}

	runtime.KeepAlive(kept)
}
