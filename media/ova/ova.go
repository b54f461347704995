package ova

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/media/vmdk"
)

// ErrOptions means that an appliance can't be made as it was asked for.
var ErrOptions = errors.New("invalid options for an OVA")

// Property is a value that the user of the appliance may give, which the
// machine reads as guestinfo.
type Property struct {
	Key   string // such as "talos.config"
	Label string // for people
}

// Options describe the machine. What may be zero says so.
type Options struct {
	// Name of the machine, and of the files in the archive: "NAME.ovf".
	Name string
	// Product and Version are for people, and may be empty.
	Product, Version string
	// ARM is for arm64 machines.
	ARM bool
	// CPUs and MemoryMiB are what the machine gets unless its user changes it;
	// 0 means 2 and 2048.
	CPUs, MemoryMiB int
	// SecureBoot turns the firmware's check of signatures on.
	SecureBoot bool
	Properties []Property
	// ID identifies the disk.
	ID [16]byte
	// Time of the files; the zero time is 1970-01-01.
	Time time.Time
	// Workers is how many pieces of the disk are compressed at a time; 0 means
	// one for each processor, at most 16.
	Workers int
}

func (o *Options) diskName() string { return o.Name + ".vmdk" }

// block is what everything in a tar archive is a multiple of, in bytes.
const block = 512

// sizeDigits is how much longer the text of a size may become, in bytes.
const sizeDigits = 19

// Write writes the appliance with this disk to w, from offset 0, and returns its size. On an
// error what was written is of no use.
func Write(ctx context.Context, w io.WriterAt, disk *extent.List, o Options) (int64, error) {
	if o.Name == "" || strings.ContainsAny(o.Name, "/\\\x00\n") || len(o.Name) > 90 {
		return 0, fmt.Errorf("%w: the name %q", ErrOptions, o.Name)
	}

	if o.CPUs == 0 {
		o.CPUs = 2
	}

	if o.MemoryMiB == 0 {
		o.MemoryMiB = 2048
	}

	// How much room the description and the digests need is known.
	draft, err := o.description(disk.Size(), 0)
	if err != nil {
		return 0, err
	}

	room := align(int64(len(draft) + sizeDigits))
	digests := align(int64(len(o.manifest(nil, nil))))
	diskAt := 3*block + room + digests

	v := &counter{w: io.NewOffsetWriter(w, diskAt), hash: sha256.New()}
	if err := vmdk.Write(ctx, v, disk, vmdk.Options{Name: o.diskName(), ID: o.ID, Workers: o.Workers}); err != nil {
		return 0, fmt.Errorf("writing the disk of an OVA: %w", err)
	}

	ovf, err := o.description(disk.Size(), v.n)
	if err != nil {
		return 0, err
	}

	// Line ends after the envelope fill the room.
	ovf = append(ovf, bytes.Repeat([]byte{'\n'}, int(room)-len(ovf))...)
	sum := sha256.Sum256(ovf)
	manifest := o.manifest(sum[:], v.hash.Sum(nil))

	var head bytes.Buffer

	for _, f := range []struct {
		name string
		data []byte
		size int64
	}{{o.Name + ".ovf", ovf, room}, {o.Name + ".mf", manifest, int64(len(manifest))}, {o.diskName(), nil, v.n}} {
		if err := o.header(&head, f.name, f.size); err != nil {
			return 0, err
		}

		head.Write(f.data)
		head.Write(make([]byte, align(int64(len(f.data)))-int64(len(f.data))))
	}

	if int64(head.Len()) != diskAt {
		return 0, fmt.Errorf("laying out an OVA: %d bytes before the disk instead of %d", head.Len(), diskAt)
	}

	if _, err := w.WriteAt(head.Bytes(), 0); err != nil {
		return 0, err
	}

	// VMDKs are whole sectors; two empty blocks end the archive.
	end := diskAt + v.n
	if _, err := w.WriteAt(make([]byte, 2*block), end); err != nil {
		return 0, err
	}

	return end + 2*block, nil
}

func align(n int64) int64 { return (n + block - 1) / block * block }

// manifest is section 5.1's list of digests, always of the same length.
func (o *Options) manifest(ovf, disk []byte) []byte {
	if ovf == nil {
		ovf, disk = make([]byte, sha256.Size), make([]byte, sha256.Size)
	}

	return fmt.Appendf(nil, "SHA256(%s.ovf)= %x\nSHA256(%s)= %x\n", o.Name, ovf, o.diskName(), disk)
}

// header writes one header of the archive: ustar, as OVF wants it, but for
// disks above 8 GiB, whose size only GNU's form holds.
func (o *Options) header(w io.Writer, name string, size int64) error {
	t := o.Time
	if t.IsZero() {
		t = time.Unix(0, 0)
	}

	h := &tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644,
		ModTime: t.UTC().Truncate(time.Second), Format: tar.FormatUSTAR,
	}
	if size >= 1<<33 {
		h.Format = tar.FormatGNU
	}

	if err := tar.NewWriter(w).WriteHeader(h); err != nil {
		return fmt.Errorf("writing the header of %s: %w", name, err)
	}

	return nil
}

// counter counts and hashes what goes through it.
type counter struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.hash.Write(p[:n])

	return n, err
}
