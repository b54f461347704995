package extent

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sort"
)

// ErrShortSource is returned (wrapped) when a source ended before the range
// that a list takes from it.
var ErrShortSource = errors.New("source is shorter than its range")

// Kind says where the bytes of an Extent come from.
type Kind uint8

// The kinds of extents.
const (
	Zeros Kind = iota // all bytes are zero
	Bytes             // Extent.Data
	Range             // Extent.Source from Extent.SourceOffset
)

// String returns "zeros", "bytes" or "range".
func (k Kind) String() string {
	switch k {
	case Bytes:
		return "bytes"
	case Range:
		return "range"
	default:
		return "zeros"
	}
}

// Extent is one run of bytes in a List.
type Extent struct {
	Kind         Kind
	Offset       int64       // position in the list, in bytes
	Length       int64       // in bytes, never 0
	Data         []byte      // Bytes only
	Source       io.ReaderAt // Range only
	SourceOffset int64       // Range only
}

// List is an ordered list of extents without gaps. See the package comment
// for what may be done concurrently.
type List struct {
	extents []Extent
	size    int64
}

// FromBytes returns a list of the bytes b, which must not be changed later.
func FromBytes(b []byte) *List {
	l := &List{}
	l.AppendBytes(b)

	return l
}

// FromFile returns a list of all of f, whose size is read now. A block
// device counts with its whole size. The caller closes f after the last use
// of the list.
func FromFile(f *os.File) (*List, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the size of a source: %w", err)
	}

	size := st.Size()

	switch {
	case st.Mode().IsRegular():
	case st.Mode()&os.ModeDevice != 0 && st.Mode()&os.ModeCharDevice == 0:
		if size, err = f.Seek(0, io.SeekEnd); err != nil {
			return nil, fmt.Errorf("reading the size of %s: %w", f.Name(), err)
		}
	default:
		return nil, fmt.Errorf("%s is neither a regular file nor a block device", f.Name())
	}

	l := &List{}
	l.AppendRange(f, 0, size)

	return l, nil
}

// FromReaderAt returns a list of the first size bytes of r.
func FromReaderAt(r io.ReaderAt, size int64) *List {
	l := &List{}
	l.AppendRange(r, 0, size)

	return l
}

// Size returns the number of bytes in the list. A nil list is empty.
func (l *List) Size() int64 {
	if l == nil {
		return 0
	}

	return l.size
}

// Extents returns a copy of the list's extents in order.
func (l *List) Extents() []Extent {
	if l == nil {
		return nil
	}

	return append([]Extent(nil), l.extents...)
}

func (l *List) add(e Extent) {
	if e.Length < 0 || l.size > math.MaxInt64-e.Length {
		// Only arithmetic that went wrong in a caller leads here; no input does.
		panic(fmt.Sprintf("extent: length %d at offset %d", e.Length, l.size))
	}

	if e.Length == 0 {
		return
	}

	e.Offset = l.size
	l.size += e.Length

	if n := len(l.extents); n > 0 {
		last := &l.extents[n-1]

		switch {
		case last.Kind == Zeros && e.Kind == Zeros:
			last.Length += e.Length
			return
		case last.Kind == Range && e.Kind == Range && sameSource(last.Source, e.Source) &&
			last.SourceOffset+last.Length == e.SourceOffset:
			last.Length += e.Length
			return
		}
	}

	l.extents = append(l.extents, e)
}

// sameSource compares only the kinds that are surely comparable.
func sameSource(a, b io.ReaderAt) bool {
	switch a := a.(type) {
	case *os.File:
		c, ok := b.(*os.File)
		return ok && a == c
	default:
		return false
	}
}

// AppendBytes appends b, which must not be changed later.
func (l *List) AppendBytes(b []byte) {
	l.add(Extent{Kind: Bytes, Length: int64(len(b)), Data: b})
}

// AppendZeros appends n zero bytes.
func (l *List) AppendZeros(n int64) {
	l.add(Extent{Kind: Zeros, Length: n})
}

// AppendRange appends n bytes of src from offset off. Where src is an
// *os.File, writing to a file avoids copying through this process.
func (l *List) AppendRange(src io.ReaderAt, off, n int64) {
	if sub, ok := src.(*List); ok {
		l.Append(sub.Slice(off, n))
		return
	}

	l.add(Extent{Kind: Range, Length: n, Source: src, SourceOffset: off})
}

// Append appends all of m, which may be nil.
func (l *List) Append(m *List) {
	for _, e := range m.Extents() {
		l.add(e)
	}
}

// PadTo appends zeros until the list is size bytes long. A list that is
// already longer is an error: what was to start there would be overlapped.
func (l *List) PadTo(size int64) error {
	if size < l.size {
		return fmt.Errorf("layout overlaps: %d bytes are already placed where offset %d should start", l.size, size)
	}

	l.AppendZeros(size - l.size)

	return nil
}

// Align appends zeros up to the next multiple of n bytes.
func (l *List) Align(n int64) {
	if r := l.size % n; r != 0 {
		l.AppendZeros(n - r)
	}
}

// find returns the index of the extent that holds offset off.
func (l *List) find(off int64) int {
	return sort.Search(len(l.extents), func(i int) bool {
		return l.extents[i].Offset+l.extents[i].Length > off
	})
}

// Slice returns the n bytes from offset off as a new list. A part outside the
// list is cut off, as with a short read.
func (l *List) Slice(off, n int64) *List {
	out := &List{}
	if off < 0 || n <= 0 || off >= l.Size() {
		return out
	}

	end := l.size
	if n < end-off {
		end = off + n
	}

	for i := l.find(off); i < len(l.extents) && l.extents[i].Offset < end; i++ {
		e := l.extents[i]
		skip := max(off-e.Offset, 0)
		e.Length = min(e.Offset+e.Length, end) - e.Offset - skip

		switch e.Kind {
		case Bytes:
			e.Data = e.Data[skip : skip+e.Length]
		case Range:
			e.SourceOffset += skip
		case Zeros:
		}

		out.add(e)
	}

	return out
}

// IsZeros tells whether the n bytes from offset off are in runs of zeros only.
// It looks at the list, not at what its byte strings and ranges hold.
func (l *List) IsZeros(off, n int64) bool {
	if l == nil || off < 0 {
		return true
	}

	for i := l.find(off); i < len(l.extents) && l.extents[i].Offset < off+n; i++ {
		if l.extents[i].Kind != Zeros {
			return false
		}
	}

	return true
}

// ZerosFrom returns the length of the run of zeros at offset off, in bytes: 0
// where there is none. As with [List.IsZeros] only the list counts.
func (l *List) ZerosFrom(off int64) int64 {
	if l == nil || off < 0 || off >= l.size {
		return 0
	}

	if e := &l.extents[l.find(off)]; e.Kind == Zeros {
		return e.Offset + e.Length - off
	}

	return 0
}
