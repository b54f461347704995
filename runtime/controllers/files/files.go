// Package files puts single files under /etc, which is otherwise read-only.
package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/resources/files"
)

// EtcFileController writes each EtcFileSpec to a directory in memory and has it
// mounted over the file of the same name under /etc. A file is replaced in
// place: a bind mount shows the inode, so renaming over it would show nothing.
type EtcFileController struct {
	// Shadow is the directory that the files are kept in (/system/etc).
	Shadow string
	// Mount makes the file appear under /etc; it is called once for each file.
	Mount func(source, name string) error

	mounted map[string]bool
}

// Name implements controller.Controller.
func (*EtcFileController) Name() string { return "files.EtcFileController" }

// Inputs implements controller.Controller.
func (*EtcFileController) Inputs() []controller.Input {
	return []controller.Input{base.Weak(files.Namespace, files.EtcFileSpecType)}
}

// Outputs implements controller.Controller.
func (*EtcFileController) Outputs() []controller.Output {
	return base.Exclusive(files.EtcFileStatusType)
}

// Run implements controller.Controller.
func (c *EtcFileController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	if c.mounted == nil {
		c.mounted = map[string]bool{}
	}

	return base.Each(ctx, r, func() error {
		specs, err := safe.ReaderListAll[*files.EtcFileSpec](ctx, r)
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}

		var errs []error

		for spec := range specs.All() {
			if err := c.put(spec); err != nil {
				errs = append(errs, err)

				continue
			}

			errs = append(errs, safe.WriterModify(ctx, r, files.NewEtcFileStatus(spec.Metadata().ID()), func(out *files.EtcFileStatus) error {
				out.TypedSpec().SpecVersion = spec.Metadata().Version().String()

				return nil
			}))
		}

		return errors.Join(errs...)
	}, base.Kind(files.Namespace, files.EtcFileStatusType))
}

func (c *EtcFileController) put(spec *files.EtcFileSpec) error {
	name := spec.Metadata().ID()
	if name == "" || strings.Contains(name, "..") || filepath.IsAbs(name) {
		return fmt.Errorf("write /etc/%s: not a name under /etc", name)
	}

	path := filepath.Join(c.Shadow, name)

	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write /etc/%s: %w", name, err)
	}

	old, err := os.ReadFile(path)
	if err != nil || string(old) != string(spec.TypedSpec().Contents) {
		if err := os.WriteFile(path, spec.TypedSpec().Contents, spec.TypedSpec().Mode.Perm()); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
	}

	if err := os.Chmod(path, spec.TypedSpec().Mode.Perm()); err != nil {
		return fmt.Errorf("write /etc/%s: %w", name, err)
	}

	if c.mounted[name] {
		return nil
	}

	if err := c.Mount(path, name); err != nil {
		return err
	}

	c.mounted[name] = true

	return nil
}
