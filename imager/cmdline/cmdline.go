// Package cmdline is the kernel command line of a boot asset: the defaults of
// each platform, and how further arguments are merged into them.
//
// The rules are those of the public Talos documentation: an extra argument
// "-name" removes every argument with that name, "-name=value" that one;
// "console" and "talos.platform" replace what the defaults have; everything
// else is added, so that hardening defaults are lost only when they are
// removed by name.
package cmdline

import (
	"fmt"
	"slices"
	"strings"
)

// PlatformArgument names the platform that the machine runs on.
const PlatformArgument = "talos.platform"

// maxLength is the kernel's COMMAND_LINE_SIZE on amd64 and arm64, in bytes
// with the final zero byte. A longer line would be cut off without a word.
const maxLength = 2048

// hardening is common to all platforms: the documented defaults as far as the
// kernel of the package tree knows them.
var hardening = []string{
	"init_on_alloc=1",
	"slab_nomerge",
	"pti=on",
	"consoleblank=0",
	"nvme_core.io_timeout=4294967295",
	"printk.devkmsg=on",
	"proc_mem.force_override=never",
}

// replacing lists the names whose extra values take the place of defaults.
var replacing = []string{"console", PlatformArgument}

// consoles are the defaults of a platform on an architecture.
func consoles(platform, arch string) []string {
	switch {
	case platform == "metal" && arch == "amd64":
		return []string{"console=tty0"}
	case arch == "arm64":
		return []string{"console=ttyAMA0", "console=tty0"}
	default:
		return []string{"console=tty0", "console=ttyS0"}
	}
}

// Defaults returns the arguments of a platform ("metal") on an architecture
// ("amd64", "arm64").
func Defaults(platform, arch string) []string {
	out := []string{PlatformArgument + "=" + platform}
	out = append(out, consoles(platform, arch)...)

	return append(out, hardening...)
}

// name is what stands before "=".
func name(arg string) string {
	n, _, _ := strings.Cut(arg, "=")

	return n
}

// Merge applies extra arguments to args, in order, and returns the result.
// Each extra argument may hold several, separated by spaces outside double
// quotes. Line breaks, zero bytes and unbalanced quotes are errors.
func Merge(args, extra []string) ([]string, error) {
	var list []string

	for _, e := range extra {
		words, err := split(e)
		if err != nil {
			return nil, err
		}

		list = append(list, words...)
	}

	out := slices.Clone(args)
	replaced := map[string]bool{} // names whose defaults are gone

	for _, e := range list {
		n := name(e)

		switch removed, isRemoval := strings.CutPrefix(e, "-"); {
		case n == "" || e == "-":
			return nil, fmt.Errorf("the kernel argument %q has no name", e)
		case isRemoval:
			out = slices.DeleteFunc(out, func(a string) bool {
				return a == removed || !strings.Contains(removed, "=") && name(a) == removed
			})
		case slices.Contains(replacing, n):
			at := slices.IndexFunc(out, func(a string) bool { return name(a) == n })
			if at < 0 {
				at = len(out)
			}

			if !replaced[n] {
				out = slices.DeleteFunc(out, func(a string) bool { return name(a) == n })
				replaced[n] = true
			}

			for at < len(out) && name(out[at]) == n {
				at++
			}

			out = slices.Insert(out, at, e)
		case slices.Contains(out, e): // the same once more says nothing new
		default:
			out = append(out, e)
		}
	}

	return out, nil
}

// split cuts s at spaces outside double quotes, as the kernel does.
func split(s string) ([]string, error) {
	if i := strings.IndexAny(s, "\n\r\x00"); i >= 0 {
		return nil, fmt.Errorf("the kernel argument %q has a line break or zero byte in it", s)
	}

	var (
		out    []string
		word   strings.Builder
		quoted bool
	)

	for _, r := range s {
		if r == '"' {
			quoted = !quoted
		}

		if (r == ' ' || r == '\t') && !quoted {
			if word.Len() > 0 {
				out = append(out, word.String())
				word.Reset()
			}

			continue
		}

		word.WriteRune(r)
	}

	if quoted {
		return nil, fmt.Errorf("the kernel argument %q has a quote that does not end", s)
	}

	if word.Len() > 0 {
		out = append(out, word.String())
	}

	return out, nil
}

// Join makes the command line. One that the kernel would cut off is an error.
func Join(args []string) (string, error) {
	s := strings.Join(args, " ")
	if len(s) >= maxLength {
		return "", fmt.Errorf("the kernel command line has %d bytes, the kernel reads %d", len(s), maxLength-1)
	}

	return s, nil
}
