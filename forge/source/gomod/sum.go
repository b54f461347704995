package gomod

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/akmon-os/akmon/schemas/document"
)

// Entry is one file that a go.sum names.
type Entry struct {
	module.Version
	Mod  bool   // the go.mod, as against the module's zip file
	H1   string // "h1:" and 32 bytes in base64
	Line int    // in the go.sum, from 1
}

// String names the file for people.
func (e Entry) String() string {
	if e.Mod {
		return "go.mod of " + e.Version.String()
	}

	return "Go module " + e.Version.String()
}

// file is the entry's path in a GOPROXY, without what distinguishes its kind.
func (e Entry) file() (string, error) {
	path, err := module.EscapePath(e.Path)
	if err != nil {
		return "", err
	}

	version, err := module.EscapeVersion(e.Version.Version)
	if err != nil {
		return "", err
	}

	return path + "/@v/" + version, nil
}

// suffix is what a GOPROXY calls the entry's kind.
func (e Entry) suffix() string {
	if e.Mod {
		return ".mod"
	}

	return ".zip"
}

// key is the h1 sum in hexadecimal.
func (e Entry) key() string {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(e.H1, "h1:"))
	if err != nil {
		return "" // ParseSum saw to it
	}

	return hex.EncodeToString(sum)
}

// ParseSum reads a go.sum; file is its name in messages. Lines with other sums
// than h1 are passed over, as the go command does; the same line twice counts
// once. The error is a document.Errors with every finding.
func ParseSum(file string, data []byte) ([]Entry, error) {
	var (
		entries []Entry
		errs    document.Errors
		seen    = map[string]string{}
	)

	for i, line := range bytes.Split(data, []byte("\n")) {
		fields := strings.Fields(string(line))
		if len(fields) == 0 {
			continue
		}

		e, err := parseLine(fields)
		if err != nil {
			errs = append(errs, &document.Error{File: file, Line: i + 1, Column: 1, Message: err.Error(), Text: string(line)})

			continue
		}

		if e.H1 == "" {
			continue
		}

		e.Line = i + 1
		key := fields[0] + " " + fields[1]

		switch old, ok := seen[key]; {
		case !ok:
			seen[key] = e.H1
			entries = append(entries, e)
		case old != e.H1:
			errs = append(errs, &document.Error{
				File: file, Line: i + 1, Column: 1, Message: "this module has another sum above", Text: string(line),
			})
		}
	}

	if err := errs.OrNil(); err != nil {
		return nil, err
	}

	slices.SortFunc(entries, func(a, b Entry) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}

		if c := strings.Compare(a.Version.Version, b.Version.Version); c != 0 {
			return c
		}

		return strings.Compare(a.suffix(), b.suffix())
	})

	return entries, nil
}

func parseLine(fields []string) (Entry, error) {
	if len(fields) != 3 {
		return Entry{}, fmt.Errorf("want module, version and sum, this has %d parts", len(fields))
	}

	if !strings.HasPrefix(fields[2], "h1:") {
		return Entry{}, nil
	}

	version, mod := strings.CutSuffix(fields[1], "/go.mod")
	e := Entry{Version: module.Version{Path: fields[0], Version: version}, Mod: mod, H1: fields[2]}

	if err := module.Check(e.Path, version); err != nil {
		return Entry{}, err
	}

	if sum, err := base64.StdEncoding.DecodeString(fields[2][3:]); err != nil || len(sum) != 32 {
		return Entry{}, fmt.Errorf("%q is not an h1 sum", fields[2])
	}

	return e, nil
}
