package programs

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/publish/sbom"
)

// HeadSize is how many bytes Worth wants to see.
const HeadSize = 6

// maxDepth is how many archives may be inside of one another: a compressed
// cpio archive with a squashfs needs three.
const maxDepth = 6

// kind is what a file is by its first bytes.
type kind int

const (
	other kind = iota
	elfFile
	squashFS
	cpioArchive
	gzipped
	xzipped
	zstandard
)

var magics = []struct {
	kind  kind
	bytes string
}{
	{elfFile, "\x7fELF"},
	{squashFS, "hsqs"},
	{cpioArchive, "070701"},
	{cpioArchive, "070702"},
	{gzipped, "\x1f\x8b"},
	{xzipped, "\xfd7zXZ\x00"},
	{zstandard, "\x28\xb5\x2f\xfd"},
}

func kindOf(head []byte) kind {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.bytes)) {
			return m.kind
		}
	}

	return other
}

// Worth tells whether a file that begins with head may have programs in it: at
// most HeadSize bytes are looked at.
func Worth(head []byte) bool { return kindOf(head) != other }

// Find gives the Go programs in a file of the image: itself, or what is packed
// in it. name is its path, which begins the location of each. temp is a
// directory for what has to be unpacked. What an error says could not be read;
// what was found all the same is returned beside it.
func Find(name string, file io.ReaderAt, size int64, temp string) ([]sbom.Program, error) {
	s := &search{temp: temp}
	err := s.file([]string{name}, file, size)

	return s.found, err
}

// search collects programs.
type search struct {
	temp  string
	found []sbom.Program
}

// where is a file's place: its path in the image, and in the archives there.
func failed(where []string, err error) error {
	return fmt.Errorf("look for programs in %s: %w", strings.Join(where, ":"), err)
}

// file looks at one file.
func (s *search) file(where []string, file io.ReaderAt, size int64) error {
	head := make([]byte, HeadSize)

	n, err := file.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return failed(where, err)
	}

	switch kindOf(head[:n]) {
	case other:
		return nil
	case elfFile:
		// An error means that it isn't a Go program, or a damaged one.
		if info, err := buildinfo.Read(file); err == nil {
			s.found = append(s.found, program(where, info))
		}

		return nil
	}

	if len(where) > maxDepth {
		return failed(where, errors.New("too many archives inside of one another"))
	}

	if kindOf(head[:n]) == squashFS {
		return s.squashfs(where, file, size)
	}

	return s.stream(where, io.NewSectionReader(file, 0, size))
}

// spool looks at a file that comes as a stream. It is put down only if it may
// be worth it.
func (s *search) spool(where []string, r io.Reader) error {
	head := make([]byte, HeadSize)

	n, err := io.ReadFull(r, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || !Worth(head[:n]) {
		return nil
	}

	if err != nil {
		return failed(where, err)
	}

	f, err := os.CreateTemp(s.temp, ".akmon-program-*")
	if err != nil {
		return failed(where, err)
	}

	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()

	size, err := io.Copy(f, io.MultiReader(bytes.NewReader(head), r))
	if err != nil {
		return failed(where, err)
	}

	return s.file(where, f, size)
}

// program is what a build's information says, in the words of a bill of
// materials.
func program(where []string, info *debug.BuildInfo) sbom.Program {
	p := sbom.Program{
		Name:     info.Path,
		Module:   info.Main.Path,
		Version:  info.Main.Version,
		Location: strings.Join(where, ":"),
		Modules:  []sbom.Module{{Path: "stdlib", Version: goVersion(info.GoVersion)}},
	}

	if p.Name == "" {
		p.Name = where[len(where)-1]
	}

	if unreleased(p.Version) {
		p.Version = ""
	}

	for _, m := range info.Deps {
		// What go.mod puts in a module's place is what was linked. A directory
		// has no name, though, that anyone else knows.
		if m.Replace != nil && !unreleased(m.Replace.Version) {
			m = m.Replace
		}

		version := m.Version
		if unreleased(version) {
			version = ""
		}

		p.Modules = append(p.Modules, sbom.Module{Path: m.Path, Version: version, Sum: m.Sum})
	}

	slices.SortFunc(p.Modules, func(a, b sbom.Module) int { return strings.Compare(a.Path, b.Path) })

	return p
}

// unreleased tells whether a module was a directory rather than a version.
func unreleased(version string) bool { return version == "" || version == "(devel)" }

// goVersion is the version in `go1.26.8 X:experiments`.
func goVersion(text string) string {
	first, _, _ := strings.Cut(text, " ")

	return strings.TrimPrefix(first, "go")
}
