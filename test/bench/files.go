package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/akmon-os/akmon/imager/assets"
	"github.com/akmon-os/akmon/media/cpio"
	"github.com/akmon-os/akmon/media/extent"
	"github.com/akmon-os/akmon/runtime/client"
	"github.com/akmon-os/akmon/test/bench/qemu"
	"github.com/akmon-os/akmon/test/bench/result"
)

// rootImage is the root file system in the initramfs.
const rootImage = "rootfs.sqsh"

// files takes the kernel and the initramfs out of the installer, makes the
// initramfs of the small program, and notes all sizes.
func (b *bench) files(ctx context.Context, out *result.Machine) (*bootFiles, error) {
	set, err := assets.Open(ctx, b.installer, assets.Options{
		Arch: arch, Names: []string{assets.Kernel, assets.Initramfs}, TempDir: b.work,
	})
	if err != nil {
		return nil, fmt.Errorf("%w (`make image PROFILE=%s` makes it)", err, b.profile)
	}
	defer set.Close()

	f := &bootFiles{
		Config: qemu.Config{
			Kernel: filepath.Join(b.work, "kernel"), Initramfs: filepath.Join(b.work, "initramfs"),
			Accel: b.accel, CPUs: 2, MiB: 1024, Port: client.DefaultPort,
		},
		plainInitramfs: filepath.Join(b.work, "plain-initramfs"),
	}

	if f.Args, err = kernelArgs(b.accel); err != nil {
		return nil, err
	}

	for name, path := range map[string]string{assets.Kernel: f.Kernel, assets.Initramfs: f.Initramfs} {
		if err := extent.WriteFileAtomic(path, set.File(name), 0o600); err != nil {
			return nil, fmt.Errorf("take %s out of the installer: %w", name, err)
		}
	}

	if err := set.Verify(); err != nil {
		return nil, err
	}

	if err := b.plainInitramfs(ctx, f.plainInitramfs); err != nil {
		return nil, err
	}

	for path, into := range map[string]*int64{
		f.Kernel: &out.Kernel, f.Initramfs: &out.Initramfs, f.plainInitramfs: &out.PlainInitramfs,
	} {
		if *into, err = size(path); err != nil {
			return nil, err
		}
	}

	if out.Squashfs, err = squashfsSize(f.Initramfs); err != nil {
		return nil, fmt.Errorf("look into the initramfs: %w", err)
	}

	return f, nil
}

// plainInitramfs writes an initramfs with the small program alone.
func (b *bench) plainInitramfs(ctx context.Context, path string) error {
	name, err := b.compile(ctx, "plain")
	if err != nil {
		return err
	}

	program, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("make the small initramfs: %w", err)
	}
	defer program.Close()

	content, err := extent.FromFile(program)
	if err != nil {
		return fmt.Errorf("make the small initramfs: %w", err)
	}

	// The device nodes are there, so that the program has to mount nothing.
	list, err := cpio.New([]cpio.File{
		{Path: "dev", Mode: cpio.TypeDir | 0o755},
		{Path: "dev/console", Mode: cpio.TypeChar | 0o600, Major: 5, Minor: 1},
		{Path: "dev/kmsg", Mode: cpio.TypeChar | 0o600, Major: 1, Minor: 11},
		{Path: "init", Mode: cpio.TypeReg | 0o755, Content: content},
	}, time.Time{})
	if err != nil {
		return fmt.Errorf("make the small initramfs: %w", err)
	}

	return extent.WriteFileAtomic(path, list, 0o600)
}

// squashfsSize finds the root file system in an initramfs.
func squashfsSize(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()

	return findSize(bufio.NewReader(f), rootImage)
}

// zstdMagic starts a Zstandard frame (RFC 8878, section 3.1.1).
const zstdMagic = "\x28\xb5\x2f\xfd"

// findSize returns the size of a file in a cpio archive, which may be packed
// with Zstandard.
func findSize(r *bufio.Reader, name string) (int64, error) {
	var in io.Reader = r

	if magic, err := r.Peek(len(zstdMagic)); err == nil && string(magic) == zstdMagic {
		// One thread and little memory: only headers are wanted.
		unpacked, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return 0, err
		}
		defer unpacked.Close()

		in = unpacked
	}

	archive := cpio.NewReader(in)

	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("there is no %s", name)
		} else if err != nil {
			return 0, err
		}

		if header.Mode&cpio.TypeMask == cpio.TypeReg && filepath.Clean("/"+header.Path) == "/"+name {
			return header.Size, nil
		}
	}
}
