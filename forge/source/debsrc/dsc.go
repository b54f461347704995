package debsrc

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

// File is one that a .dsc names.
type File struct {
	Name   string
	Size   int64
	SHA256 string
}

// Description is what a .dsc says, as far as it matters here.
type Description struct {
	Source, Version, Format string
	Files                   []File
}

// Formats that are understood (dpkg-source(1), SOURCE PACKAGE FORMATS).
const (
	formatOld    = "1.0"
	formatNative = "3.0 (native)"
	formatQuilt  = "3.0 (quilt)"
)

// Parse reads a .dsc, with or without a signature around it.
func Parse(data []byte) (*Description, error) {
	paragraph, err := deb.NewReader(bytes.NewReader(unsigned(data))).Next()
	if err != nil {
		return nil, fmt.Errorf("read the .dsc: %w", err)
	}

	d := &Description{Source: paragraph.Get("Source"), Version: paragraph.Get("Version"), Format: paragraph.Get("Format")}

	switch d.Format {
	case formatOld, formatNative, formatQuilt:
	default:
		return nil, fmt.Errorf("the source package has the format %q; known are %s, %s and %s", d.Format, formatOld, formatNative, formatQuilt)
	}

	for line := range strings.Lines(paragraph.Get("Checksums-Sha256")) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}

		if len(fields) != 3 {
			return nil, fmt.Errorf("the .dsc has %q under Checksums-Sha256", strings.TrimSpace(line))
		}

		f := File{Name: fields[2], SHA256: fields[0]}

		if f.Size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || f.Size < 0 {
			return nil, fmt.Errorf("the .dsc says that %s has %q bytes", f.Name, fields[1])
		}

		if path.Base(f.Name) != f.Name || strings.HasPrefix(f.Name, ".") {
			return nil, fmt.Errorf("the .dsc has a file named %q", f.Name)
		}

		d.Files = append(d.Files, f)
	}

	if len(d.Files) == 0 {
		return nil, errors.New("the .dsc names no files with their SHA-256")
	}

	return d, nil
}

// unsigned is the text within an OpenPGP cleartext signature (RFC 9580, 7).
func unsigned(data []byte) []byte {
	const begin, end = "-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP SIGNATURE-----"

	text := strings.ReplaceAll(string(data), "\r\n", "\n")

	_, text, ok := strings.Cut(text, begin+"\n")
	if !ok {
		return data
	}

	_, text, _ = strings.Cut(text, "\n\n") // its own header
	text, _, _ = strings.Cut(text, "\n"+end)

	return []byte(strings.ReplaceAll("\n"+text, "\n- ", "\n"))[1:]
}
