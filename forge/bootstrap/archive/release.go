package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

// Release is the state of a suite.
type Release struct {
	Suite, Codename string
	Date            time.Time
	Components      []string
	ByHash          bool // indices are also found by their sums
	Files           map[string]File
	SHA256          string // of InRelease itself
	SignedBy        string // fingerprint of the key that signed it, in capitals; empty if it was not verified
}

// File is an index that a Release names.
type File struct {
	SHA256 string
	Size   int64
}

// ErrUnsigned means that no key of the keyring made any of the signatures.
var ErrUnsigned = errors.New("it is signed by none of the keys of the keyring")

// decode finds the clear-signed text. The library panics on some damaged
// input (a text of no lines): that is the same as none.
func decode(data []byte) (block *clearsign.Block) {
	defer func() {
		if recover() != nil {
			block = nil
		}
	}()

	block, _ = clearsign.Decode(data)

	return block
}

// ParseRelease reads an InRelease file and, unless the keyring is empty,
// checks its signature.
func ParseRelease(data []byte, keyring openpgp.EntityList) (*Release, error) {
	sum := sha256.Sum256(data)
	r := &Release{SHA256: hex.EncodeToString(sum[:]), Files: map[string]File{}}

	block := decode(data)
	if block == nil {
		return nil, errors.New("read InRelease: it has no clear-signed text")
	}

	if len(keyring) > 0 {
		signer, err := openpgp.CheckDetachedSignature(keyring, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, nil)

		switch {
		case errors.Is(err, errUnknownIssuer):
			return nil, fmt.Errorf("verify InRelease: %w", ErrUnsigned)
		case err != nil:
			return nil, fmt.Errorf("verify InRelease: %w", err)
		}

		r.SignedBy = strings.ToUpper(hex.EncodeToString(signer.PrimaryKey.Fingerprint))
	}

	fields, err := deb.NewReader(bytes.NewReader(block.Plaintext)).Next()
	if err != nil {
		return nil, fmt.Errorf("read InRelease: %w", err)
	}

	r.Suite, r.Codename = fields.Get("Suite"), fields.Get("Codename")
	r.Components = strings.Fields(fields.Get("Components"))
	r.ByHash = strings.EqualFold(fields.Get("Acquire-By-Hash"), "yes")

	// "UTC" is a name that RFC 1123 with zone names allows.
	if r.Date, err = time.Parse(time.RFC1123, fields.Get("Date")); err != nil {
		return nil, fmt.Errorf("read InRelease: its date is %q", fields.Get("Date"))
	}

	for line := range strings.Lines(fields.Get("SHA256")) {
		parts := strings.Fields(line)
		if len(parts) == 0 {
			continue
		}

		if len(parts) != 3 || len(parts[0]) != 64 {
			return nil, fmt.Errorf("read InRelease: %q is not sum, size and name", strings.TrimSpace(line))
		}

		size, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil || size < 0 {
			return nil, fmt.Errorf("read InRelease: %q is not a size", parts[1])
		}

		r.Files[parts[2]] = File{SHA256: strings.ToLower(parts[0]), Size: size}
	}

	return r, nil
}
