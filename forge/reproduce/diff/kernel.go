package diff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Fields of a bzImage (Documentation/arch/x86/boot.rst of Linux).
const (
	bootMagic     = 0x202 // "HdrS"
	setupSectors  = 0x1f1
	payloadOffset = 0x248 // from the start of the protected-mode code
	payloadLength = 0x24c
)

// wrapped is a kernel image: the loader, and the compressed kernel in it.
type wrapped struct {
	before, payload, after *io.SectionReader
}

func isBzImage(head []byte, _ *io.SectionReader) bool {
	return len(head) >= headSize && string(head[bootMagic:bootMagic+4]) == "HdrS"
}

func (c *comparer) bzImage(p place, a, b *io.SectionReader) error {
	return c.kernel(p, a, b, func(head []byte) (offset, size int64) {
		sectors := int64(head[setupSectors])
		if sectors == 0 {
			sectors = 4
		}

		return (sectors+1)*512 + int64(binary.LittleEndian.Uint32(head[payloadOffset:])), int64(binary.LittleEndian.Uint32(head[payloadLength:]))
	})
}

// zboot compares kernels as arm64 has them: the offset and the size of the
// payload are behind the magic number.
func (c *comparer) zboot(p place, a, b *io.SectionReader) error {
	return c.kernel(p, a, b, func(head []byte) (offset, size int64) {
		return int64(binary.LittleEndian.Uint32(head[8:])), int64(binary.LittleEndian.Uint32(head[12:]))
	})
}

func (c *comparer) kernel(p place, a, b *io.SectionReader, payload func(head []byte) (offset, size int64)) error {
	var images [2]wrapped

	for i, r := range []*io.SectionReader{a, b} {
		head, err := all(part(r, 0, headSize))
		if err != nil {
			return err
		}

		if len(head) < headSize {
			return opaque("kernel image", io.ErrUnexpectedEOF)
		}

		offset, size := payload(head)
		if offset+size > r.Size() || size == 0 {
			return opaque("kernel image", fmt.Errorf("its payload of %d bytes at %d is outside of the file", size, offset))
		}

		images[i] = wrapped{part(r, 0, offset), part(r, offset, size), part(r, offset+size, r.Size())}
	}

	p.kernel = true
	listed, omitted := len(c.result.Differences), c.result.Omitted

	if err := c.payload(p, images[0].payload, images[1].payload); err != nil {
		return err
	}

	// Only where the kernel itself differs by no more than the slot may the
	// loader differ because of the other size.
	slotOnly := c.result.Omitted == omitted && len(c.result.Differences) > listed

	for _, d := range c.result.Differences[listed:] {
		slotOnly = slotOnly && d.Known != ""
	}

	return c.wrapping(p, images, slotOnly)
}

// payload unpacks and compares the compressed kernels.
func (c *comparer) payload(p place, a, b *io.SectionReader) error {
	offset, err := firstDifference(a, b)
	if err != nil || offset < 0 {
		return err
	}

	plain, err := c.unpackBoth(a, b, func(_ int, r io.Reader) (*io.SectionReader, error) { return c.unpackKernel(r) })
	if errors.Is(err, errOpaque) {
		return c.leaf(p.in("compressed kernel"), a, b, offset, "")
	} else if err != nil {
		return err
	}

	at := p.in("compressed kernel")

	if offset, err = firstDifference(plain[0], plain[1]); err != nil {
		return err
	}

	if offset < 0 {
		c.add(at, Difference{Text: "the kernel is equal, but packed in another way", Offset: -1})

		return nil
	}

	if done, err := c.kernelSlots(at, plain[0], plain[1]); done || err != nil {
		return err
	}

	return c.compare(at, plain[0], plain[1])
}

// unpackKernel unpacks a kernel. The kernel's build appends the unpacked size,
// four bytes, to what zstd and xz made.
func (c *comparer) unpackKernel(r io.Reader) (*io.SectionReader, error) {
	file, ok := r.(*io.SectionReader)
	if !ok {
		return nil, opaque("kernel image", errors.New("it is not a file"))
	}

	f := formatOf(file)
	if f == nil || file.Size() < 4 {
		return nil, opaque("kernel image", errors.New("its compression is not known"))
	}

	body := part(file, 0, file.Size()-4)

	switch f.name {
	case "zstd wrapping":
		return c.unzstd(body)
	case "xz wrapping":
		return c.unxz(body)
	case "gzip wrapping":
		return c.ungzip(file)
	default:
		return nil, opaque("kernel image", fmt.Errorf("it holds a %s", f.name))
	}
}

// maxMoves is how many different distances things in a loader may move by.
const maxMoves = 16

// wrapping compares the loaders around two compressed kernels. If the kernels
// differ in the slot alone and in size, words of the loader may differ that are
// sizes and addresses: those that differ by no more than the sizes do, rounded
// up to pages, and by few different amounts.
func (c *comparer) wrapping(p place, images [2]wrapped, slotOnly bool) error {
	p = p.in("loader")

	// Alignment may pad what follows the payload.
	first, second := images[0], images[1]
	moved := first.payload.Size() - second.payload.Size()

	if first.before.Size() != second.before.Size() {
		c.value(p, "size in front of the kernel", first.before.Size(), second.before.Size())

		return nil
	}

	differ := false
	explained := slotOnly
	moves := map[int64]bool{}

	for i, pair := range [][2]*io.SectionReader{{first.before, second.before}, {first.after, second.after}} {
		a, b := pair[0], pair[1]

		offset, err := firstDifference(a, b)
		if err != nil {
			return err
		}

		if offset < 0 {
			continue
		}

		differ = true

		if !explained {
			if err := c.leaf(p, a, b, offset, ""); err != nil {
				return err
			}

			continue
		}

		// A bzImage ends in its checksum.
		ok, err := movedOnly(a, b, moved, moves, int64(i*checksum))
		if err != nil {
			return err
		}

		if !ok {
			explained = false

			if err := c.leaf(p, a, b, offset, ""); err != nil {
				return err
			}
		}
	}

	if differ && explained {
		c.add(p, Difference{
			Text:   fmt.Sprintf("sizes and addresses; the compressed kernel has %d | %d bytes", first.payload.Size(), second.payload.Size()),
			Offset: -1, Known: KnownWrapping,
		})
	}

	return nil
}

// page is what the loader's parts are aligned to.
const page = 4096

// checksum is the size of the CRC-32 at the end of a bzImage.
const checksum = 4

// movedOnly tells whether two parts of loaders differ only in 32-bit words
// whose values moved along with the size of the compressed kernel, and in the
// last tail bytes.
func movedOnly(a, b *io.SectionReader, moved int64, moves map[int64]bool, tail int64) (bool, error) {
	a, b, err := sameAlignment(a, b)
	if err != nil || a == nil {
		return false, err
	}

	found, err := ranges(a, b, 1, maxKernelRanges)
	if errors.Is(err, errOpaque) {
		return false, nil
	} else if err != nil {
		return false, err
	}

	limit := (max(moved, -moved) + 2*page) &^ (page - 1)

	for len(found) > 0 {
		s := found[0]

		if s.start >= a.Size()-tail {
			break
		}

		// The word may begin before its first byte that differs.
		next := int64(-1)

		for start := max(0, s.end-4); start >= s.end-4 && start <= s.start; start++ {
			left, err := all(part(a, start, 4))
			if err != nil {
				return false, err
			}

			right, err := all(part(b, start, 4))
			if err != nil {
				return false, err
			}

			if len(left) < 4 || len(right) < 4 {
				break
			}

			move := int64(int32(binary.LittleEndian.Uint32(left))) - int64(int32(binary.LittleEndian.Uint32(right))) //nolint:gosec // two's complement is meant
			if max(move, -move) <= limit && (moves[move] || len(moves) < maxMoves) {
				moves[move] = true
				next = start + 4

				break
			}
		}

		if next < 0 {
			return false, nil
		}

		found = after(found, next)
	}

	return true, nil
}

// sameAlignment makes parts of one size by dropping the zeros that pad the
// longer one in front; nil when it is not that.
func sameAlignment(a, b *io.SectionReader) (*io.SectionReader, *io.SectionReader, error) {
	if a.Size() == b.Size() {
		return a, b, nil
	}

	short, long := a, b
	if a.Size() > b.Size() {
		short, long = b, a
	}

	pad, err := all(part(long, 0, long.Size()-short.Size()))
	if err != nil {
		return nil, nil, err
	}

	if len(pad) >= page {
		return nil, nil, nil
	}

	for _, c := range pad {
		if c != 0 {
			return nil, nil, nil
		}
	}

	if long == a {
		return part(a, int64(len(pad)), a.Size()), b, nil
	}

	return a, part(b, int64(len(pad)), b.Size()), nil
}
