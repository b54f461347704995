package step

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/gomod"
	"github.com/akmon-os/akmon/forge/source/mirror"
)

// The commands, each with one argument: bootstrap ARCHITECTURE (Debian's name
// of it), modules GOPROXY (empty for Go's own).
const (
	BootstrapCommand = "bootstrap"
	ModulesCommand   = "modules"
)

// Where a step finds its input and leaves its result.
const (
	// Output is an empty directory for the result.
	Output = "/out"
	// Scratch is an empty directory for temporary files.
	Scratch = "/tmp"
	// Lock is the lock file of a bootstrap.
	Lock = "/in/lock.yaml"
	// GoSum is the go.sum whose modules are wanted.
	GoSum = "/in/go.sum"
	// Cache survives from build to build.
	Cache = "/cache"
	// CA holds more certificate authorities; it may be missing.
	CA = "/in/ca.pem"
	// PackageFile is the name of a package in its directory.
	PackageFile = "package.deb"
)

// PackageDir is where a package with this SHA-256 is.
func PackageDir(sum string) string { return path.Join("/in/packages", sum) }

// Run runs a command below root, which is / in a container. Unknown commands
// are an error.
func Run(ctx context.Context, root string, args []string, log io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("%d arguments, want a command and its argument", len(args))
	}

	switch args[0] {
	case BootstrapCommand:
		return unpack(ctx, root, args[1], log)
	case ModulesCommand:
		return modules(ctx, root, args[1], log)
	default:
		return fmt.Errorf("unknown command %q, want %s or %s", args[0], BootstrapCommand, ModulesCommand)
	}
}

// unpack makes the root file system of a lock.
func unpack(ctx context.Context, root, arch string, log io.Writer) error {
	lock, err := bootstrap.LoadLock(filepath.Join(root, Lock))
	if err != nil {
		return err
	}

	sources, err := lock.Sources(arch)
	if err != nil {
		return err
	}

	paths := make([]string, len(sources))

	for i, s := range sources {
		paths[i] = filepath.Join(root, PackageDir(s.SHA256), PackageFile)

		// BuildKit has checked the SHA-256.
		if err := checkSHA512(paths[i], s.SHA512); err != nil {
			return fmt.Errorf("%s: %w", s.URL, err)
		}
	}

	fmt.Fprintf(log, "unpacking %d packages for %s\n", len(paths), arch)

	return lock.Unpack(ctx, arch, paths, filepath.Join(root, Output), filepath.Join(root, Scratch))
}

func checkSHA512(name, want string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}

	defer file.Close() //nolint:errcheck // only read

	sum := sha512.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}

	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return fmt.Errorf("wrong SHA-512\n  wanted %s\n  got    %s", want, got)
	}

	return nil
}

// modules lays out a GOPROXY file tree.
func modules(ctx context.Context, root, proxy string, log io.Writer) error {
	if proxy == "" {
		proxy = "https://proxy.golang.org"
	}

	proxies, err := mirror.ParseGoProxy(proxy)
	if err != nil {
		return err
	}

	if ca := filepath.Join(root, CA); exists(ca) {
		// Go reads it when the first connection is made.
		if err := os.Setenv("SSL_CERT_FILE", ca); err != nil {
			return err
		}
	}

	name := filepath.Join(root, GoSum)

	goSum, err := os.ReadFile(name)
	if err != nil {
		return err
	}

	store, err := source.Open(filepath.Join(root, Cache), source.Options{Progress: func(e source.Event) {
		if e.State != source.Cached && e.State != source.Downloading {
			fmt.Fprintln(log, e)
		}
	}})
	if err != nil {
		return err
	}

	dir, _, err := gomod.ProxyDir(ctx, store, mirror.GoEnv{Proxy: proxies}, "go.sum", goSum)
	if err != nil {
		return err
	}

	return copyTree(dir, filepath.Join(root, Output))
}

func exists(name string) bool {
	info, err := os.Stat(name)

	return err == nil && info.Mode().IsRegular()
}

// copyTree copies a tree of plain files. All times are the Unix epoch, so that
// the result depends on the files alone.
func copyTree(from, to string) error {
	epoch := time.Unix(0, 0)

	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}

		target := filepath.Join(to, below)

		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}

		if err := copyFile(name, target); err != nil {
			return err
		}

		return os.Chtimes(target, epoch, epoch)
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}

	defer in.Close() //nolint:errcheck // only read

	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}

	if _, err := io.Copy(out, in); err != nil {
		out.Close() //nolint:errcheck // failed already

		return err
	}

	return out.Close()
}
