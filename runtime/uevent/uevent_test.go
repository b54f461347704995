package uevent_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/uevent"
)

func TestParse(t *testing.T) {
	got, err := uevent.Parse([]byte("add@/devices/pci0000:00/0000:00:03.0\x00ACTION=add\x00SUBSYSTEM=pci\x00MODALIAS=pci:v=1\x00"))
	if err != nil {
		t.Fatal(err)
	}

	want := uevent.Event{
		Action: "add", Path: "/devices/pci0000:00/0000:00:03.0",
		Values: map[string]string{"ACTION": "add", "SUBSYSTEM": "pci", "MODALIAS": "pci:v=1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for _, bad := range []string{"", "add@/x", "add\x00", "@/x\x00", "add@x\x00", "add@/x\x00noequals\x00", "add@/x\x00=v\x00", "libudev\x00\xfe\xed\xca\xfe"} {
		if _, err := uevent.Parse([]byte(bad)); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
}

func TestListen(t *testing.T) {
	l, err := uevent.Open()
	if err != nil {
		t.Skipf("this machine gives no kernel events: %v", err)
	}
	defer l.Close() //nolint:errcheck

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	if _, err := l.Next(ctx); err == nil {
		t.Error("an event after the end")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("add@/x\x00A=b\x00"))
	f.Add([]byte("libudev\x00"))

	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := uevent.Parse(data)
		if err == nil && (e.Action == "" || e.Path == "") {
			t.Errorf("%+v", e)
		}
	})
}
