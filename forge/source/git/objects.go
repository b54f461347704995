package git

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // what Git names objects by; recipes have better sums
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os/exec"
	"strconv"
	"strings"
)

// repository is a bare repository with one commit that is wanted.
type repository struct {
	dir, place, commit string

	batch    *exec.Cmd // git cat-file --batch
	requests io.WriteCloser
	answers  *bufio.Reader
}

// open starts the program that hands the objects over.
func (r *repository) open(ctx context.Context) error {
	cmd, err := command(ctx, r.dir, r.place, "cat-file", "--batch")
	if err != nil {
		return err
	}

	if r.requests, err = cmd.StdinPipe(); err != nil {
		return fmt.Errorf("start git cat-file: %w", err)
	}

	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start git cat-file: %w", err)
	}

	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start git cat-file: %w", err)
	}

	r.batch, r.answers = cmd, bufio.NewReaderSize(out, 64<<10)

	return nil
}

func (r *repository) close() {
	if r.batch == nil {
		return
	}

	r.requests.Close() //nolint:errcheck // ends the program

	// Nothing more is read: it must not wait for that.
	r.batch.Process.Kill() //nolint:errcheck // it may have ended
	r.batch.Wait()         //nolint:errcheck // what it gave was checked
}

// Limits of what is read into memory, in bytes.
const (
	maxTree   = 64 << 20
	maxConfig = 1 << 20
)

// object hands the content of an object to use, which must read all of it, and
// checks that it has the name it was asked for by.
func (r *repository) object(name, kind string, use func(size int64, content io.Reader) error) error {
	if _, err := io.WriteString(r.requests, name+"\n"); err != nil {
		return r.errorf("read %s %s: %v", kind, name, err)
	}

	header, err := r.answers.ReadString('\n')
	if err != nil {
		return r.errorf("read %s %s: %v", kind, name, err)
	}

	// <name> <type> <size>, or <name> missing
	fields := strings.Fields(header)

	switch {
	case len(fields) == 2 && fields[1] == "missing":
		return r.errorf("%s %s is missing", kind, name)
	case len(fields) != 3:
		return r.errorf("git cat-file said %q", strings.TrimSpace(header))
	case fields[1] != kind:
		return r.errorf("%s is a %s, not a %s", name, fields[1], kind)
	}

	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size < 0 {
		return r.errorf("the size of %s is %q", name, fields[2])
	}

	sum := newHash(name)
	fmt.Fprintf(sum, "%s %d\x00", kind, size)

	content := &io.LimitedReader{R: io.TeeReader(r.answers, sum), N: size}
	if err := use(size, content); err != nil {
		return err
	}

	if got := hex.EncodeToString(sum.Sum(nil)); got != name {
		return r.errorf("%s %s is damaged: its content has the name %s", kind, name, got)
	}

	if end, err := r.answers.ReadByte(); err != nil || end != '\n' {
		return r.errorf("%s %s is cut short", kind, name)
	}

	return nil
}

// read is object for what is small enough.
func (r *repository) read(name, kind string, limit int64) ([]byte, error) {
	var data bytes.Buffer

	err := r.object(name, kind, func(size int64, content io.Reader) error {
		if size > limit {
			return r.errorf("%s %s is larger than %d MiB", kind, name, limit>>20)
		}

		_, err := io.Copy(&data, content)

		return err
	})

	return data.Bytes(), err
}

func newHash(name string) hash.Hash {
	if len(name) == 64 {
		return sha256.New()
	}

	return sha1.New() //nolint:gosec // see the import
}

// root is the name of the commit's tree.
func (r *repository) root() (string, error) {
	commit, err := r.read(r.commit, "commit", maxConfig)
	if err != nil {
		return "", err
	}

	first, _, _ := strings.Cut(string(commit), "\n")

	tree, ok := strings.CutPrefix(first, "tree ")
	if !ok || len(tree) != len(r.commit) {
		return "", r.errorf("commit %s names no tree", r.commit)
	}

	return tree, nil
}

// entry is one of a tree.
type entry struct {
	mode, name, object string
}

// Modes of entries.
const (
	modeDir       = "40000"
	modeExec      = "100755"
	modeLink      = "120000"
	modeSubmodule = "160000"
)

// entries reads a tree: <mode> SP <name> NUL <object in binary>, again and
// again (Git's documentation, gitformat-pack and "Git Internals").
func (r *repository) entries(tree string) ([]entry, error) {
	data, err := r.read(tree, "tree", maxTree)
	if err != nil {
		return nil, err
	}

	var entries []entry

	for length := len(tree) / 2; len(data) > 0; {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, blank := strings.Cut(string(head), " ")

		switch {
		case !ok || !blank || len(rest) < length:
			return nil, r.errorf("tree %s is damaged", tree)
		case name == "" || name == "." || name == ".." || strings.EqualFold(name, ".git") || strings.Contains(name, "/"):
			return nil, r.errorf("tree %s has an entry named %q", tree, name)
		}

		entries = append(entries, entry{mode, name, hex.EncodeToString(rest[:length])})
		data = rest[length:]
	}

	return entries, nil
}
