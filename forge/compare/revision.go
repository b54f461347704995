package compare

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
)

// Checkout puts the tree in dir, as a revision of its Git repository has it,
// below the empty directory into. It runs git.
func Checkout(ctx context.Context, dir, revision, into string) error {
	// A revision that looks like an option would be one.
	if strings.HasPrefix(revision, "-") || revision == "" {
		return fmt.Errorf("%q is not a revision", revision)
	}

	cmd := exec.CommandContext(ctx, "git", "-C", dir, "archive", "--format=tar", revision, "--", ".")

	var stdout, stderr bytes.Buffer

	cmd.Stdout, cmd.Stderr = &stdout, &stderr

	if err := cmd.Run(); err != nil {
		reason := strings.TrimSpace(stderr.String())
		if reason == "" {
			reason = err.Error()
		}

		return fmt.Errorf("get revision %s: %s", revision, reason)
	}

	root, err := os.OpenRoot(into)
	if err != nil {
		return fmt.Errorf("get revision %s: %w", revision, err)
	}

	defer root.Close() //nolint:errcheck // only a directory

	for reader := tar.NewReader(&stdout); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err == nil {
			err = unpack(root, header, reader)
		}

		if err != nil {
			return fmt.Errorf("get revision %s: %w", revision, err)
		}
	}
}

func unpack(root *os.Root, header *tar.Header, content io.Reader) error {
	name := path.Clean(header.Name)

	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		// Git keeps one bit of the mode; the rest is what a checkout has.
		mode := os.FileMode(0o644)
		if header.Mode&0o100 != 0 {
			mode = 0o755
		}

		file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}

		_, err = io.Copy(file, content)

		return errors.Join(err, file.Chmod(mode), file.Close())
	default:
		return nil // the comment that names the commit
	}
}
