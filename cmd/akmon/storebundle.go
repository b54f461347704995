package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/engine/staging"
	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/forge/source/bundle"
)

func newStoreExport(dir *string) *cobra.Command {
	var flags treeFlags

	cmd := &cobra.Command{
		Use:   "export FILE [TARGET...]",
		Short: "Write the store, or what targets need of it, to one tar",
		Long: `Write all of the store to FILE, or to standard output if that is "-". With
targets, or with -C for all of a tree, only what they and all below them need.
The same contents always give the same bytes. Every file is hashed on its way.

A FAT file system holds files of up to 4 GiB: use another, or split(1).`,
		Example: `  akmon store export /media/usb/sources.tar
  akmon store export sources.tar installer --platform linux/amd64,linux/arm64
  akmon store export - | ssh builder akmon store import -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("FILE is missing; see %s --help", cmd.CommandPath())}
			}

			store, err := openStore(cmd, *dir)
			if err != nil {
				return err
			}

			var sums []string

			if len(args) > 1 || cmd.Flags().Changed("directory") {
				flags.store = *dir
				if sums, err = neededSums(cmd, &flags, args[1:], store); err != nil {
					return err
				}
			}

			var index *bundle.Index

			err = writeFile(args[0], filepath.Join(store.Root(), "exports"), cmd.OutOrStdout(), func(w io.Writer) (err error) {
				index, err = bundle.Export(cmd.Context(), store, w, sums)

				return err
			})
			if err != nil {
				return err
			}

			var size int64
			for _, f := range index.Files {
				size += f.Size
			}

			fmt.Fprintf(cmd.ErrOrStderr(), "%d files, %d MiB\n", len(index.Files), size>>20)

			return nil
		},
	}
	flags.add(cmd)

	return cmd
}

// neededSums are what targets need; that some of it is missing is an error.
func neededSums(cmd *cobra.Command, flags *treeFlags, targets []string, store *source.Store) ([]string, error) {
	o, err := flags.options(cmd, targets)
	if err != nil {
		return nil, err
	}

	needs := &forge.Needs{}
	if err := o.Needs(cmd.Context(), store, needs); err != nil {
		return nil, err
	}

	if len(needs.Missing) > 0 {
		return nil, &forge.MissingError{
			Command: o.FetchCommand(),
			Err:     errors.New("the store lacks\n  " + strings.Join(needs.Missing, "\n  ")),
		}
	}

	// An empty list would mean everything.
	return append([]string{}, needs.Sums()...), nil
}

// writeFile has a file written, whole or not at all; "-" is standard output.
// Temporary names are noted in the directory journal, so that the next call
// removes what a killed process left.
func writeFile(path, journal string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(stdout)
	}

	if _, err := staging.Sweep(journal); err != nil {
		return err
	}

	stage, err := staging.New(journal, path)
	if err != nil {
		return err
	}

	defer func() { err = errors.Join(err, stage.Discard()) }()

	file, err := os.OpenFile(stage.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}

	if err := errors.Join(write(file), file.Close()); err != nil {
		return err
	}

	return stage.Replace()
}

func newStoreImport(dir *string) *cobra.Command {
	var format string

	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take what another machine exported into the store",
		Long: `Take the files of a tar that akmon store export made into the store; FILE may be
"-" for standard input. Every file is hashed, every Go module's sum computed. If
anything is wrong or the import is interrupted, the store stays as it was.`,
		Example: "  akmon store import /media/usb/sources.tar",
		Args:    exactArgs("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			store, err := openStore(cmd, *dir)
			if err != nil {
				return err
			}

			in := cmd.InOrStdin()

			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("import a bundle: %w", err)
				}
				defer file.Close()

				in = file
			}

			result, err := importInto(cmd.Context(), store, in)
			if err != nil {
				return err
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), result)
			}

			fmt.Fprintf(cmd.OutOrStdout(), "%d files, %d MiB, %d of them new\n", result.Files, result.Bytes>>20, result.Added)

			return nil
		},
	}
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

// importInto keeps the store from being collected meanwhile.
func importInto(ctx context.Context, store *source.Store, in io.Reader) (*bundle.Result, error) {
	done, err := store.Use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()

	return bundle.Import(ctx, store, in)
}
