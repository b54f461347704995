package engine

import (
	"os"
	"strconv"
	"strings"
)

// effectiveCapabilities reads CapEff of proc_pid_status(5): one bit per
// capability of capabilities(7). It is 0 where it can't be read.
func effectiveCapabilities() uint64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}

	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "CapEff:"); ok {
			bits, err := strconv.ParseUint(strings.TrimSpace(text), 16, 64)
			if err != nil {
				return 0
			}

			return bits
		}
	}

	return 0
}
