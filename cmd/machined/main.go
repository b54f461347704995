// Command machined is every program of a machine in one: what it does depends on
// the name that it is called by: init or machined, apid, trustd, or a program that the
// kernel wants to start (see modules.Helper).
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/akmon-os/akmon/internal/version"
	"github.com/akmon-os/akmon/runtime/apid"
	"github.com/akmon-os/akmon/runtime/machined"
	"github.com/akmon-os/akmon/runtime/modules"
	"github.com/akmon-os/akmon/runtime/trustd"
)

func main() {
	switch name := filepath.Base(os.Args[0]); name {
	case "apid":
		os.Exit(apid.Main(apid.Options{Machine: machined.MachineSocket, State: machined.StateSocket, Listen: ":" + apid.Port}))
	case "trustd":
		os.Exit(trustd.Main(trustd.Options{Socket: machined.TrustSocket, Listen: ":" + trustd.Port}))
	case "usermodehelper", "modprobe", "poweroff", "reboot":
		os.Exit(modules.Helper(os.Args))
	case "init", "machined":
		if os.Getpid() != 1 {
			fmt.Fprintf(os.Stderr, "%s %s: machined is the first process of a machine and can't be started by hand\n", version.Name, version.Tag)
			os.Exit(2)
		}

		machined.Main()
	default:
		fmt.Fprintf(os.Stderr, "%s %s: %q is not a name that this program knows\n", version.Name, version.Tag, name)
		os.Exit(2)
	}
}
