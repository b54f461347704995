package ctl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Apply says how to apply a configuration.
type Apply struct {
	// Data is the configuration.
	Data []byte
	// Mode is a name of ApplyModes.
	Mode string
	// DryRun only tells what would happen.
	DryRun bool
	// TryTimeout is when mode try goes back to the configuration before.
	TryTimeout time.Duration
}

var applyModes = map[string]machine.ApplyConfigurationRequest_Mode{
	"auto":      machine.ApplyConfigurationRequest_AUTO,
	"no-reboot": machine.ApplyConfigurationRequest_NO_REBOOT,
	"reboot":    machine.ApplyConfigurationRequest_REBOOT,
	"staged":    machine.ApplyConfigurationRequest_STAGED,
	"try":       machine.ApplyConfigurationRequest_TRY,
}

// ApplyModes are the names of the modes to apply a configuration in.
func ApplyModes() []string { return []string{"auto", "no-reboot", "reboot", "staged", "try"} }

// ApplyConfiguration gives a configuration to the machines. The machine
// decides whether it is valid: it may know keys that this program doesn't.
func (s *Session) ApplyConfiguration(ctx context.Context, apply Apply) error {
	mode, ok := applyModes[apply.Mode]
	if !ok {
		return fmt.Errorf("mode %q is not one of %s", apply.Mode, strings.Join(ApplyModes(), ", "))
	}

	request := &machine.ApplyConfigurationRequest{Data: apply.Data, Mode: mode, DryRun: apply.DryRun}
	if mode == machine.ApplyConfigurationRequest_TRY {
		request.TryModeTimeout = durationpb.New(apply.TryTimeout)
	}

	return s.each(ctx, func(ctx context.Context, t target) error {
		response, err := t.client.Machine().ApplyConfiguration(ctx, request)
		if err != nil {
			return err
		}

		for _, message := range response.GetMessages() {
			if text := message.GetMetadata().GetError(); text != "" {
				return errors.New(text)
			}

			for _, warning := range message.GetWarnings() {
				s.note("%s: warning: %s", t.name, warning)
			}

			if details := message.GetModeDetails(); details != "" {
				s.note("%s: %s", t.name, strings.TrimRight(details, "\n"))
			}
		}

		return nil
	})
}
