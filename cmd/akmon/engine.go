package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/akmon-os/akmon/forge/engine"
)

func newEngine() *cobra.Command {
	var options engine.Options

	cmd := &cobra.Command{
		Use:   "engine",
		Short: "Look after the embedded BuildKit's cache",
		Long: `The embedded engine keeps the results of steps in its state directory, which one
process uses at a time. What an interrupted build left there (containers, mounts,
cgroups, temporary files) is removed whenever the engine starts, by these
commands too. After each build that added something, old results are deleted as
far as the disk demands, or as akmon build --engine-keep-mb says.`,
		Example: `  akmon engine status
  akmon engine gc --keep-mb 10000
  akmon engine reset`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			options.Log = func(message string) { fmt.Fprintln(cmd.ErrOrStderr(), message) }

			// Help is for everybody.
			if !cmd.HasParent() || !cmd.Parent().HasParent() {
				return nil
			}

			return engine.EnterNamespace(options)
		},
	}
	cmd.PersistentFlags().StringVar(&options.StateDir, "engine-dir", "", "state directory (default $XDG_CACHE_HOME/akmon/engine)")
	_ = cmd.MarkPersistentFlagDirname("engine-dir")

	cmd.AddCommand(newEngineStatus(&options), newEngineGC(&options), newEngineReset(&options))

	return cmd
}

// rather gives the reason why an ordinary user could not become root of a
// namespace, if that is why the engine could not be started.
func rather(entered, err error) error {
	var host *engine.HostError
	if entered != nil && errors.As(err, &host) {
		return entered
	}

	return err
}

// engineStatus is the state of the engine for machines; sizes are in bytes.
type engineStatus struct {
	StateDir string `json:"stateDir"`
	// InUseBy is the process that uses the engine now; the cache can't be
	// looked into then, and the fields after Free are missing.
	InUseBy     int            `json:"inUseBy,omitempty"`
	Free        int64          `json:"free"`
	Bytes       *int64         `json:"bytes,omitempty"`
	Reclaimable *int64         `json:"reclaimable,omitempty"`
	Records     []engineRecord `json:"records,omitempty"`
}

type engineRecord struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind"`
	Description string     `json:"description"`
	Bytes       int64      `json:"bytes"`
	InUse       bool       `json:"inUse"`
	Created     time.Time  `json:"created"`
	LastUsed    *time.Time `json:"lastUsed,omitempty"`
}

func newEngineStatus(options *engine.Options) *cobra.Command {
	var format string

	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the cache holds, or who uses it",
		Example: `  akmon engine status
  akmon engine status -o json | jq '.records[:5]'`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			status, err := lookAtEngine(cmd, *options)
			if err != nil {
				return err
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), status)
			}

			return status.write(cmd.OutOrStdout())
		},
	}
	outputFormat(cmd, &format, "text", "json")

	return cmd
}

// lookAtEngine does not wait for a build.
func lookAtEngine(cmd *cobra.Command, options engine.Options) (*engineStatus, error) {
	options.NoWait = true

	e, err := engine.Open(cmd.Context(), options)

	var locked *engine.LockedError
	if errors.As(err, &locked) {
		return &engineStatus{StateDir: locked.StateDir, InUseBy: locked.PID, Free: engine.Free(locked.StateDir)}, nil
	}

	if err != nil {
		return nil, err
	}

	usage, err := e.Status(cmd.Context())
	if err := errors.Join(err, e.Close()); err != nil {
		return nil, err
	}

	status := &engineStatus{StateDir: usage.StateDir, Free: usage.Free, Bytes: &usage.Bytes, Reclaimable: &usage.Reclaimable}

	for _, r := range usage.Records {
		record := engineRecord{ID: r.ID, Kind: r.Kind, Description: r.Description, Bytes: r.Bytes, InUse: r.InUse, Created: r.Created}
		if !r.LastUsed.IsZero() {
			record.LastUsed = &r.LastUsed
		}

		status.Records = append(status.Records, record)
	}

	return status, nil
}

func (s *engineStatus) write(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "directory\t%s\n", s.StateDir) //nolint:errcheck // Flush reports it

	if s.InUseBy != 0 {
		fmt.Fprintf(out, "in use by\tprocess %d\n", s.InUseBy) //nolint:errcheck // as above
	}

	if s.Bytes != nil {
		fmt.Fprintf(out, "cache\t%d MB in %d records\nreclaimable\t%d MB\n", *s.Bytes>>20, len(s.Records), *s.Reclaimable>>20) //nolint:errcheck // as above
	}

	fmt.Fprintf(out, "free on disk\t%d MB\n", s.Free>>20) //nolint:errcheck // as above

	return out.Flush()
}

func newEngineGC(options *engine.Options) *cobra.Command {
	var (
		keep   int64
		age    time.Duration
		format string
	)

	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete what is not in use",
		Example: `  akmon engine gc --keep-mb 10000
  akmon engine gc --keep-for 48h`,
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			e, err := engine.Open(cmd.Context(), *options)
			if err != nil {
				return err
			}

			result, err := e.GC(cmd.Context(), engine.GCOptions{KeepBytes: keep << 20, KeepFor: age})
			if err := errors.Join(err, e.Close()); err != nil {
				return err
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), struct {
					Records int   `json:"records"`
					Bytes   int64 `json:"bytes"`
				}{result.Records, result.Bytes})
			}

			fmt.Fprintf(cmd.OutOrStdout(), "deleted %d records, %d MB\n", result.Records, result.Bytes>>20)

			return nil
		},
	}
	outputFormat(cmd, &format, "text", "json")
	cmd.Flags().Int64Var(&keep, "keep-mb", 0, "how many megabytes to keep, the most recently used first")
	cmd.Flags().DurationVar(&age, "keep-for", 0, "keep what was used within this time, such as 48h")

	return cmd
}

func newEngineReset(options *engine.Options) *cobra.Command {
	var format string

	cmd := &cobra.Command{
		Use:     "reset",
		Short:   "Delete the whole cache",
		Example: "  akmon engine reset --engine-dir /srv/akmon/engine",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := textOrJSON(format); err != nil {
				return err
			}

			dir := options.StateDir
			if dir == "" {
				var err error
				if dir, err = engine.DefaultStateDir(); err != nil {
					return err
				}
			}

			if err := engine.Reset(cmd.Context(), *options); err != nil {
				return err
			}

			if format == "json" {
				return printJSON(cmd.OutOrStdout(), struct {
					StateDir string `json:"stateDir"`
				}{dir})
			}

			fmt.Fprintf(cmd.OutOrStdout(), "emptied %s\n", dir)

			return nil
		},
	}
	outputFormat(cmd, &format, "text", "json")

	return cmd
}
