package gpt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// GUID is a globally unique identifier as it is stored on disk: the first
// three fields are little-endian (UEFI specification, appendix A).
type GUID [16]byte

// Types of partitions, as the UEFI specification and the Discoverable
// Partitions Specification name them.
var (
	EFISystem       = MustGUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")
	BIOSBoot        = MustGUID("21686148-6449-6E6F-744E-656564454649")
	LinuxFilesystem = MustGUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")
)

// order maps the bytes of the text form to those on disk.
var order = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}

// ParseGUID reads the text form, such as
// "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", in either case.
func ParseGUID(text string) (GUID, error) {
	var g GUID

	parts := strings.Split(text, "-")
	if len(parts) != 5 || len(text) != 36 || len(parts[0]) != 8 || len(parts[1]) != 4 ||
		len(parts[2]) != 4 || len(parts[3]) != 4 {
		return g, fmt.Errorf("%q is not a GUID", text)
	}

	raw, err := hex.DecodeString(strings.Join(parts, ""))
	if err != nil {
		return g, fmt.Errorf("%q is not a GUID", text)
	}

	for i, at := range order {
		g[at] = raw[i]
	}

	return g, nil
}

// MustGUID is ParseGUID for constants; it panics on malformed text.
func MustGUID(text string) GUID {
	g, err := ParseGUID(text)
	if err != nil {
		panic(err)
	}

	return g
}

// NewGUID derives a GUID from seed and name: the same pair gives the same
// GUID, another pair another one. It is of version 8 (RFC 9562).
func NewGUID(seed []byte, name string) GUID {
	h := sha256.New()
	h.Write(seed)
	h.Write([]byte{0})
	h.Write([]byte(name))
	sum := h.Sum(nil)

	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80

	var g GUID
	for i, at := range order {
		g[at] = sum[i]
	}

	return g
}

// String is the text form in upper case.
func (g GUID) String() string {
	var raw [16]byte
	for i, at := range order {
		raw[i] = g[at]
	}

	return strings.ToUpper(fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]))
}

// IsZero tells whether no bit is set: the type of an unused entry.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText writes the text form.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads the text form.
func (g *GUID) UnmarshalText(text []byte) error {
	if g == nil {
		return errors.New("GUID is nil")
	}

	parsed, err := ParseGUID(string(text))
	*g = parsed

	return err
}
