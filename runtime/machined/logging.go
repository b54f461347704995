package machined

import (
	"io"
	"os"
	"runtime/debug"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/akmon-os/akmon/runtime/kmsg"
	"github.com/akmon-os/akmon/runtime/logbuf"
)

// openLog makes machined's logger: to the kernel's ring buffer, from where it
// comes to the consoles, and to the log that the API serves. A machine without
// a ring buffer (a container) logs to standard error.
func openLog(logs *logbuf.Set) *zap.Logger {
	var out io.Writer = os.Stderr

	if f, err := os.OpenFile(kmsg.Device, os.O_WRONLY, 0); err == nil {
		out = kmsg.NewWriter(f, "akmon")
		// What the runtime has to say of a crash that nothing recovers from.
		debug.SetCrashOutput(f, debug.CrashOptions{}) //nolint:errcheck
	}

	enc := zap.NewProductionEncoderConfig()
	enc.TimeKey, enc.CallerKey = zapcore.OmitKey, zapcore.OmitKey
	enc.EncodeLevel = zapcore.LowercaseLevelEncoder
	enc.ConsoleSeparator = " "

	stamped := enc
	stamped.TimeKey = "ts"
	stamped.EncodeTime = zapcore.RFC3339TimeEncoder

	return zap.New(zapcore.NewTee(
		zapcore.NewCore(zapcore.NewConsoleEncoder(enc), zapcore.AddSync(out), zap.InfoLevel),
		zapcore.NewCore(zapcore.NewConsoleEncoder(stamped), zapcore.AddSync(logs.Get("machined")), zap.InfoLevel),
	))
}
