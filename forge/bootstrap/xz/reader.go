package xz

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
)

// maxDict is the largest dictionary that is allowed for, in bytes: what
// xz -9 uses. A header must not make us allocate gigabytes.
const maxDict = 64 << 20

var (
	streamMagic = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	footerMagic = []byte{'Y', 'Z'}
	crc64Table  = crc64.MakeTable(crc64.ECMA)
)

// Reader unpacks a file while it is read. It is not for concurrent use.
type Reader struct {
	in    source
	err   error
	out   []byte // unpacked and not yet read
	flags [2]byte
	open  bool // inside a block
	begun bool // a stream has ended before

	lzma   decoder
	check  hash.Hash
	block  record
	start  int64    // of the block's data in the input
	want   record   // sizes that the block's header gives; -1 if it doesn't
	blocks []record // of the stream, to compare with its index
}

// record is what the index has of a block: its size in the file without
// padding, and the size of what it unpacks to.
type record struct{ unpadded, unpacked int64 }

// NewReader returns a reader of what r, a whole .xz file, unpacks to. It may
// read more of r than the file.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: newSource(r)}
}

// Read unpacks. The error is io.EOF only at the end of a complete file.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.out) == 0 {
		if r.err != nil {
			return 0, r.err
		}

		if err := r.step(); err != nil {
			r.err = fmt.Errorf("unpack xz: %w", err)
			if err == io.EOF { //nolint:errorlint // bare, it is the good end
				r.err = io.EOF
			}
		}
	}

	n := copy(p, r.out)
	r.out = r.out[n:]

	return n, nil
}

// step reads one element of the file: a stream's header, a block's header, a
// chunk, or the end of any of them.
func (r *Reader) step() error {
	switch {
	case r.flags == [2]byte{} && r.check == nil:
		return r.streamHeader()
	case !r.open:
		return r.blockHeader()
	}

	chunk, err := r.lzma.chunk(&r.in)
	if err != nil {
		return err
	}

	if chunk == nil {
		return r.blockEnd()
	}

	r.check.Write(chunk)
	r.block.unpacked += int64(len(chunk))
	r.out = chunk

	return nil
}

// streamHeader: magic, flags, CRC32 of the flags. Between streams, zeros in
// multiples of four bytes may stand.
func (r *Reader) streamHeader() error {
	var head [12]byte

	for {
		n, err := r.in.peek(4)
		if n == 0 && r.begun && err == io.EOF { //nolint:errorlint // source returns it bare
			return io.EOF
		}

		if n < 4 || !r.begun || binary.LittleEndian.Uint32(r.in.buf[r.in.pos:]) != 0 {
			break
		}

		r.in.pos += 4
	}

	if err := r.in.full(head[:]); err != nil {
		return fmt.Errorf("read stream header: %w", err)
	}

	if !bytes.Equal(head[:6], streamMagic) {
		return errors.New("this is not an xz file")
	}

	if crc32.ChecksumIEEE(head[6:8]) != binary.LittleEndian.Uint32(head[8:]) {
		return errors.New("the stream header is damaged")
	}

	check, err := newCheck(head[6], head[7])
	if err != nil {
		return err
	}

	r.flags, r.check, r.blocks = [2]byte(head[6:8]), check, nil

	return nil
}

func newCheck(zero, id byte) (hash.Hash, error) {
	if zero != 0 {
		return nil, errors.New("the stream has flags that are not defined")
	}

	switch id {
	case 0:
		return noCheck{}, nil
	case 1:
		return crc32.NewIEEE(), nil
	case 4:
		return crc64.New(crc64Table), nil
	case 10:
		return sha256.New(), nil
	default:
		return nil, fmt.Errorf("the stream uses check %d, which is not supported", id)
	}
}

// blockHeader: size, flags, optional sizes, filters, padding, CRC32. A size of
// zero is the index instead.
func (r *Reader) blockHeader() error {
	size, err := r.in.byte()
	if err != nil {
		return fmt.Errorf("read block header: %w", err)
	}

	if size == 0 {
		return r.index()
	}

	head := make([]byte, (int(size)+1)*4)
	head[0] = size

	if err := r.in.full(head[1:]); err != nil {
		return fmt.Errorf("read block header: %w", err)
	}

	body := head[:len(head)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(head[len(head)-4:]) {
		return errors.New("a block header is damaged")
	}

	dict, want, err := parseBlock(body)
	if err != nil {
		return err
	}

	r.want = want
	r.block = record{unpadded: int64(len(head))}
	r.start = r.in.offset()
	r.open = true

	r.check.Reset()
	r.lzma.begin(dict)

	return nil
}

// parseBlock reads a block header without its CRC.
func parseBlock(head []byte) (dict int, want record, err error) {
	flags, rest := head[1], head[2:]
	want = record{-1, -1}

	if flags&0x3c != 0 {
		return 0, want, errors.New("a block has flags that are not defined")
	}

	if flags&0x40 != 0 {
		want.unpadded, rest = uvarint(rest)
	}

	if flags&0x80 != 0 {
		want.unpacked, rest = uvarint(rest)
	}

	// One filter: LZMA2 (0x21), one byte of properties.
	if flags&3 != 0 || len(rest) < 3 || rest[0] != 0x21 || rest[1] != 1 {
		return 0, want, errors.New("a block uses other filters than LZMA2, which is not supported")
	}

	bits := rest[2]
	if bits > 40 {
		return 0, want, fmt.Errorf("a block gives the dictionary size %d, which is not defined", bits)
	}

	size := (2 | uint64(bits&1)) << (bits/2 + 11)
	if size > maxDict {
		return 0, want, fmt.Errorf("a block wants a dictionary of %d MiB, more than %d", size>>20, maxDict>>20)
	}

	for _, b := range rest[3:] {
		if b != 0 {
			return 0, want, errors.New("a block header's padding is not zero")
		}
	}

	return int(size), want, nil
}

// blockEnd: padding to four bytes, then the check.
func (r *Reader) blockEnd() error {
	packed := r.in.offset() - r.start

	if (r.want.unpadded >= 0 && r.want.unpadded != packed) || (r.want.unpacked >= 0 && r.want.unpacked != r.block.unpacked) {
		return errors.New("a block has other sizes than its header says")
	}

	for range -packed & 3 {
		if err := r.in.zero(); err != nil {
			return fmt.Errorf("read block padding: %w", err)
		}
	}

	var sum [32]byte

	got := r.check.Sum(nil)
	if err := r.in.full(sum[:len(got)]); err != nil {
		return fmt.Errorf("read check: %w", err)
	}

	// CRC values are little-endian in the file, Go's Sum is big-endian.
	if r.flags[1] != 10 {
		for i, j := 0, len(got)-1; i < j; i, j = i+1, j-1 {
			got[i], got[j] = got[j], got[i]
		}
	}

	if !bytes.Equal(got, sum[:len(got)]) {
		return errors.New("the data of a block is damaged")
	}

	r.block.unpadded += packed + int64(len(got))
	r.blocks = append(r.blocks, r.block)
	r.open = false

	return nil
}

// uvarint reads a number of the format: seven bits a byte, the lowest first.
// After one that is not complete, nothing is left, which no header allows.
func uvarint(b []byte) (int64, []byte) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > 1<<62 {
		return -1, nil
	}

	return int64(v), b[n:]
}

// noCheck is the check of streams that have none.
type noCheck struct{}

func (noCheck) Write(p []byte) (int, error) { return len(p), nil }
func (noCheck) Sum(b []byte) []byte         { return b }
func (noCheck) Reset()                      {}
func (noCheck) Size() int                   { return 0 }
func (noCheck) BlockSize() int              { return 1 }
