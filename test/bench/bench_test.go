package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/media/cpio"
	"github.com/akmon-os/akmon/media/extent"
)

// archive is a cpio archive with the files, each of as many bytes as its name.
func archive(tb testing.TB, names ...string) []byte {
	tb.Helper()

	var files []cpio.File
	for _, name := range names {
		files = append(files, cpio.File{Path: name, Mode: cpio.TypeReg | 0o644, Content: extent.FromBytes([]byte(name))})
	}

	list, err := cpio.New(files, time.Time{})
	if err != nil {
		tb.Fatal(err)
	}

	data, err := list.Bytes(1 << 20)
	if err != nil {
		tb.Fatal(err)
	}

	return data
}

func pack(tb testing.TB, data []byte) []byte {
	tb.Helper()

	w, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer w.Close() //nolint:errcheck // nothing is written

	return w.EncodeAll(data, nil)
}

func TestFindSize(t *testing.T) {
	good := archive(t, "init", rootImage)

	for name, test := range map[string]struct {
		data []byte
		want string // an error
	}{
		"plain":        {data: good},
		"packed":       {data: pack(t, good)},
		"without it":   {data: archive(t, "init", "boot/"+rootImage), want: "there is no"},
		"cut":          {data: good[:len(good)/2], want: "without a trailer"},
		"packed, cut":  {data: pack(t, good)[:20], want: "without a trailer"},
		"unknown form": {data: []byte("\xfd7zXZ\x00 and so on, more than the 110 bytes of a header, so that it is the magic that is wrong, not the length of it"), want: "not a valid cpio archive"},
		"empty":        {want: "without a trailer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := findSize(bufio.NewReader(bytes.NewReader(test.data)), rootImage)

			switch {
			case test.want == "" && (err != nil || got != int64(len(rootImage))):
				t.Errorf("%d, %v", got, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func FuzzFindSize(f *testing.F) {
	f.Add(archive(f, rootImage))
	f.Add(pack(f, archive(f, "init", rootImage)))
	f.Add([]byte(zstdMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n, err := findSize(bufio.NewReader(bytes.NewReader(data)), rootImage); err == nil && n < 0 {
			t.Fatal(n)
		}
	})
}

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		b    bench
		only string
		rest []string
		want string
	}{
		"all":          {b: bench{runs: 1}},
		"some":         {b: bench{runs: 1}, only: "iso,compile,machine"},
		"cold":         {b: bench{runs: 1, cold: map[string]string{"vm": "file"}}, only: "cold"},
		"unknown part": {b: bench{runs: 1}, only: "iso,usb", want: `-only "usb": the parts are iso, compile, noop, machine and cold`},
		"empty part":   {b: bench{runs: 1}, only: "iso,", want: `-only ""`},
		"cold without": {b: bench{runs: 1}, only: "cold", want: "needs -cold"},
		"no runs":      {want: "-runs"},
		"argument":     {b: bench{runs: 1}, rest: []string{"iso"}, want: `"iso" is not a flag`},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.b.check(test.only, test.rest)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
