package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/akmon-os/akmon/runtime/client"
	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
	"github.com/akmon-os/akmon/test/bench/result"
)

const (
	// attempt bounds one call, pause is between two of them.
	attempt = 5 * time.Second
	pause   = time.Second
	// beat is how often a client tries when the first answer is awaited.
	beat = 100 * time.Millisecond
)

// answers waits until the machine in maintenance mode says its version. A new
// client tries at each beat and none waits for the one before: what was sent
// before the machine had an address is sent again only seconds later, and that
// pause is not the machine's.
func answers(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	results := make(chan error)
	ticker := time.NewTicker(beat)

	defer ticker.Stop()

	var last error

	for {
		go func() {
			err := once(ctx, client.Options{Endpoints: []string{endpoint}, Insecure: true}, askVersion)

			select {
			case results <- err:
			case <-ctx.Done():
			}
		}()

	wait:
		for {
			select {
			case err := <-results:
				if err == nil {
					return nil
				}

				last = err
			case <-ticker.C:
				break wait
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("the API does not answer: %w", ctx.Err()), last)
			}
		}
	}
}

func askVersion(ctx context.Context, c *client.Client) error {
	_, err := c.Machine().Version(ctx, &emptypb.Empty{})

	return err
}

// until repeats a call until it succeeds or ctx ends.
func until(ctx context.Context, o client.Options, call func(context.Context, *client.Client) error) error {
	for {
		err := once(ctx, o, call)
		if err == nil {
			return nil
		}

		select {
		case <-ctx.Done():
			return fmt.Errorf("the API does not answer: %w", err)
		case <-time.After(pause):
		}
	}
}

func once(ctx context.Context, o client.Options, call func(context.Context, *client.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()

	c, err := client.New(o)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the call is over

	if err := call(ctx, c); err != nil {
		return c.Explain(err)
	}

	return nil
}

// memory gives the machine a configuration, lets it come to rest, and reads
// what its services have in memory.
func (b *bench) memory(ctx context.Context, endpoint string) ([]result.Process, error) {
	bundle, err := generate.Generate(generate.Input{
		ClusterName: "bench", Endpoint: "https://127.0.0.1:6443", Now: time.Now(), Random: rand.Reader,
		ClientEndpoints: []string{endpoint}, AdditionalSANs: []string{"127.0.0.1"},
	})
	if err != nil {
		return nil, fmt.Errorf("generate a configuration: %w", err)
	}

	data, err := bundle.ControlPlane.Encode()
	if err != nil {
		return nil, fmt.Errorf("generate a configuration: %w", err)
	}

	err = once(ctx, client.Options{Endpoints: []string{endpoint}, Insecure: true}, func(ctx context.Context, c *client.Client) error {
		// The machine has no disk to keep the configuration on.
		_, err := c.Machine().ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{
			Data: data, Mode: machine.ApplyConfigurationRequest_NO_REBOOT,
		})

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("apply a configuration: %w", err)
	}

	access := bundle.Client.Contexts[bundle.Client.Context]
	if access == nil {
		return nil, errors.New("the generated client configuration has no context")
	}

	options := client.Options{Context: access}
	if err := until(ctx, options, askVersion); err != nil {
		return nil, err
	}

	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(settled):
	}

	var out []result.Process

	err = once(ctx, options, func(ctx context.Context, c *client.Client) error {
		var err error
		out, err = readMemory(ctx, c)

		return err
	})

	return out, err
}

// readMemory reads /proc/PID/status of the services that are processes.
func readMemory(ctx context.Context, c *client.Client) ([]result.Process, error) {
	pids := map[string]int32{"machined": 1}
	names := []string{"machined"}

	if err := resources.RegisterEncoders(); err != nil {
		return nil, err
	}

	services, err := safe.StateListAll[*runtime.ServicePID](ctx, c.State())
	if err != nil {
		return nil, err
	}

	for service := range services.All() {
		if name, pid := service.Metadata().ID(), service.TypedSpec().PID; pid != 1 {
			names, pids[name] = append(names, name), pid
		}
	}

	var out []result.Process

	for _, name := range names {
		data, err := readFile(ctx, c, fmt.Sprintf("/proc/%d/status", pids[name]))
		if err != nil {
			return nil, err
		}

		p := result.Process{
			Name: name, RSS: result.Field(data, "VmRSS"), Anon: result.Field(data, "RssAnon"), Peak: result.Field(data, "VmHWM"),
		}
		if p.RSS == 0 {
			return nil, fmt.Errorf("/proc/%d/status of %s has no VmRSS", pids[name], name)
		}

		out = append(out, p)
	}

	return out, nil
}

// maxFile bounds what is read from the machine, in bytes.
const maxFile = 1 << 20

func readFile(ctx context.Context, c *client.Client, path string) ([]byte, error) {
	stream, err := c.Machine().Read(ctx, &machine.ReadRequest{Path: path})
	if err != nil {
		return nil, err
	}

	var data []byte

	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return data, nil
		} else if err != nil {
			return nil, err
		}

		if text := part.GetMetadata().GetError(); text != "" {
			return nil, errors.New(text)
		}

		if data = append(data, part.GetBytes()...); len(data) > maxFile {
			return nil, fmt.Errorf("%s is longer than %d bytes", path, maxFile)
		}
	}
}
