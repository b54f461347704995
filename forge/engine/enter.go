package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/entitlements"
	digest "github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/akmon-os/akmon/forge/engine/progress"
)

// Moment is when a step's file system is entered.
type Moment string

const (
	// AtFailure is the state that the command left when it failed; of a step
	// that did not fail, the same as After.
	AtFailure Moment = "failure"
	// Before is the state in which the command begins.
	Before Moment = "before"
	// After is the state that the command left when it ended well.
	After Moment = "after"
)

// Shell is a process to run in the file system of a step.
type Shell struct {
	// Step is the digest of the step to enter. Empty means the one that fails,
	// or Last if none does.
	Step, Last digest.Digest
	// Moment is AtFailure if empty.
	Moment Moment
	// Args is the command; empty means the program that runs the step's
	// instructions, without arguments.
	Args []string
	// TTY gives the process a terminal. Resize tells its size.
	TTY            bool
	Resize         <-chan gateway.WinSize
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Ready is called before the process starts, when nothing more is
	// reported to Request.Progress; may be nil. failure is nil unless the
	// step failed.
	Ready func(step string, moment Moment, failure error)
}

// ExitError says that the process of a Shell ended with a status other than 0.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("the command ended with exit code %d", e.Code) }

// Enter solves as much of the request's first image as it takes, and runs a
// process in the file system of a step, with the step's environment, mounts,
// directory and network. What the process changes is gone when it ends.
//
// The error is an ExitError if the process ended with another status than 0,
// and a StepError if a step fails before the one to enter.
func (e *Engine) Enter(ctx context.Context, request Request, shell Shell) (err error) {
	g, err := request.readGraph()
	if err != nil {
		return err
	}

	opt := client.SolveOpt{
		Ref:         identity.NewID(),
		LocalMounts: request.LocalDirs,
		OCIStores:   request.OCIStores,
		Session:     append([]session.Attachable{credentials{}}, request.Attach...),
		Internal:    e.embedded != nil,
	}

	if g.hostNetwork {
		opt.AllowedEntitlements = []string{string(entitlements.EntitlementNetworkHost)}
	}

	recorder := &progress.Recorder{}
	statuses := make(chan *client.SolveStatus)
	entry := &entry{shell: shell, definition: request.Images[0].Definition, recorder: recorder}
	group := errgroup.Group{}

	group.Go(func() error {
		_, err := e.client.Build(ctx, opt, "akmon", entry.run, statuses)

		return err
	})

	group.Go(func() error {
		for status := range statuses {
			recorder.Update(status)

			if request.Progress != nil {
				request.Progress.Update(status)
			}
		}

		return nil
	})

	err = group.Wait()

	e.grown.Store(true)

	if e.embedded != nil {
		e.embedded.waitIdle(stopPatience)
		err = errors.Join(err, e.embedded.dropFailed(context.WithoutCancel(ctx)))
	}

	var exit *ExitError

	switch {
	case err == nil && entry.exit != 0:
		return &ExitError{Code: entry.exit}
	case err == nil || errors.As(err, &exit):
		return err
	default:
		return e.explain(ctx, err, recorder, nil)
	}
}

// entry is one call of Enter.
type entry struct {
	shell      Shell
	definition *llb.Definition
	recorder   *progress.Recorder
	exit       int
}

// run is the gateway client.
func (n *entry) run(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	if err := n.enter(ctx, c); err != nil {
		return nil, err
	}

	return gateway.NewResult(), nil
}

func (n *entry) enter(ctx context.Context, c gateway.Client) error {
	s := n.shell

	if s.Step == "" && s.Moment != Before {
		_, err := c.Solve(ctx, gateway.SolveRequest{Definition: n.definition.ToPB(), Evaluate: true})

		switch {
		case err == nil:
			return n.visit(ctx, c, s.Last, After)
		case s.Moment == After:
			return err // there is no such state
		default:
			return n.failed(ctx, c, err)
		}
	}

	step, moment := s.Step, s.Moment

	if step == "" {
		// Which step fails is only known when it did.
		step = s.Last

		_, err := c.Solve(ctx, gateway.SolveRequest{Definition: n.definition.ToPB(), Evaluate: true})
		if err != nil {
			var vertex *errdefs.VertexError
			if !errors.As(err, &vertex) {
				return err
			}

			step = digest.Digest(vertex.Digest)
		}
	}

	if moment == Before {
		return n.visit(ctx, c, step, Before)
	}

	// The step itself may fail, or one before it.
	target, err := upTo(n.definition, &pb.Input{Digest: step.String()})
	if err != nil {
		return err
	}

	if _, err = c.Solve(ctx, gateway.SolveRequest{Definition: target, Evaluate: true}); err != nil {
		var vertex *errdefs.VertexError
		if moment == After || !errors.As(err, &vertex) || vertex.Digest != step.String() {
			return err
		}

		return n.failed(ctx, c, err)
	}

	return n.visit(ctx, c, step, After)
}

// failed enters a step as its failure left it. The solver keeps that for as
// long as this session lasts.
func (n *entry) failed(ctx context.Context, c gateway.Client, failure error) error {
	var (
		solve  *errdefs.SolveError
		vertex *errdefs.VertexError
	)

	if !errors.As(failure, &solve) || !errors.As(failure, &vertex) || solve.Op == nil || solve.Op.GetExec() == nil {
		return failure
	}

	exec := solve.Op.GetExec()
	if len(solve.MountIDs) < len(exec.Mounts) {
		return failure
	}

	mounts := mountsOf(exec)
	for i := range mounts {
		mounts[i].ResultID = solve.MountIDs[i]
	}

	return n.start(ctx, c, solve.Op, mounts, vertex.Digest, AtFailure, failure)
}

// visit enters a step before it runs, or after it ended well.
func (n *entry) visit(ctx context.Context, c gateway.Client, step digest.Digest, moment Moment) error {
	op, err := operation(n.definition, step)
	if err != nil {
		return err
	}

	exec := op.GetExec()
	if exec == nil {
		return fmt.Errorf("the step %s runs no command", step)
	}

	mounts := mountsOf(exec)

	for i, m := range exec.Mounts {
		if m.MountType != pb.MountType_BIND {
			continue
		}

		var from *pb.Input

		switch {
		case moment == After && m.Output >= 0:
			from = &pb.Input{Digest: step.String(), Index: m.Output}
		case m.Input >= 0 && int(m.Input) < len(op.Inputs):
			from = op.Inputs[m.Input]
		default:
			continue // it begins empty
		}

		if mounts[i].Ref, err = n.solve(ctx, c, from); err != nil {
			return err
		}
	}

	return n.start(ctx, c, op, mounts, step.String(), moment, nil)
}

// solve gives the file system that a step puts out.
func (n *entry) solve(ctx context.Context, c gateway.Client, from *pb.Input) (gateway.Reference, error) {
	definition, err := upTo(n.definition, from)
	if err != nil {
		return nil, err
	}

	result, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition, Evaluate: true})
	if err != nil {
		return nil, err
	}

	return result.SingleRef()
}

// mountsOf are the mounts of a step without what is in them.
func mountsOf(exec *pb.ExecOp) []gateway.Mount {
	mounts := make([]gateway.Mount, len(exec.Mounts))
	for i, m := range exec.Mounts {
		mounts[i] = gateway.Mount{
			Selector: m.Selector, Dest: m.Dest, Readonly: m.Readonly, MountType: m.MountType,
			CacheOpt: m.CacheOpt, SecretOpt: m.SecretOpt, SSHOpt: m.SSHOpt,
		}
	}

	return mounts
}

// start runs the process.
func (n *entry) start(ctx context.Context, c gateway.Client, op *pb.Op, mounts []gateway.Mount, step string, moment Moment, failure error) (err error) {
	exec := op.GetExec()

	container, err := c.NewContainer(ctx, gateway.NewContainerRequest{
		Mounts: mounts, Hostname: exec.Meta.Hostname, NetMode: exec.Network, ExtraHosts: exec.Meta.ExtraHosts,
		Platform: op.Platform, Constraints: op.Constraints,
	})
	if err != nil {
		return fmt.Errorf("preparing the file system of the step: %w", err)
	}

	defer func() {
		// It tells once more how the process ended.
		var exit *gatewaypb.ExitError
		if end := container.Release(context.WithoutCancel(ctx)); !errors.As(end, &exit) {
			err = errors.Join(err, end)
		}
	}()

	if n.shell.Ready != nil {
		known, _, _ := n.recorder.Step(digest.Digest(step))

		name := known.Name
		if name == "" {
			name = n.definition.Metadata[digest.Digest(step)].Description["llb.customname"]
		}

		n.shell.Ready(name, moment, failure)
	}

	s := n.shell
	request := gateway.StartRequest{
		Args: s.Args, Env: exec.Meta.Env, User: exec.Meta.User, Cwd: exec.Meta.Cwd, Tty: s.TTY,
		Stdout: closer(s.Stdout), Stderr: closer(s.Stderr), SecurityMode: exec.Security, SecretEnv: exec.Secretenv,
	}

	if s.Stdin != nil {
		request.Stdin = io.NopCloser(s.Stdin)
	}

	if len(request.Args) == 0 {
		request.Args = exec.Meta.Args[:1]
	}

	if terminal := os.Getenv("TERM"); s.TTY && terminal != "" && !hasVariable(request.Env, "TERM") {
		request.Env = append(request.Env, "TERM="+terminal)
	}

	process, err := container.Start(ctx, request)
	if err != nil {
		return fmt.Errorf("starting %s: %w", request.Args[0], err)
	}

	return n.wait(ctx, process)
}

// wait passes on the size of the terminal until the process ends.
func (n *entry) wait(ctx context.Context, process gateway.ContainerProcess) error {
	ended := make(chan error, 1)
	resize := n.shell.Resize

	go func() { ended <- process.Wait() }()

	for {
		select {
		case size, ok := <-resize:
			if !ok {
				resize = nil

				continue
			}

			// A size that could not be set is no reason to stop.
			_ = process.Resize(ctx, size)
		case err := <-ended:
			var exit *gatewaypb.ExitError
			if errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus {
				n.exit = int(exit.ExitCode)

				return nil
			}

			return err
		}
	}
}

func hasVariable(env []string, name string) bool {
	for _, v := range env {
		if strings.HasPrefix(v, name+"=") {
			return true
		}
	}

	return false
}

// closer leaves the caller's file open.
func closer(w io.Writer) io.WriteCloser {
	if w == nil {
		return nil
	}

	return nopWriteCloser{w}
}

type nopWriteCloser struct{ io.Writer }

func (nopWriteCloser) Close() error { return nil }

// operation finds a step in a definition.
func operation(definition *llb.Definition, step digest.Digest) (*pb.Op, error) {
	for _, data := range definition.Def {
		if digest.FromBytes(data) != step {
			continue
		}

		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading the graph: %w", err)
		}

		return &op, nil
	}

	return nil, fmt.Errorf("the graph has no step %s", step)
}

// upTo is the part of a definition that gives one output of a step.
func upTo(definition *llb.Definition, output *pb.Input) (*pb.Definition, error) {
	whole := definition.ToPB()
	inputs, raw := map[string][]*pb.Input{}, map[string][]byte{}

	for _, data := range whole.Def {
		var op pb.Op
		if err := op.UnmarshalVT(data); err != nil {
			return nil, fmt.Errorf("reading the graph: %w", err)
		}

		d := digest.FromBytes(data).String()
		inputs[d], raw[d] = op.Inputs, data
	}

	part := &pb.Definition{Metadata: map[string]*pb.OpMetadata{}, Source: whole.Source}
	added := map[string]bool{}

	var add func(d string)

	add = func(d string) {
		if added[d] || raw[d] == nil {
			return
		}

		added[d] = true

		for _, in := range inputs[d] {
			add(in.Digest)
		}

		part.Def = append(part.Def, raw[d])
		part.Metadata[d] = whole.Metadata[d]
	}

	add(output.Digest)

	last, err := (&pb.Op{Inputs: []*pb.Input{output}}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("writing the graph: %w", err)
	}

	part.Def = append(part.Def, last)

	// What the whole needs of the builder stands with its last operation.
	if n := len(whole.Def); n > 0 {
		part.Metadata[digest.FromBytes(last).String()] = whole.Metadata[digest.FromBytes(whole.Def[n-1]).String()]
	}

	return part, nil
}
