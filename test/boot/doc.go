// Package boot is the boot test: it starts a real machine in QEMU, with UEFI
// firmware, from the ISO alone, and uses its API as a person would, with
// akmonctl.
//
// `make test-boot` builds the ISO and runs it (build tag boot). The
// environment says with what:
//
//   - AKMON_ISO: the ISO; default _out/vm/akmon-amd64.iso in the repository;
//   - AKMONCTL: the client; built by the test when it is not given;
//   - AKMON_QEMU_ARGS: further arguments, such as "-accel kvm"; the default is
//     "-accel tcg,thread=multi", which works everywhere;
//   - AKMON_CONSOLE_LOG: where to keep the machine's console.
//
// Without QEMU, firmware or ISO it is skipped and says why; with CI=true it
// fails instead. Nothing in it depends on speed: deadlines only end a test
// whose machine hangs.
package boot
