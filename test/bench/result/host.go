package result

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is the machine that measured.
type Host struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	// Virtual says that it is itself a virtual machine.
	Virtual bool  `json:"virtual"`
	Memory  int64 `json:"memory"`
	// Kernel is the operating system's kernel, such as "Linux 6.12.1".
	Kernel string `json:"kernel"`
	// Load is the load average over one minute before the measurement: what
	// else the machine had to do.
	Load float64 `json:"load"`
}

// ThisHost describes this machine. What can't be found out stays empty.
func ThisHost() Host {
	h := Host{CPU: runtime.GOARCH, Cores: runtime.NumCPU()}

	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model, virtual := parseCPU(data)
		h.Virtual = virtual

		if model != "" {
			h.CPU = model
		}
	}

	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		h.Memory = Field(data, "MemTotal")
	}

	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(data), " ")
		h.Load, _ = strconv.ParseFloat(first, 64)
	}

	var name unix.Utsname
	if err := unix.Uname(&name); err == nil {
		h.Kernel = cString(name.Sysname[:]) + " " + cString(name.Release[:])
	}

	return h
}

func cString(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})

	return string(b)
}

// parseCPU reads /proc/cpuinfo: the first processor's model, and whether it
// says that there is a hypervisor below it.
func parseCPU(data []byte) (model string, virtual bool) {
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)

		switch strings.TrimSpace(key) {
		case "model name":
			if model == "" {
				model = strings.Join(strings.Fields(value), " ")
			}
		case "flags":
			virtual = virtual || strings.Contains(" "+value+" ", " hypervisor ")
		}
	}

	return model, virtual
}

// Field reads a line "Key:   123 kB" of /proc/meminfo or /proc/PID/status, in
// bytes; 0 if there is none or it is no size.
func Field(data []byte, key string) int64 {
	for line := range strings.Lines(string(data)) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name != key {
			continue
		}

		fields := strings.Fields(value)
		if len(fields) != 2 || fields[1] != "kB" {
			return 0
		}

		n, err := strconv.ParseInt(fields[0], 10, 53) // so that bytes fit too
		if err != nil || n < 0 {
			return 0
		}

		return n * 1024
	}

	return 0
}
