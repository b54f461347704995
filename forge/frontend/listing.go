package frontend

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	fstypes "github.com/tonistiigi/fsutil/types"
)

// files is a directory of the builder as an fs.FS: what is in it was asked for
// beforehand, what a file holds is read when it is opened. Symbolic links are
// followed within the directory and nowhere else.
type files struct {
	entries  map[string]*fstypes.Stat // by clean path, "." for the root
	children map[string][]string      // names, sorted
	content  func(name string) ([]byte, error)
}

var (
	_ fs.ReadDirFS = (*files)(nil)
	_ fs.StatFS    = (*files)(nil)
)

// newFiles makes the file system of what a listing has. Paths are relative to
// the directory, with slashes.
func newFiles(listing []*fstypes.Stat, content func(string) ([]byte, error)) *files {
	f := &files{entries: map[string]*fstypes.Stat{}, children: map[string][]string{}, content: content}
	f.entries["."] = &fstypes.Stat{Mode: uint32(fs.ModeDir | 0o755)}

	for _, stat := range listing {
		name := path.Clean(strings.TrimLeft(stat.Path, "/"))
		if !fs.ValidPath(name) || f.entries[name] != nil {
			continue
		}

		f.entries[name] = stat
		f.children[path.Dir(name)] = append(f.children[path.Dir(name)], path.Base(name))
	}

	for _, names := range f.children {
		slices.Sort(names)
	}

	return f
}

// maxLinks is how many symbolic links are followed for one path, as in Linux
// (path_resolution(7)).
const maxLinks = 40

var (
	errOutside = errors.New("the path leads out of the tree")
	errLinks   = errors.New("too many levels of symbolic links")
)

// resolve follows the symbolic links of a path.
func (f *files) resolve(name string) (string, *fstypes.Stat, error) {
	done, todo := ".", strings.Split(name, "/")

	for links := 0; len(todo) > 0; {
		element := todo[0]
		todo = todo[1:]

		switch element {
		case "", ".":
			continue
		case "..":
			if done == "." {
				return "", nil, errOutside
			}

			done = path.Dir(done)

			continue
		}

		next := path.Join(done, element)

		stat := f.entries[next]
		if stat == nil {
			return "", nil, fs.ErrNotExist
		}

		if fs.FileMode(stat.Mode)&fs.ModeSymlink == 0 {
			done = next

			continue
		}

		if links++; links > maxLinks {
			return "", nil, errLinks
		}

		if path.IsAbs(stat.Linkname) {
			return "", nil, errOutside
		}

		todo = append(strings.Split(stat.Linkname, "/"), todo...)
	}

	return done, f.entries[done], nil
}

func (f *files) find(op, name string) (string, *fstypes.Stat, error) {
	if !fs.ValidPath(name) {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}

	found, stat, err := f.resolve(name)
	if err != nil {
		return "", nil, &fs.PathError{Op: op, Path: name, Err: err}
	}

	return found, stat, nil
}

// Stat implements fs.StatFS.
func (f *files) Stat(name string) (fs.FileInfo, error) {
	_, stat, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}

	return info{path.Base(name), stat}, nil
}

// ReadDir implements fs.ReadDirFS.
func (f *files) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, stat, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}

	if !fs.FileMode(stat.Mode).IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is not a directory")}
	}

	entries := make([]fs.DirEntry, 0, len(f.children[dir]))
	for _, child := range f.children[dir] {
		entries = append(entries, fs.FileInfoToDirEntry(info{child, f.entries[path.Join(dir, child)]}))
	}

	return entries, nil
}

// Open implements fs.FS. A directory can't be read through what it gives; use
// ReadDir.
func (f *files) Open(name string) (fs.File, error) {
	found, stat, err := f.find("open", name)
	if err != nil {
		return nil, err
	}

	open := &openFile{info: info{path.Base(name), stat}}

	switch mode := fs.FileMode(stat.Mode); {
	case mode.IsDir():
		open.Reader = bytes.NewReader(nil)
	case !mode.IsRegular():
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("it is not a regular file")}
	default:
		data, err := f.content(found)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}

		open.Reader = bytes.NewReader(data)
	}

	return open, nil
}

type openFile struct {
	*bytes.Reader

	info info
}

func (o *openFile) Stat() (fs.FileInfo, error) { return o.info, nil }
func (o *openFile) Close() error               { return nil }

// info is an entry as fs.FileInfo.
type info struct {
	name string
	stat *fstypes.Stat
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.stat.Size }
func (i info) Mode() fs.FileMode  { return fs.FileMode(i.stat.Mode) }
func (i info) ModTime() time.Time { return time.Unix(0, i.stat.ModTime) }
func (i info) IsDir() bool        { return i.Mode().IsDir() }
func (i info) Sys() any           { return i.stat }

// metadataFile is where a transfer of metadata alone leaves what it was told
// (github.com/tonistiigi/fsutil, receive.go): for each file four bytes, the
// length in little endian, and a Stat message of that length.
const metadataFile = ".fsutil-metadata"

// parseMetadata reads the content of metadataFile.
func parseMetadata(data []byte) ([]*fstypes.Stat, error) {
	var listing []*fstypes.Stat

	for len(data) > 0 {
		if len(data) < 4 {
			return nil, fmt.Errorf("read the list of files: %w", io.ErrUnexpectedEOF)
		}

		n := binary.LittleEndian.Uint32(data)
		data = data[4:]

		if uint64(n) > uint64(len(data)) {
			return nil, fmt.Errorf("read the list of files: %w", io.ErrUnexpectedEOF)
		}

		stat := &fstypes.Stat{}
		if err := stat.UnmarshalVT(data[:n]); err != nil {
			return nil, fmt.Errorf("read the list of files: %w", err)
		}

		listing = append(listing, stat)
		data = data[n:]
	}

	return listing, nil
}
