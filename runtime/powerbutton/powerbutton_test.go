package powerbutton

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
)

func TestPresses(t *testing.T) {
	var stream bytes.Buffer

	event := func(typ, code uint16, value int32) {
		stream.Write(make([]byte, 16))
		binary.Write(&stream, binary.NativeEndian, typ)   //nolint:errcheck
		binary.Write(&stream, binary.NativeEndian, code)  //nolint:errcheck
		binary.Write(&stream, binary.NativeEndian, value) //nolint:errcheck
	}

	event(evKey, keyPower, 1)
	event(0, 0, 0)            // the end of a group
	event(evKey, keyPower, 0) // let go
	event(evKey, keyPower, 2) // held
	event(evKey, 30, 1)       // another key
	event(evKey, keyPower, 1)
	stream.Write(make([]byte, 7)) // cut off

	n := 0
	presses(&stream, func() { n++ })

	if n != 2 {
		t.Errorf("%d presses", n)
	}
}

func TestHasKey(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck

	if hasKey(f, keyPower) {
		t.Error("the null device has a power button")
	}
}
