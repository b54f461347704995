package files

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/safe"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/resources/files"
)

// MachineIDController writes /etc/machine-id (machine-id(5)): 32 hexadecimal
// digits, the same at each start of a machine.
type MachineIDController struct {
	// Identity is what tells this machine from others (the firmware's UUID); "" if
	// nothing does, which makes an ID for this start alone.
	Identity func() string

	id string
}

// Name implements controller.Controller.
func (*MachineIDController) Name() string { return "files.MachineIDController" }

// Inputs implements controller.Controller.
func (*MachineIDController) Inputs() []controller.Input { return nil }

// Outputs implements controller.Controller.
func (*MachineIDController) Outputs() []controller.Output { return base.Shared(files.EtcFileSpecType) }

// Run implements controller.Controller.
func (c *MachineIDController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	if c.id == "" {
		c.id = MachineID(c.Identity())
	}

	return base.Each(ctx, r, func() error {
		if err := safe.WriterModify(ctx, r, files.NewEtcFileSpec("machine-id"), func(out *files.EtcFileSpec) error {
			out.TypedSpec().Contents, out.TypedSpec().Mode = []byte(c.id+"\n"), 0o444

			return nil
		}); err != nil {
			return fmt.Errorf("write machine-id: %w", err)
		}

		return nil
	})
}

// MachineID makes an ID from an identity: it can't be turned back into it. The
// bits that a random UUID (RFC 9562, version 4) has fixed are set. Without an
// identity the ID is random.
func MachineID(identity string) string {
	var id [16]byte

	if identity = strings.ToLower(strings.TrimSpace(identity)); strings.Trim(identity, "0-") == "" {
		rand.Read(id[:]) //nolint:errcheck // never fails
	} else {
		sum := sha256.Sum256([]byte("akmon machine-id\x00" + identity))
		copy(id[:], sum[:])
	}

	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80

	return hex.EncodeToString(id[:])
}
