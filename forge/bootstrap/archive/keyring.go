package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
)

var errUnknownIssuer = pgperrors.ErrUnknownIssuer

// Where Debian machines keep the keys of Debian's archives.
var keyringFiles = []string{
	"/usr/share/keyrings/debian-archive-*.gpg",
	"/usr/share/keyrings/debian-archive-*.pgp",
	"/usr/share/keyrings/debian-archive-*.asc",
	"/etc/apt/trusted.gpg.d/debian-archive-*",
}

// SystemKeyring returns the keys of Debian's archives that the machine has;
// none is not an error. Files that cannot be read are passed over, and so are
// the keys that Debian has withdrawn.
func SystemKeyring() openpgp.EntityList {
	var keys openpgp.EntityList

	for _, pattern := range keyringFiles {
		// The patterns are good.
		files, _ := filepath.Glob(pattern) //nolint:errcheck

		for _, file := range files {
			if strings.Contains(filepath.Base(file), "removed") {
				continue
			}

			if list, err := ReadKeyring(file); err == nil {
				keys = append(keys, list...)
			}
		}
	}

	return keys
}

// ReadKeyring reads a file of public keys, armoured or not.
func ReadKeyring(file string) (openpgp.EntityList, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}

	if bytes.HasPrefix(data, []byte("-----BEGIN")) {
		return openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	}

	return openpgp.ReadKeyRing(bytes.NewReader(data))
}
