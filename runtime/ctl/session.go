package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/akmon-os/akmon/runtime/client"
	"github.com/akmon-os/akmon/schemas/clientconfig"
)

// Session is a set of machines to work with. Its writers are used by one
// goroutine at a time. Close it when done.
type Session struct {
	// Out gets results, Err progress and warnings.
	Out, Err io.Writer

	targets []target
	closers []io.Closer
	print   sync.Mutex
}

// target is one machine.
type target struct {
	name   string // as the user wrote it
	node   string // for the call's metadata; empty for the endpoint itself
	client *client.Client
}

// Options say which machines a session is for.
type Options struct {
	// Config is the path of the client configuration; empty means the
	// documented places.
	Config string
	// Context is the name of a context; empty means the current one.
	Context string
	// Endpoints and Nodes win over those of the context.
	Endpoints, Nodes []string
	// Insecure is for machines in maintenance mode: each of Nodes is talked to
	// directly, and no client configuration is needed.
	Insecure bool
	// Fingerprints are those of client.Options.
	Fingerprints []string
	// Out and Err are the session's writers.
	Out, Err io.Writer
}

// Open makes a session. Without Nodes, and with none in the context, a single
// endpoint stands for itself; several endpoints are an error then, for it would
// be left to chance which one is meant.
func Open(opts Options) (*Session, error) {
	s := &Session{Out: opts.Out, Err: opts.Err}

	open := s.openSecure
	if opts.Insecure {
		open = s.openInsecure
	}

	if err := open(opts); err != nil {
		return nil, errors.Join(err, s.Close())
	}

	return s, nil
}

func (s *Session) openInsecure(opts Options) error {
	nodes := opts.Nodes
	if len(nodes) == 0 {
		nodes = opts.Endpoints
	}

	if len(nodes) == 0 {
		return errors.New("name the machines with --nodes")
	}

	for _, node := range nodes {
		c, err := client.New(client.Options{Endpoints: []string{node}, Insecure: true, Fingerprints: opts.Fingerprints})
		if err != nil {
			return err
		}

		s.closers = append(s.closers, c)
		s.targets = append(s.targets, target{name: node, client: c})
	}

	return nil
}

func (s *Session) openSecure(opts Options) error {
	path, err := clientconfig.Find(opts.Config)
	if err != nil {
		return err
	}

	config, err := clientconfig.Load(path)
	if err != nil {
		return err
	}

	_, context, err := config.Current(opts.Context)
	if err != nil {
		return fmt.Errorf("%w (%s)", err, path)
	}

	c, err := client.New(client.Options{Endpoints: opts.Endpoints, Context: context})
	if err != nil {
		return err
	}

	s.closers = append(s.closers, c)

	nodes := opts.Nodes
	if len(nodes) == 0 {
		nodes = context.Nodes
	}

	for _, node := range nodes {
		s.targets = append(s.targets, target{name: node, node: node, client: c})
	}

	if len(nodes) > 0 {
		return nil
	}

	if len(c.Endpoints()) > 1 {
		return errors.New("name the machines with --nodes, or put them into the client configuration with `config node`: there is more than one endpoint")
	}

	host, _, err := net.SplitHostPort(c.Endpoints()[0])
	if err != nil {
		return fmt.Errorf("read the endpoint: %w", err)
	}

	s.targets = append(s.targets, target{name: host, client: c})

	return nil
}

// Close ends all connections of the session.
func (s *Session) Close() error {
	var errs []error
	for _, closer := range s.closers {
		errs = append(errs, closer.Close())
	}

	return errors.Join(errs...)
}

// each does something for every target at the same time. The error names the
// targets that failed, in the session's order.
func (s *Session) each(ctx context.Context, do func(ctx context.Context, t target) error) error {
	errs := make([]error, len(s.targets))

	var group sync.WaitGroup

	for i, t := range s.targets {
		group.Go(func() {
			if err := do(client.WithNode(ctx, t.node), t); err != nil {
				errs[i] = s.failed(t, err)
			}
		})
	}

	group.Wait()

	return errors.Join(errs...)
}

func (s *Session) failed(t target, err error) error {
	err = t.client.Explain(err)
	if len(s.targets) == 1 {
		return err
	}

	return fmt.Errorf("%s: %w", t.name, err)
}

// printf writes to Out, not in the middle of another target's output.
func (s *Session) printf(format string, args ...any) error {
	s.print.Lock()
	defer s.print.Unlock()

	if _, err := fmt.Fprintf(s.Out, format, args...); err != nil {
		return fmt.Errorf("write output: %w", err)
	}

	return nil
}

// note writes to Err; that it can't is no reason to fail.
func (s *Session) note(format string, args ...any) {
	s.print.Lock()
	defer s.print.Unlock()

	fmt.Fprintf(s.Err, format+"\n", args...) //nolint:errcheck // there is nobody to tell
}
