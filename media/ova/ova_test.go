package ova_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/internal/disktest"
	"github.com/akmon-os/akmon/media/ova"
)

var options = ova.Options{
	Name: "vmware-amd64", Product: `A "product" & <more>`, Version: "v1.2.3", ID: [16]byte{5},
	Properties: []ova.Property{{Key: "talos.config", Label: "Configuration"}}, Time: time.Unix(1750000000, 0),
}

func write(t *testing.T, disk *extent.List, o ova.Options) []byte {
	t.Helper()

	f, err := os.Create(filepath.Join(t.TempDir(), "x.ova"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	n, err := ova.Write(t.Context(), f, disk, o)
	if err != nil {
		t.Fatal(err)
	}

	b, err := os.ReadFile(f.Name())
	if err != nil || int64(len(b)) != n {
		t.Fatalf("%d bytes, %d said (%v)", len(b), n, err)
	}

	return b
}

func TestOVA(t *testing.T) {
	disk := disktest.Disk(t)
	b := write(t, disk, options)

	if !bytes.Equal(b, write(t, disk, options)) {
		t.Error("the same disk, other bytes")
	}

	files := map[string][]byte{}

	var names []string

	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			t.Fatal(err)
		}

		names = append(names, h.Name)
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}

		if h.ModTime.Unix() != 1750000000 || h.Format != tar.FormatUSTAR {
			t.Errorf("%+v", h)
		}
	}

	if diff := cmp.Diff([]string{"vmware-amd64.ovf", "vmware-amd64.mf", "vmware-amd64.vmdk"}, names); diff != "" {
		t.Fatal(diff)
	}

	want := fmt.Sprintf("SHA256(vmware-amd64.ovf)= %x\nSHA256(vmware-amd64.vmdk)= %x\n",
		sha256.Sum256(files[names[0]]), sha256.Sum256(files[names[2]]))
	if got := string(files[names[1]]); got != want {
		t.Error(cmp.Diff(want, got))
	}

	var e struct {
		References struct {
			File struct {
				Href string `xml:"href,attr"`
				Size int    `xml:"size,attr"`
			}
		}
		DiskSection struct {
			Disk struct {
				Capacity int64 `xml:"capacity,attr"`
			}
		}
		VirtualSystem struct {
			ProductSection struct {
				Product  string
				Property struct {
					Key string `xml:"key,attr"`
				}
			}
		}
	}
	if err := xml.Unmarshal(files[names[0]], &e); err != nil {
		t.Fatal(err)
	}

	if f := e.References.File; f.Href != names[2] || f.Size != len(files[names[2]]) || e.DiskSection.Disk.Capacity != disktest.Size {
		t.Errorf("%+v", e)
	}

	if p := e.VirtualSystem.ProductSection; p.Product != options.Product || p.Property.Key != "talos.config" {
		t.Errorf("%+v", p)
	}

	file := filepath.Join(t.TempDir(), names[2])
	if err := os.WriteFile(file, files[names[2]], 0o600); err != nil {
		t.Fatal(err)
	}

	disktest.QEMU(t, "vmdk", file, disk)
}

type full struct{}

var errFull = errors.New("full")

func (full) WriteAt([]byte, int64) (int, error) { return 0, errFull }

func TestErrors(t *testing.T) {
	disk := disktest.Disk(t)

	for _, name := range []string{"", "a/b", strings.Repeat("x", 91)} {
		if _, err := ova.Write(t.Context(), full{}, disk, ova.Options{Name: name}); !errors.Is(err, ova.ErrOptions) {
			t.Errorf("%q: %v", name, err)
		}
	}

	if _, err := ova.Write(t.Context(), full{}, disk, options); !errors.Is(err, errFull) {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	f, err := os.Create(filepath.Join(t.TempDir(), "x.ova"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()

	if _, err := ova.Write(ctx, f, disk, options); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
