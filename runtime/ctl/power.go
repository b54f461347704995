package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

var rebootModes = map[string]machine.RebootRequest_Mode{
	"default":    machine.RebootRequest_DEFAULT,
	"powercycle": machine.RebootRequest_POWERCYCLE,
	"force":      machine.RebootRequest_FORCE,
}

// RebootModes are the names of the ways to reboot: in order and by kexec where
// there is one, in order but through the firmware, and without stopping
// anything in order.
func RebootModes() []string { return []string{"default", "powercycle", "force"} }

// Reboot restarts the machines. It returns when they have accepted to.
func (s *Session) Reboot(ctx context.Context, modeName string) error {
	mode, ok := rebootModes[modeName]
	if !ok {
		return fmt.Errorf("mode %q is not one of %s", modeName, strings.Join(RebootModes(), ", "))
	}

	return s.each(ctx, func(ctx context.Context, t target) error {
		response, err := t.client.Machine().Reboot(ctx, &machine.RebootRequest{Mode: mode})
		if err != nil {
			return err
		}

		if err := firstError(response.GetMessages()); err != nil {
			return err
		}

		s.note("%s: rebooting", t.name)

		return nil
	})
}

// Shutdown turns the machines off. It returns when they have accepted to.
// force does not move Kubernetes' pods elsewhere before.
func (s *Session) Shutdown(ctx context.Context, force bool) error {
	return s.each(ctx, func(ctx context.Context, t target) error {
		response, err := t.client.Machine().Shutdown(ctx, &machine.ShutdownRequest{Force: force})
		if err != nil {
			return err
		}

		if err := firstError(response.GetMessages()); err != nil {
			return err
		}

		s.note("%s: shutting down", t.name)

		return nil
	})
}

// firstError is what an endpoint reports of a machine that it passed a call to.
func firstError[M interface{ GetMetadata() *common.Metadata }](messages []M) error {
	for _, message := range messages {
		if text := message.GetMetadata().GetError(); text != "" {
			return errors.New(text)
		}
	}

	return nil
}
