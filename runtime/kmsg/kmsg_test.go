package kmsg_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/kmsg"
)

func TestParse(t *testing.T) {
	for _, tc := range []struct {
		record string
		want   kmsg.Message
		bad    bool
	}{
		{"6,339,5140900,-;NET: Registered protocol family 10\n", kmsg.Message{Level: 6, Sequence: 339, SinceBoot: 5140900 * time.Microsecond, Text: "NET: Registered protocol family 10"}, false},
		{"30,1,0,-,caller=T1;[machined] hello\n SUBSYSTEM=x\n", kmsg.Message{Facility: 3, Level: 6, Sequence: 1, Text: "[machined] hello"}, false},
		{`4,2,1,c;a\x0ab;c`, kmsg.Message{Level: 4, Sequence: 2, SinceBoot: time.Microsecond, Text: "a\nb;c"}, false},
		{`4,2,1,c;\x`, kmsg.Message{Level: 4, Sequence: 2, SinceBoot: time.Microsecond, Text: `\x`}, false},
		{"", kmsg.Message{}, true},
		{"6,1;x", kmsg.Message{}, true},
		{"-6,1,1,-;x", kmsg.Message{}, true},
		{"6,x,1,-;x", kmsg.Message{}, true},
		{"6,1,x,-;x", kmsg.Message{}, true},
	} {
		got, err := kmsg.Parse([]byte(tc.record))
		if (err != nil) != tc.bad {
			t.Errorf("Parse(%q): error %v", tc.record, err)
		}

		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tc.record, diff)
		}
	}
}

func TestFormat(t *testing.T) {
	m := kmsg.Message{Facility: 3, Level: 6, SinceBoot: 1500 * time.Millisecond, Text: "x"}
	if got, want := m.Format(time.Unix(0, 0)), "daemon:    info: [1970-01-01T00:00:01.5Z]: x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer

	w := kmsg.NewWriter(&b, "t")

	for _, s := range []string{"on", "e\ntwo\n", "\n", strings.Repeat("x", 1000), "y\n"} {
		if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}

	want := "<30>[t] one\n<30>[t] two\n<30>[t] " + strings.Repeat("x", 960) + "\n<30>[t] " + strings.Repeat("x", 40) + "y\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"6,339,5140900,-;text\n", "", ";", ",,;", "4294967295,1,1;x", `1,2,3,4;\x\x4\x41\xzz`, "1,2,3,-;a\n K=v\n"} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, record []byte) {
		m, err := kmsg.Parse(record)
		if err != nil {
			return
		}

		if m.Level < 0 || m.Level > 7 || m.Facility < 0 || m.SinceBoot < 0 {
			t.Fatalf("Parse(%q) = %+v", record, m)
		}

		_ = m.Format(time.Unix(0, 0))
	})
}
