package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"
)

// EventOptions say which events to write.
type EventOptions struct {
	// Tail is how many past events to begin with; below zero means all.
	Tail int32
	// Seconds, when not zero, begins with the events that are not older.
	Seconds int32
	// Since, when not empty, begins after the event with that ID.
	Since string
	// Actor, when not empty, is whose events to write.
	Actor string
}

// Events writes the machines' events as they happen, until the context ends.
func (s *Session) Events(ctx context.Context, opts EventOptions) error {
	out := newTable(s.Out, "NODE", "ID", "EVENT", "ACTOR", "SOURCE", "MESSAGE")
	if err := out.flush(); err != nil {
		return err
	}

	return s.each(ctx, func(ctx context.Context, t target) error {
		stream, err := t.client.Machine().Events(ctx, &machine.EventsRequest{
			TailEvents: opts.Tail, TailSeconds: opts.Seconds, TailId: opts.Since, WithActorId: opts.Actor,
		})
		if err != nil {
			return err
		}

		for {
			event, err := stream.Recv()
			if err != nil {
				return ignoreEnd(err)
			}

			if text := event.GetMetadata().GetError(); text != "" {
				return errors.New(text)
			}

			if err := s.event(out, t, event); err != nil {
				return err
			}
		}
	})
}

func (s *Session) event(out *table, t target, event *machine.Event) error {
	kind, source, message := describe(event.GetData())

	s.print.Lock()
	defer s.print.Unlock()

	out.row(t.name, event.GetId(), kind, event.GetActorId(), source, message)

	return out.flush()
}

// describe says what an event is about. Its type is named by a URL that ends
// in the name of a message of the API.
func describe(data *anypb.Any) (kind, source, message string) {
	name := data.GetTypeUrl()[strings.LastIndexByte(data.GetTypeUrl(), '/')+1:]
	kind = strings.TrimPrefix(name, "machine.")

	messageType, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return kind, "", "an event of a kind that this program does not know"
	}

	payload := messageType.New().Interface()
	if err := proto.Unmarshal(data.GetValue(), payload); err != nil {
		return kind, "", "an event that this program can't read"
	}

	source, message = words(payload)

	return kind, source, message
}

func words(payload proto.Message) (source, message string) {
	switch e := payload.(type) {
	case *machine.SequenceEvent:
		message = e.GetAction().String()
		if text := e.GetError().GetMessage(); text != "" {
			message += ": " + text
		}

		return e.GetSequence(), message
	case *machine.PhaseEvent:
		return e.GetPhase(), e.GetAction().String()
	case *machine.TaskEvent:
		return e.GetTask(), e.GetAction().String()
	case *machine.ServiceStateEvent:
		return e.GetService(), fmt.Sprintf("%s: %s", e.GetAction(), e.GetMessage())
	case *machine.ConfigLoadErrorEvent:
		return "", e.GetError()
	case *machine.ConfigValidationErrorEvent:
		return "", e.GetError()
	case *machine.AddressEvent:
		return e.GetHostname(), "ADDRESSES: " + strings.Join(e.GetAddresses(), ", ")
	case *machine.MachineStatusEvent:
		unmet := make([]string, 0, len(e.GetStatus().GetUnmetConditions()))
		for _, condition := range e.GetStatus().GetUnmetConditions() {
			unmet = append(unmet, condition.GetName())
		}

		return e.GetStage().String(), fmt.Sprintf("ready: %v, unmet conditions: [%s]", e.GetStatus().GetReady(), strings.Join(unmet, ", "))
	default:
		return "", fmt.Sprint(payload)
	}
}
