package publish

import (
	"errors"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

var (
	// ErrNotFound means that there is no such image, tag or blob.
	ErrNotFound = errors.New("not found")
	// ErrNoSignature means that nobody signed the image, as far as is stored.
	ErrNoSignature = errors.New("no signature")
	// ErrWrongKey means that there are signatures, but none by this key.
	ErrWrongKey = errors.New("no signature by this key")
	// ErrChanged means that bytes are not those that their digest promises.
	ErrChanged = errors.New("content does not match its digest")
)

// ChangedError tells which blob is not what it should be. It is ErrChanged.
type ChangedError struct {
	What string  // "manifest", "config", "layer 2", …
	Want v1.Hash // the digest by which the blob is known
	Got  string  // the digest that its bytes have, or what else is wrong
}

// Error names the blob, what was wanted and what was got.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s %s has been changed: got %s", e.What, e.Want, e.Got)
}

// Is makes every ChangedError match ErrChanged.
func (e *ChangedError) Is(target error) bool { return target == ErrChanged }
