package source

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
)

// Sums are the two sums of one file, in lower-case hexadecimal.
type Sums struct {
	SHA256, SHA512 string
}

// sink writes to a file and hashes what it writes.
type sink struct {
	file   *os.File
	s256   hash.Hash
	s512   hash.Hash
	n      int64
	failed error // the first error of writing, as against reading
}

func newSink(f *os.File) *sink {
	return &sink{file: f, s256: sha256.New(), s512: sha512.New()}
}

func (k *sink) Write(p []byte) (int, error) {
	n, err := k.file.Write(p)
	k.s256.Write(p[:n])
	k.s512.Write(p[:n])
	k.n += int64(n)

	if err != nil {
		k.failed = err
	}

	return n, err
}

// load hashes what the file already holds and continues after it.
func (k *sink) load(ctx context.Context) error {
	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		return err
	}

	n, err := io.Copy(io.MultiWriter(k.s256, k.s512), contextReader{ctx, k.file})
	k.n = n

	return err
}

// reset empties the file.
func (k *sink) reset() error {
	if err := k.file.Truncate(0); err != nil {
		return err
	}

	if _, err := k.file.Seek(0, io.SeekStart); err != nil {
		return err
	}

	k.n = 0
	k.s256.Reset()
	k.s512.Reset()

	return nil
}

func (k *sink) sums() Sums {
	return Sums{SHA256: hex.EncodeToString(k.s256.Sum(nil)), SHA512: hex.EncodeToString(k.s512.Sum(nil))}
}

// hashFile computes both sums of a file.
func hashFile(ctx context.Context, path string) (Sums, error) {
	f, err := os.Open(path)
	if err != nil {
		return Sums{}, err
	}
	defer f.Close()

	s256, s512 := sha256.New(), sha512.New()
	if _, err := io.Copy(io.MultiWriter(s256, s512), contextReader{ctx, f}); err != nil {
		return Sums{}, fmt.Errorf("hash %s: %w", path, err)
	}

	return Sums{SHA256: hex.EncodeToString(s256.Sum(nil)), SHA512: hex.EncodeToString(s512.Sum(nil))}, nil
}

// validHex tells whether s is n lower-case hexadecimal digits.
func validHex(s string, n int) bool {
	if len(s) != n {
		return false
	}

	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}

	return true
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}

	return c.r.Read(p)
}

// SumBytes gives both sums of data.
func SumBytes(data []byte) Sums {
	a, b := sha256.Sum256(data), sha512.Sum512(data)

	return Sums{SHA256: hex.EncodeToString(a[:]), SHA512: hex.EncodeToString(b[:])}
}
