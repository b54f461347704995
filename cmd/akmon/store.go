package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge"
	"github.com/akmon-os/akmon/forge/source"
)

func newStore() *cobra.Command {
	var dir string

	cmd := &cobra.Command{
		Use:   "store",
		Short: "Look after the source store",
		Long: `The store holds everything from outside that builds are made of, by its content:
sources, Go modules, bootstrap packages, base images. akmon fetch fills it.`,
		Example: `  akmon fetch installer
  akmon store export /media/usb/sources.tar installer
  akmon store import /media/usb/sources.tar     # on a machine without a network
  akmon build installer --offline`,
	}
	cmd.PersistentFlags().StringVar(&dir, "store", "", "directory of the source store (default $XDG_CACHE_HOME/akmon/store)")
	_ = cmd.MarkPersistentFlagDirname("store")

	cmd.AddCommand(newStoreLs(&dir), newStoreVerify(&dir), newStoreGC(&dir), newStoreExport(&dir), newStoreImport(&dir))

	return cmd
}

// openStore opens a store to look at: nothing is fetched.
func openStore(cmd *cobra.Command, dir string) (*source.Store, error) {
	return forge.Options{Store: dir, Offline: true, Log: cmd.ErrOrStderr()}.OpenStore()
}

// printJSON writes a result for machines.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")

	return encoder.Encode(value)
}

// textOrJSON checks the -o flag of commands with these two forms.
func textOrJSON(format string) error {
	if format != "text" && format != "json" {
		return usageError{fmt.Errorf("--output %q is not text or json", format)}
	}

	return nil
}

// storeFile is a file of the store, for machines.
type storeFile struct {
	SHA256  string `json:"sha256"`
	SHA512  string `json:"sha512"`
	Size    int64  `json:"size"`
	Package string `json:"package,omitempty"`
	URL     string `json:"url,omitempty"`
}

func newStoreLs(dir *string) *cobra.Command {
	var format string

	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List what the store holds",
		Example: `  akmon store ls
  akmon store ls -o json | jq -r '.[] | select(.size > 1e8) | .url'`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			store, err := openStore(cmd, *dir)
			if err != nil {
				return err
			}

			metas, err := store.List(cmd.Context())
			if err != nil {
				return err
			}

			files := []storeFile{}
			for _, m := range metas {
				files = append(files, storeFile{m.SHA256, m.SHA512, m.Size, m.Package, m.URL})
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), files)
			}

			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "SHA256\tBYTES\tFOR\tURL") //nolint:errcheck // Flush reports it

			for _, f := range files {
				fmt.Fprintf(out, "%.16s\t%d\t%s\t%s\n", f.SHA256, f.Size, orDash(f.Package), orDash(f.URL)) //nolint:errcheck // as above
			}

			return out.Flush()
		},
	}
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

func newStoreVerify(dir *string) *cobra.Command {
	var (
		format             string
		remove, quarantine bool
	)

	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Hash every file and name what is wrong",
		Long: `Hash every file of the store and compare it with its name and what is recorded.
What is wrong is listed, and the exit code is 1 as long as any of it is left.
What was removed or put aside is fetched again when a build needs it.`,
		Example: `  akmon store verify
  akmon store verify --quarantine   # into the store's folder quarantine
  akmon store verify --remove -o json`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			dispose := source.Leave

			switch {
			case remove && quarantine:
				return usageError{fmt.Errorf("--remove and --quarantine exclude each other")}
			case remove:
				dispose = source.Remove
			case quarantine:
				dispose = source.Quarantine
			}

			store, err := openStore(cmd, *dir)
			if err != nil {
				return err
			}

			found, err := store.Verify(cmd.Context(), dispose)
			if err != nil {
				return err
			}

			if err := printVerified(cmd, found, format); err != nil {
				return err
			}

			if n := len(found.Problems); n > 0 && dispose == source.Leave {
				return fmt.Errorf("%d of the store's files are wrong; see akmon store verify --help", n)
			}

			return nil
		},
	}
	outputFormat(cmd, &format, "text", "json")
	cmd.Flags().BoolVar(&remove, "remove", false, "delete what is wrong")
	cmd.Flags().BoolVar(&quarantine, "quarantine", false, "move what is wrong out of the way")

	return cmd
}

func printVerified(cmd *cobra.Command, found *source.Verified, format string) error {
	if format == "json" {
		return printJSON(cmd.OutOrStdout(), found)
	}

	for _, p := range found.Problems {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s", p.Name, p.What)

		if p.URL != "" {
			fmt.Fprintf(cmd.OutOrStdout(), " (%s)", p.URL)
		}

		if p.Done != source.Leave {
			fmt.Fprintf(cmd.OutOrStdout(), ": %sd", p.Done)
		}

		fmt.Fprintln(cmd.OutOrStdout())
	}

	fmt.Fprintf(cmd.ErrOrStderr(), "%d files, %d MiB, %d problems\n", found.Files, found.Bytes>>20, len(found.Problems))

	return nil
}
