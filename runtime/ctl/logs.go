package ctl

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc"
)

// Dmesg writes the machines' kernel logs, each line after its machine's name.
// follow goes on until the context ends; tail leaves out what is there already.
func (s *Session) Dmesg(ctx context.Context, follow, tail bool) error {
	return s.each(ctx, func(ctx context.Context, t target) error {
		stream, err := t.client.Machine().Dmesg(ctx, &machine.DmesgRequest{Follow: follow, Tail: tail})
		if err != nil {
			return err
		}

		return s.lines(t, stream)
	})
}

// Logs writes the logs of a service. tail is how many lines of what is there
// already to write; below zero means all.
func (s *Session) Logs(ctx context.Context, service string, follow bool, tail int32) error {
	return s.each(ctx, func(ctx context.Context, t target) error {
		stream, err := t.client.Machine().Logs(ctx, &machine.LogsRequest{
			Namespace: "system", Id: service, Driver: common.ContainerDriver_CONTAINERD, Follow: follow, TailLines: tail,
		})
		if err != nil {
			return err
		}

		return s.lines(t, stream)
	})
}

// lines writes a stream of bytes line by line, so that the lines of several
// machines don't mix. A last line without an end gets one.
func (s *Session) lines(t target, stream grpc.ServerStreamingClient[common.Data]) error {
	var rest []byte

	for {
		data, err := stream.Recv()
		if err == nil && data.GetMetadata().GetError() != "" {
			err = errors.New(data.GetMetadata().GetError())
		}

		if err != nil {
			if len(rest) > 0 {
				if writeErr := s.printf("%s: %s\n", t.name, rest); writeErr != nil {
					return writeErr
				}
			}

			return ignoreEnd(err)
		}

		rest = append(rest, data.GetBytes()...)

		for {
			line, after, found := bytes.Cut(rest, []byte("\n"))
			if !found {
				break
			}

			if err := s.printf("%s: %s\n", t.name, line); err != nil {
				return err
			}

			rest = after
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}

	return err
}
