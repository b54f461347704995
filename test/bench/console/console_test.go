package console_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/test/bench/console"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		text  string
		want  console.Line
		not   bool
		event console.Event
	}{
		{
			text:  "[    0.000000] Linux version 6.12.94-akmon (clang) #1 SMP\r\n",
			want:  console.Line{Text: "Linux version 6.12.94-akmon (clang) #1 SMP"},
			event: console.Kernel,
		},
		{
			text:  "\x1b[2J\x1b[01;01H[    1.250000] Run /init as init process",
			want:  console.Line{At: 1250 * time.Millisecond, Text: "Run /init as init process"},
			event: console.Init,
		},
		{
			text:  "[   12.000001][    T1] [akmon] info Akmon v0.1.0 {\"arch\": \"amd64\"}",
			want:  console.Line{At: 12*time.Second + time.Microsecond, Text: `[akmon] info Akmon v0.1.0 {"arch": "amd64"}`},
			event: console.Machined,
		},
		{
			text:  "[    4.500000] [akmon] info this machine has no configuration: it is in maintenance mode and waits for one",
			want:  console.Line{At: 4500 * time.Millisecond, Text: "[akmon] info this machine has no configuration: it is in maintenance mode and waits for one"},
			event: console.Listening,
		},
		{
			text:  "[123456.000100] " + console.PlainText,
			want:  console.Line{At: 123456*time.Second + 100*time.Microsecond, Text: console.PlainText},
			event: console.Plain,
		},
		{text: "[    0.100000] it is in maintenance mode", want: console.Line{At: 100 * time.Millisecond, Text: "it is in maintenance mode"}},
		{text: "[    0.100000] ", want: console.Line{At: 100 * time.Millisecond}},
		{text: "", not: true},
		{text: "SeaBIOS (version 1.16.2)", not: true},
		{text: "[    0.1] short", not: true},
		{text: "[9999999999.000000] too long", not: true},
	} {
		got, ok := console.Parse(tc.text)
		if ok == tc.not {
			t.Errorf("Parse(%q): %t", tc.text, ok)
		}

		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tc.text, diff)
		}

		if event := got.Event(); event != tc.event {
			t.Errorf("Parse(%q): event %d, want %d", tc.text, event, tc.event)
		}
	}
}

func TestRelease(t *testing.T) {
	for text, want := range map[string]string{
		"Linux version 6.12.94-akmon (clang) #1": "6.12.94-akmon", "Linux version 6": "6", "Linux version ": "", "other": "",
	} {
		if got := (console.Line{Text: text}).Release(); got != want {
			t.Errorf("Release of %q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"[    0.000000] Linux version 6.12.94\r\n", "[1.000000][ C1] x", "[999999999.999999] y", "[", "[1.000000]", "\x00[ 1.000000] \n",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		line, ok := console.Parse(text)
		if line.At < 0 || !ok && line != (console.Line{}) {
			t.Fatalf("Parse(%q) = %+v, %t", text, line, ok)
		}

		_, _ = line.Event(), line.Release()
	})
}
