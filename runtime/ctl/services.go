package ctl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Services writes a table of the machines' services.
func (s *Session) Services(ctx context.Context) error {
	answers := make(map[string][]*machine.ServiceInfo, len(s.targets))

	err := s.each(ctx, func(ctx context.Context, t target) error {
		services, err := listServices(ctx, t)
		if err != nil {
			return err
		}

		s.print.Lock()
		defer s.print.Unlock()

		answers[t.name] = services

		return nil
	})

	if len(answers) == 0 {
		return err
	}

	out := newTable(s.Out, "NODE", "SERVICE", "STATE", "HEALTH", "LAST CHANGE", "LAST EVENT")

	for _, t := range s.targets {
		for _, service := range answers[t.name] {
			change, event := lastEvent(service)
			out.row(t.name, service.GetId(), service.GetState(), health(service.GetHealth()), change, event)
		}
	}

	return errors.Join(err, out.flush())
}

// Service writes one service of the machines in detail.
func (s *Session) Service(ctx context.Context, id string) error {
	return s.each(ctx, func(ctx context.Context, t target) error {
		services, err := listServices(ctx, t)
		if err != nil {
			return err
		}

		for _, service := range services {
			if service.GetId() != id {
				continue
			}

			s.print.Lock()
			defer s.print.Unlock()

			return printService(s, t, service)
		}

		return fmt.Errorf("there is no service %q", id)
	})
}

func printService(s *Session, t target, service *machine.ServiceInfo) error {
	out := newTable(s.Out, "NODE", t.name)
	out.row("ID", service.GetId())
	out.row("STATE", service.GetState())
	out.row("HEALTH", health(service.GetHealth()))

	if message := service.GetHealth().GetLastMessage(); message != "" {
		out.row("LAST HEALTH MESSAGE", message)
	}

	events := service.GetEvents().GetEvents()
	for i := range events {
		event := events[len(events)-1-i]

		title := ""
		if i == 0 {
			title = "EVENTS"
		}

		out.row(title, fmt.Sprintf("[%s]: %s (%s ago)", event.GetState(), event.GetMsg(), age(event.GetTs().AsTime())))
	}

	return out.flush()
}

func listServices(ctx context.Context, t target) ([]*machine.ServiceInfo, error) {
	response, err := t.client.Machine().ServiceList(ctx, &emptypb.Empty{})
	if err != nil {
		return nil, err
	}

	var services []*machine.ServiceInfo

	for _, message := range response.GetMessages() {
		if text := message.GetMetadata().GetError(); text != "" {
			return nil, errors.New(text)
		}

		services = append(services, message.GetServices()...)
	}

	return services, nil
}

func health(h *machine.ServiceHealth) string {
	switch {
	case h == nil || h.GetUnknown():
		return "?"
	case h.GetHealthy():
		return "OK"
	default:
		return "Fail"
	}
}

func lastEvent(service *machine.ServiceInfo) (change, message string) {
	events := service.GetEvents().GetEvents()
	if len(events) == 0 {
		return "", "<none>"
	}

	last := events[len(events)-1]

	return fmt.Sprintf("%s ago", age(last.GetTs().AsTime())), last.GetMsg()
}

func age(since time.Time) time.Duration {
	return time.Since(since).Round(time.Second)
}
