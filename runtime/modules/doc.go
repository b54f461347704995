// Package modules finds and loads the kernel's modules, as modprobe does.
//
// What depmod(8) writes beside the modules is read as text: modules.alias says
// which modules answer to which hardware, modules.dep (modules.dep(5)) which
// modules one needs, modules.softdep (modprobe.d(5), softdep) which it should
// come after or before. Nothing of it stays in memory: the files are a few
// megabytes that are wanted at boot and then almost never, and one reading
// serves any number of names.
//
// The kernel checks signatures and refuses what it doesn't trust; this package
// has no opinion on that.
package modules
