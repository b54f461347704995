package update

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// overlay is a file system with other contents in some of its files.
type overlay struct {
	fs.FS

	changed map[string][]byte
}

// Open implements fs.FS.
func (o overlay) Open(name string) (fs.File, error) {
	if text, ok := o.changed[name]; ok {
		return &memory{Reader: bytes.NewReader(text), name: path.Base(name), size: int64(len(text))}, nil
	}

	return o.FS.Open(name)
}

// memory is a file that is not on disk.
type memory struct {
	*bytes.Reader

	name string
	size int64
}

func (m *memory) Stat() (fs.FileInfo, error) { return m, nil }
func (m *memory) Close() error               { return nil }
func (m *memory) Name() string               { return m.name }
func (m *memory) Size() int64                { return m.size }
func (m *memory) Mode() fs.FileMode          { return 0o644 }
func (m *memory) ModTime() time.Time         { return time.Time{} }
func (m *memory) IsDir() bool                { return false }
func (m *memory) Sys() any                   { return nil }
