package modules

import (
	"context"
	"errors"

	"github.com/akmon-os/akmon/runtime/uevent"
)

// Watch calls found with the aliases of all devices that are there, then with
// those of each device that comes, and with none when a module came or went,
// until ctx ends (nil) or the kernel can't be heard any more (an error).
func Watch(ctx context.Context, found func(aliases []string)) error {
	// Listening begins before looking, so that nothing falls between.
	l, err := uevent.Open()
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck

	found(Hardware(Devices))

	for {
		e, err := l.Next(ctx)

		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, uevent.ErrLost):
			found(Hardware(Devices))
		case err != nil:
			return err
		case e.Values["SUBSYSTEM"] == "module":
			found(nil)
		case e.Action != "remove" && e.Values["MODALIAS"] != "":
			found([]string{e.Values["MODALIAS"]})
		}
	}
}
