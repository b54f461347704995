package diff

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
)

// The reasons that Difference.Known has.
const (
	// KnownSignature is the signature of a kernel module.
	KnownSignature = "module signature"
	// KnownCertificate is the certificate of the key that modules are signed
	// with, in the kernel.
	KnownCertificate = "module signing certificate"
	// KnownBuildID is the build ID of a kernel whose certificate differs.
	KnownBuildID = "build ID, which covers the certificate"
	// KnownWrapping is the loader around a compressed kernel of another size.
	KnownWrapping = "the wrapping of the compressed kernel, which has another size"
)

const (
	// signatureMark ends a signed module (include/linux/module_signature.h).
	signatureMark = "~Module signature appended~\n"
	// signatureInfo is the size of struct module_signature, which is in front
	// of the mark; its last four bytes are the signature's length, big endian.
	signatureInfo = 12
)

func isSigned(_ []byte, r *io.SectionReader) bool {
	_, _, ok := splitSignature(r)

	return ok
}

// splitSignature parts a signed module from what was appended to it.
func splitSignature(r *io.SectionReader) (module, signature *io.SectionReader, ok bool) {
	const tail = signatureInfo + int64(len(signatureMark))

	end, err := all(part(r, r.Size()-tail, tail))
	if r.Size() < tail || err != nil || string(end[signatureInfo:]) != signatureMark {
		return nil, nil, false
	}

	size := r.Size() - tail - int64(binary.BigEndian.Uint32(end[signatureInfo-4:]))
	if size < 0 {
		return nil, nil, false
	}

	return part(r, 0, size), part(r, size, r.Size()), true
}

// signed compares two signed modules: the module, and its signature. What kind
// of signature it is must be the same.
func (c *comparer) signed(p place, a, b *io.SectionReader) error {
	modules, signatures := [2]*io.SectionReader{}, [2]*io.SectionReader{}

	for i, r := range []*io.SectionReader{a, b} {
		modules[i], signatures[i], _ = splitSignature(r)
	}

	if err := c.compare(p, modules[0], modules[1]); err != nil {
		return err
	}

	offset, err := firstDifference(signatures[0], signatures[1])
	if err != nil || offset < 0 {
		return err
	}

	var kinds [2][]byte

	for i, s := range signatures {
		info, err := all(part(s, s.Size()-signatureInfo-int64(len(signatureMark)), signatureInfo-4))
		if err != nil {
			return err
		}

		kinds[i] = info
	}

	if !bytes.Equal(kinds[0], kinds[1]) {
		return c.leaf(p.in("signature"), signatures[0], signatures[1], offset, "another kind of signature; ")
	}

	c.add(p.in("signature"), Difference{
		Text:   fmt.Sprintf("signed with another key, %d bytes of signature", signatures[0].Size()-signatureInfo-int64(len(signatureMark))),
		Offset: modules[0].Size() + offset, Known: KnownSignature,
	})

	return nil
}

const (
	// maxKernelRanges is how many separate differences certificates, sizes
	// and build IDs can make: more is another kernel.
	maxKernelRanges = 4096
	// maxCertificate bounds a certificate.
	maxCertificate = 16 << 10
	// noteHeader is the size of an ELF note's header with the name GNU.
	noteHeader = 16
	// buildIDSize is that of the SHA-1 that ld and lld make.
	buildIDSize = 20
)

// gnuBuildID is the header of an ELF note that holds a build ID: name of 4
// bytes, content of 20, type NT_GNU_BUILD_ID, little endian.
var gnuBuildID = []byte("\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00")

// kernelSlots explains the differences of two uncompressed kernels by the slot
// of the module signing key. It tells whether it explained all of them;
// otherwise it lists none.
func (c *comparer) kernelSlots(p place, a, b *io.SectionReader) (bool, error) {
	if a.Size() != b.Size() {
		return false, nil
	}

	found, err := ranges(a, b, 1, maxKernelRanges)
	if err != nil {
		return false, nil //nolint:nilerr // too many differences for a slot; the caller reads it again
	}

	var (
		certificates []slot
		ids          []int64
		unexplained  = found
	)

	for len(unexplained) > 0 {
		s := unexplained[0]

		if id, ok := noteAt(a, b, s); ok {
			ids = append(ids, id)
			unexplained = after(unexplained, id+buildIDSize)

			continue
		}

		cert, ok := certificateAt(a, b, s.start)
		if !ok {
			return false, nil
		}

		certificates = append(certificates, cert)
		unexplained = after(unexplained, cert.end)
	}

	// A build ID that differs where nothing else does would be odd.
	if len(certificates) == 0 {
		return false, nil
	}

	for _, cert := range certificates {
		c.add(p, Difference{
			Text:   fmt.Sprintf("certificate of %q, serial number %x | %x", cert.first.Subject, cert.first.SerialNumber, cert.second.SerialNumber),
			Offset: cert.start, Known: KnownCertificate,
		})
	}

	for _, id := range ids {
		c.add(p, Difference{
			Text:   buildID(part(a, id-noteHeader, noteHeader+buildIDSize)) + " | " + buildID(part(b, id-noteHeader, noteHeader+buildIDSize)),
			Offset: id, Known: KnownBuildID,
		})
	}

	return true, nil
}

// after drops the spans that end before offset.
func after(spans []span, offset int64) []span {
	for len(spans) > 0 && spans[0].end <= offset {
		spans = spans[1:]
	}

	return spans
}

// noteAt finds the build ID that a difference lies in, in both files.
func noteAt(a, b *io.SectionReader, s span) (int64, bool) {
	from := max(0, s.start-noteHeader-buildIDSize)

	head, err := all(part(a, from, s.start-from))
	if err != nil {
		return 0, false
	}

	i := bytes.LastIndex(head, gnuBuildID)
	if i < 0 {
		return 0, false
	}

	id := from + int64(i) + noteHeader

	other, err := all(part(b, id-noteHeader, noteHeader))
	if err != nil || !bytes.Equal(other, gnuBuildID) || s.end > id+buildIDSize {
		return 0, false
	}

	return id, true
}

// slot is where both kernels have a certificate, from start up to end.
type slot struct {
	start, end    int64
	first, second *x509.Certificate
}

// certificateAt finds the certificate that the byte at offset belongs to, in
// both files at the same place and with the same subject. One certificate may
// be some bytes shorter (its serial number is random) where that moves nothing
// but itself: then the slot includes the padding and the two sizes that follow
// (certs/system_certificates.S).
func certificateAt(a, b *io.SectionReader, offset int64) (slot, bool) {
	from := max(0, offset-maxCertificate)

	before, err := all(part(a, from, offset-from+2))
	if err != nil {
		return slot{}, false
	}

	// A certificate is a DER SEQUENCE with a length of two bytes. The nearest
	// one in front of the difference that parses is the certificate; those
	// nearer are parts of it.
	for i := int64(bytes.LastIndex(before, []byte{0x30, 0x82})); i >= 0; i = int64(bytes.LastIndex(before[:i], []byte{0x30, 0x82})) {
		start := from + i

		first, n := parseCertificate(a, start)
		if first == nil || start+n <= offset {
			continue
		}

		second, m := parseCertificate(b, start)
		if second == nil || first.Subject.String() != second.Subject.String() {
			return slot{}, false
		}

		s := slot{start: start, end: start + n, first: first, second: second}

		if n != m {
			end, ok := certificateSizes(a, b, start, n, m)
			if !ok {
				return slot{}, false
			}

			s.end = end
		}

		return s, true
	}

	return slot{}, false
}

func parseCertificate(r *io.SectionReader, start int64) (*x509.Certificate, int64) {
	head, err := all(part(r, start, 4))
	if err != nil || len(head) < 4 || head[0] != 0x30 || head[1] != 0x82 {
		return nil, 0
	}

	size := 4 + int64(binary.BigEndian.Uint16(head[2:]))
	if size > maxCertificate {
		return nil, 0
	}

	der, err := all(part(r, start, size))
	if err != nil {
		return nil, 0
	}

	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, 0
	}

	return cert, size
}

// certificateSizes checks what follows certificates of n and m bytes: zeros up
// to a multiple of 8, and the size of the list and of the certificate.
func certificateSizes(a, b *io.SectionReader, start, n, m int64) (int64, bool) {
	const sizes = 16

	end := (start + max(n, m) + 7) &^ 7
	if end != (start+min(n, m)+7)&^7 {
		return 0, false
	}

	for r, size := range map[*io.SectionReader]int64{a: n, b: m} {
		data, err := all(part(r, start+size, end-start-size+sizes))
		if err != nil || int64(len(data)) != end-start-size+sizes {
			return 0, false
		}

		padding, list := data[:len(data)-sizes], data[len(data)-sizes:]

		if len(bytes.Trim(padding, "\x00")) > 0 ||
			binary.LittleEndian.Uint64(list) != uint64(size) || binary.LittleEndian.Uint64(list[8:]) != uint64(size) { //nolint:gosec // sizes are not negative
			return 0, false
		}
	}

	return end + sizes, true
}
