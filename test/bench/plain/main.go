// Command plain is what machined is compared with: a static program that a
// kernel starts as its first, and that writes one line to the kernel's log.
package main

import (
	"os"
	"syscall"
	"time"

	"github.com/akmon-os/akmon/test/bench/console"
)

func main() {
	if log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		// <6> is kern.info; the kernel ends its first process's life with its own.
		_, _ = log.WriteString("<6>" + console.PlainText + "\n")
	}

	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)

	for {
		time.Sleep(time.Hour)
	}
}
