package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/format"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

func newFmt() *cobra.Command {
	var (
		dir   string
		check bool
	)

	cmd := &cobra.Command{
		Use:   "fmt [FILE...]",
		Short: "Give the documents of the tree one form",
		Long: `Format the named documents; without a name, every pkg.yaml, vars.yaml and Pkgfile
of the tree. Indentation and spaces change, nothing else: comments, templates,
scripts and the order of keys stay. The names of changed files are printed.`,
		Example: `  akmon fmt
  akmon fmt --check kernel/pkg.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				var err error
				if args, err = documents(dir); err != nil {
					return err
				}
			}

			changed := 0

			for _, path := range args {
				differs, err := formatFile(path, check)
				if err != nil {
					return err
				}

				if differs {
					changed++

					fmt.Fprintln(cmd.OutOrStdout(), path)
				}
			}

			if check && changed > 0 {
				return fmt.Errorf("%d of %d documents are not formatted; run akmon fmt", changed, len(args))
			}

			return nil
		},
	}
	cmd.Flags().StringVarP(&dir, "directory", "C", ".", "the tree's root directory")
	cmd.Flags().BoolVar(&check, "check", false, "change nothing; fail when a document is not formatted")
	_ = cmd.MarkFlagDirname("directory")

	return cmd
}

// documents finds the documents of a tree, whether it can be loaded or not.
func documents(dir string) ([]string, error) {
	var paths []string

	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()

		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata"):
			return filepath.SkipDir
		case entry.Type().IsRegular() && (name == pkgtree.RootFile || name == pkgtree.PackageFile || name == pkgtree.VarsFile):
			paths = append(paths, path)
		}

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for documents: %w", err)
	}

	if len(paths) == 0 {
		return nil, errors.New("there are no documents in " + dir)
	}

	return paths, nil
}

// formatFile formats a document, or only tells whether that would change it.
func formatFile(path string, check bool) (differs bool, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("read document: %w", err)
	}

	formatted := format.Format(text)
	if differs = !bytes.Equal(text, formatted); !differs || check {
		return differs, nil
	}

	info, err := os.Stat(path)
	if err != nil {
		return false, fmt.Errorf("read document: %w", err)
	}

	temp, err := os.CreateTemp(filepath.Dir(path), ".akmon-fmt-*")
	if err != nil {
		return false, fmt.Errorf("write document: %w", err)
	}

	defer os.Remove(temp.Name()) //nolint:errcheck // gone when all went well

	_, err = temp.Write(formatted)
	if err := errors.Join(err, temp.Chmod(info.Mode().Perm()), temp.Close()); err != nil {
		return false, fmt.Errorf("write document: %w", err)
	}

	if err := os.Rename(temp.Name(), path); err != nil {
		return false, fmt.Errorf("write document: %w", err)
	}

	return true, nil
}
