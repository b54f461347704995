package kernelargs_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/kernelargs"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		line string
		want kernelargs.Args
	}{
		{"", nil},
		{" \n", nil},
		{"quiet console=ttyS0,115200n8\n", kernelargs.Args{{Name: "quiet"}, {Name: "console", Value: "ttyS0,115200n8", HasValue: true}}},
		{"a= b", kernelargs.Args{{Name: "a", HasValue: true}, {Name: "b"}}},
		{`talos.config="http://h/?a b" x`, kernelargs.Args{{Name: "talos.config", Value: "http://h/?a b", HasValue: true}, {Name: "x"}}},
		{`"dyndbg=file a.c +p"`, kernelargs.Args{{Name: "dyndbg", Value: "file a.c +p", HasValue: true}}},
		{"u=http://h/?x=1&y=2", kernelargs.Args{{Name: "u", Value: "http://h/?x=1&y=2", HasValue: true}}},
		{"a -- b", kernelargs.Args{{Name: "a"}}},
		{`open="never ends`, kernelargs.Args{{Name: "open", Value: "never ends", HasValue: true}}},
		{"=odd", nil},
	} {
		if diff := cmp.Diff(tc.want, kernelargs.Parse(tc.line)); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tc.line, diff)
		}
	}
}

func TestValues(t *testing.T) {
	args := kernelargs.Parse("console=tty0 talos.platform=metal console=ttyS0")

	if v, ok := args.First("console"); v != "tty0" || !ok {
		t.Errorf("First: %q %v", v, ok)
	}

	if v, ok := args.Last("console"); v != "ttyS0" || !ok {
		t.Errorf("Last: %q %v", v, ok)
	}

	if _, ok := args.First("talos.config"); ok {
		t.Error("First found an argument that is not there")
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a=b c", `a="b c" "d e=f"`, `"`, `x="`, "--", "a==b", "\x00=\xff", `a"b c"d`} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, line string) {
		args := kernelargs.Parse(line)

		for _, a := range args {
			if a.Name == "" {
				t.Fatalf("empty name in %q", line)
			}
		}

		// What can be written is read back; quotes inside words can't be written.
		if strings.Contains(line, `"`) {
			return
		}

		if diff := cmp.Diff(args, kernelargs.Parse(args.String())); diff != "" {
			t.Fatalf("%q was written as %q (-first +second):\n%s", line, args.String(), diff)
		}
	})
}
