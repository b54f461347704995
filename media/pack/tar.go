package pack

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"

	"github.com/akmon-os/akmon/media/extent"
)

// tarRecord is what the length of an archive is a multiple of, in bytes.
const tarRecord = 10240

// Tar returns an archive in GNU's format (which GCP wants) with one file,
// uncompressed. The zero time is 1970-01-01.
func Tar(name string, content *extent.List, t time.Time) (*extent.List, error) {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}

	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: content.Size(), Mode: 0o644,
		ModTime: t.UTC().Truncate(time.Second), Format: tar.FormatGNU,
	}); err != nil {
		return nil, fmt.Errorf("making a tar header for %s: %w", name, err)
	}

	out := extent.FromBytes(head.Bytes())
	out.Append(content)
	out.Align(512)
	out.AppendZeros(1024)
	out.Align(tarRecord)

	return out, nil
}
