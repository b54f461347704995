package files_test

import (
	"regexp"
	"testing"

	"github.com/akmon-os/akmon/runtime/controllers/ctest"
	ctrl "github.com/akmon-os/akmon/runtime/controllers/files"
	"github.com/akmon-os/akmon/runtime/resources/files"
)

func TestMachineID(t *testing.T) {
	const uuid = "4C4C4544-0042-3510-8051-B4C04F4A4B31"

	valid := regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`)

	a := ctrl.MachineID(uuid)
	if !valid.MatchString(a) || a != ctrl.MachineID("4c4c4544-0042-3510-8051-b4c04f4a4b31\n") {
		t.Errorf("ID %q", a)
	}

	// Firmware that has no UUID says so with zeros: machines must not share an ID.
	for _, none := range []string{"", "00000000-0000-0000-0000-000000000000"} {
		if one, other := ctrl.MachineID(none), ctrl.MachineID(none); one == other || !valid.MatchString(one) {
			t.Errorf("%q: %q and %q", none, one, other)
		}
	}

	st := ctest.Start(t, &ctrl.MachineIDController{Identity: func() string { return uuid }})

	ctest.Wait(t, st, files.NewEtcFileSpec("machine-id"), func(r *files.EtcFileSpec) bool {
		return string(r.TypedSpec().Contents) == a+"\n" && r.TypedSpec().Mode == 0o444
	})
}
