package bundle

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/image"
)

const (
	// IndexName is the name of a bundle's first entry.
	IndexName = "akmon-store.json"
	// Format is the version of bundles.
	Format = "akmon-store/v1"
	// maxIndex bounds the index, in bytes: some hundred thousand files.
	maxIndex = 256 << 20
)

// Index lists what a bundle holds.
type Index struct {
	Format  string          `json:"format"`
	Files   []File          `json:"files"`
	Modules []gomod.Indexed `json:"modules,omitempty"`
	Images  []image.Record  `json:"images,omitempty"`
}

// File is one file of a bundle; Size is in bytes.
type File struct {
	SHA256  string `json:"sha256"`
	SHA512  string `json:"sha512"`
	Size    int64  `json:"size"`
	Package string `json:"package,omitempty"`
	URL     string `json:"url,omitempty"`
}

// entry is the file's name in the tar.
func (f File) entry() string { return "sha256/" + f.SHA256 }

// parseIndex reads and checks an index, as far as that goes without the files.
func parseIndex(data []byte) (*Index, error) {
	var index Index

	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()

	if err := decoder.Decode(&index); err != nil {
		return nil, fmt.Errorf("read %s: %w", IndexName, err)
	}

	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: something follows its end", IndexName)
	}

	if index.Format != Format {
		return nil, fmt.Errorf("the bundle's format is %q, this program knows %s", index.Format, Format)
	}

	for i, f := range index.Files {
		switch {
		case !isHex(f.SHA256, 32) || !isHex(f.SHA512, 64) || f.Size < 0:
			return nil, fmt.Errorf("read %s: file %d has no proper sums and size", IndexName, i+1)
		case i > 0 && index.Files[i-1].SHA256 >= f.SHA256:
			return nil, fmt.Errorf("read %s: file %d is not in the order of the sums", IndexName, i+1)
		}
	}

	for _, r := range index.Images {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("read %s: %w", IndexName, err)
		}
	}

	return &index, nil
}

func isHex(text string, length int) bool {
	raw, err := hex.DecodeString(text)

	return err == nil && len(raw) == length && text == strings.ToLower(text)
}
