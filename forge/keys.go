package forge

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/cosign"
)

// GenerateKey writes a new key pair to name.key (mode 0600, encrypted with the
// password that [cosign.NewPassword] finds) and name.pub. Existing files are
// not replaced.
func GenerateKey(name string) error {
	password, err := cosign.NewPassword()
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}

	private, public, err := cosign.GenerateKeyPair(password)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}

	for _, path := range []string{name + ".key", name + ".pub"} {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("generate key: %s exists; choose another name or remove it", path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("generate key: %w", err)
		}
	}

	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("generate key: %w", err)
	}

	if err := writeFile(name+".key", private, 0o600); err != nil {
		return fmt.Errorf("generate key: %w", err)
	}

	if err := writeFile(name+".pub", public, 0o644); err != nil {
		return errors.Join(fmt.Errorf("generate key: %w", err), os.Remove(name+".key"))
	}

	return nil
}

// Push copies the image of a layout, with what is attached to it, to a
// registry, and returns the pushed reference by digest.
func Push(ctx context.Context, layout, ref string, opts publish.Options) (string, error) {
	target, err := publish.Open(ctx, layout, opts)
	if err != nil {
		return "", err
	}

	pushed, err := publish.Push(ctx, target, ref, opts)
	if err != nil {
		return "", err
	}

	return pushed.String(), nil
}

// readKey reads a private key before anything is built, so that a wrong
// password costs no build.
func readKey(file string) (crypto.Signer, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}

	key, err := cosign.ParsePrivateKey(data, cosign.Password)
	if err != nil {
		return nil, fmt.Errorf("read signing key %s: %w", file, err)
	}

	return key, nil
}

// writeFile writes a new file under a temporary name and renames it.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".akmon-*")
	if err != nil {
		return err
	}

	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}

	return nil
}
