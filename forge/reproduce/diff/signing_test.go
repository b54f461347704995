package diff_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
	"time"
)

// certificate makes a self-signed certificate with a serial number of the
// given size in bytes.
func certificate(t testing.TB, name string, serial int) []byte {
	t.Helper()

	// Its signatures have one size.
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	number := bytes.Repeat([]byte{1}, serial)
	if _, err := rand.Read(number[1:]); err != nil {
		t.Fatal(err)
	}

	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number), Subject: pkix.Name{CommonName: name},
		DNSNames:  []string{strings.Repeat("of-a-usual-size.", 12) + "abc"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0),
	}

	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}

	return der
}

type kernel struct {
	certificate []byte
	code        string
	// stub is code of the loader.
	stub string
}

// unpacked is a kernel as far as it matters: code, the build ID that covers
// everything, and the list of certificates with the sizes behind it.
func (k kernel) unpacked() []byte {
	le := binary.LittleEndian
	text := make([]byte, 200<<10)

	// Without chance: noise that does not compress.
	noise := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range text {
		text[i] = byte(noise.Uint32()) //nolint:gosec // cut off on purpose
	}

	out := append([]byte("Linux version 6.12\x00\x00\x00\x00\x00\x00"), text...)
	out = append(out, k.code...)

	sum := sha256.Sum256(append(bytes.Clone(out), k.certificate...))
	out = append(out, "\x04\x00\x00\x00\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00"...)
	out = append(out, sum[:20]...)

	for len(out)%8 != 0 {
		out = append(out, 0)
	}

	out = append(out, k.certificate...)

	for len(out)%8 != 0 {
		out = append(out, 0)
	}

	for range 2 {
		out = le.AppendUint64(out, uint64(len(k.certificate)))
	}

	return append(out, "the rest of the kernel\x00"...)
}

// bzImage wraps it as arch/x86/boot does.
func (k kernel) bzImage(t testing.TB) []byte {
	t.Helper()

	le := binary.LittleEndian
	plain := k.unpacked()
	payload := le.AppendUint32(zst(t, plain), uint32(len(plain))) //nolint:gosec // small

	out := make([]byte, 2*512)
	out[0x1f1] = 1
	copy(out[0x202:], "HdrS")
	copy(out, "MZ")

	head := []byte("\x00the loader's own code " + k.stub)
	le.PutUint32(out[0x248:], uint32(len(head)))    //nolint:gosec // small
	le.PutUint32(out[0x24c:], uint32(len(payload))) //nolint:gosec // small

	out = append(append(out, head...), payload...)
	out = le.AppendUint32(append(out, "more code, and an address: "...), uint32(0x1000+len(payload))) //nolint:gosec // small
	sum := sha256.Sum256(out)

	return append(out, sum[:4]...)
}

func module(code string, signature []byte) []byte {
	out := append([]byte("\x00module "+code), signature...)
	out = append(out, 0, 0, 2, 0, 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(len(signature))) //nolint:gosec // small

	return append(out, "~Module signature appended~\n"...)
}

func TestSigningSlot(t *testing.T) {
	one, two := certificate(t, "modules", 20), certificate(t, "modules", 20)
	short, other := certificate(t, "modules", 19), certificate(t, "another", 20)
	first := kernel{certificate: one}

	for name, test := range map[string]struct {
		a, b      []byte
		explained bool
		want      []string
	}{
		"kernel": {
			a: first.unpacked(), b: kernel{certificate: two}.unpacked(),
			// A file that is not known to be a kernel is not excused.
			want: []string{"first difference at byte"},
		},
		"kernel image": {
			a: first.bzImage(t), b: kernel{certificate: two}.bzImage(t), explained: true,
			want: []string{`certificate of "CN=modules", serial number`, "file » compressed kernel: build ID "},
		},
		"shorter serial number": {
			a: first.bzImage(t), b: kernel{certificate: short}.bzImage(t), explained: true,
			want: []string{"[module signing certificate]", "file » loader: sizes and addresses"},
		},
		"code of the kernel": {
			a: first.bzImage(t), b: kernel{certificate: two, code: "evil"}.bzImage(t),
			want: []string{"file » compressed kernel: first difference at byte"},
		},
		"one byte of code": {
			a: kernel{certificate: one, code: "good"}.bzImage(t), b: kernel{certificate: two, code: "gOod"}.bzImage(t),
			want: []string{"file » compressed kernel: first difference at byte"},
		},
		"somebody else's certificate": {
			a: first.bzImage(t), b: kernel{certificate: other}.bzImage(t),
			want: []string{"file » compressed kernel: first difference at byte"},
		},
		"code of the loader": {
			a: kernel{certificate: one, stub: "jump to the kernel"}.bzImage(t), b: kernel{certificate: short, stub: "jump to the broker"}.bzImage(t),
			want: []string{"file » loader: first difference at byte"},
		},
		"code of the loader alone": {
			a: kernel{certificate: one, stub: "jump to the kernel"}.bzImage(t), b: kernel{certificate: one, stub: "jump to the broker"}.bzImage(t),
			want: []string{"file » loader: first difference at byte"},
		},
		"module": {
			a: module("x", []byte("signature 1")), b: module("x", []byte("signature two")), explained: true,
			want: []string{"file » signature: signed with another key, 11 bytes of signature [module signature]"},
		},
		"code of a module": {
			a: module("x", []byte("signature 1")), b: module("y", []byte("signature 2")),
			want: []string{"file: first difference at byte 8", "[module signature]"},
		},
		"unsigned": {
			a: module("x", []byte("signature 1")), b: []byte("\x00module x"),
			want: []string{"file: first difference at byte 9"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := compare(t, test.a, test.b)
			got := strings.Join(told(result), "\n")

			if result.Explained() != test.explained || result.Equal() {
				t.Errorf("explained is %v, want %v", result.Explained(), test.explained)
			}

			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in\n%s", want, got)
				}
			}
		})
	}
}
