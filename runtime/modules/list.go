package modules

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// List is where the kernel lists the modules that are loaded.
const List = "/proc/modules"

// Loaded is a loaded module (a line of /proc/modules).
type Loaded struct {
	Name string
	// Size in memory, in bytes.
	Size int
	// References counts those that use the module; -1 when the kernel can't unload.
	References int
	// Users are the modules that need this one.
	Users []string
	// State is "Live", "Loading" or "Unloading".
	State string
	// Address of the module in memory; zeros where the kernel hides it.
	Address string
}

// ReadLoaded reads what is loaded; a kernel without modules has none.
func ReadLoaded() ([]Loaded, error) {
	data, err := os.ReadFile(List)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("read loaded modules: %w", err)
	}

	return ParseLoaded(data)
}

// ParseLoaded reads the text of /proc/modules (m_show in kernel/module/procfs.c):
// `NAME SIZE REFERENCES USER,USER, STATE ADDRESS [TAINTS]`.
func ParseLoaded(data []byte) ([]Loaded, error) {
	var out []Loaded

	err := scan(bytes.NewReader(data), List, func(line string) error {
		f := strings.Fields(line)
		if len(f) < 6 {
			return fmt.Errorf("want six fields, got %q", line)
		}

		m := Loaded{Name: f[0], References: -1, State: f[4], Address: f[5]}

		var err error

		if m.Size, err = strconv.Atoi(f[1]); err != nil {
			return fmt.Errorf("size: %w", err)
		}

		if f[2] != "-" {
			if m.References, err = strconv.Atoi(f[2]); err != nil {
				return fmt.Errorf("references: %w", err)
			}
		}

		for user := range strings.SplitSeq(f[3], ",") {
			if user != "" && user != "-" {
				m.Users = append(m.Users, user)
			}
		}

		out = append(out, m)

		return nil
	})

	return out, err
}
