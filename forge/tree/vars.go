package tree

import (
	"maps"

	"github.com/akmon-os/akmon/forge/tree/render"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// dialect is what a tree says by the kind of its root document: trees with a
// Pkgfile keep the defaults that bldr gives them.
type dialect struct {
	vendor  string
	sysroot string
	variant pkgtree.Variant
	shell   string
	path    string
	// cross tells that packages for other platforms are built on the build
	// platform, rather than on their own.
	cross bool
	// compatible tells that what bldr does decides.
	compatible bool
	// flags gives CFLAGS and CXXFLAGS for an architecture.
	flags func(arch string) string
}

var (
	pkgfileDialect = dialect{
		vendor: "talos", sysroot: "/talos", variant: pkgtree.Alpine, shell: "/bin/sh",
		path: "/toolchain/bin:/bin:/usr/bin:/sbin:/usr/sbin", compatible: true, flags: pkgfileFlags,
	}
	akmonDialect = dialect{
		vendor: "akmon", sysroot: "/sysroot", variant: pkgtree.Scratch, shell: "/bin/bash",
		path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", cross: true,
		flags: func(string) string { return "-g0 -Os" },
	}
)

// pkgfileFlags are those that bldr has since 0.6.
func pkgfileFlags(arch string) string {
	if arch == "x86_64" {
		return "-O2 -g0 -march=x86-64-v2 -mtune=generic"
	}

	return "-O2 -g0"
}

// standard gives the variables that every step has in its environment.
func (d dialect) standard(target, build platform) map[string]string {
	return map[string]string{
		"CFLAGS":    d.flags(target.arch),
		"CXXFLAGS":  d.flags(target.arch),
		"LDFLAGS":   "-s",
		"VENDOR":    d.vendor,
		"SYSROOT":   d.sysroot,
		"TOOLCHAIN": "/toolchain",
		"PATH":      d.path,
		"BUILD":     build.arch + "-linux-musl",
		"HOST":      build.arch + "-linux-musl",
		"ARCH":      target.arch,
		"TARGET":    target.arch + "-" + d.vendor + "-linux-musl",
	}
}

// base gives the variables at the root, without vars.yaml.
func (t *Tree) base(target, build platform) map[string]string {
	vars := t.dialect.standard(target, build)
	vars["PLATFORM"] = target.id
	vars["BUILDPLATFORM"] = build.id
	vars["GOARCH"] = target.spec.Architecture

	for name, value := range t.files.args {
		vars[render.BuildArgPrefix+name] = value
	}

	maps.Copy(vars, t.Root.Vars)

	return vars
}

// Env gives the standard variables, which are also the environment of every
// step: BUILD and HOST (the platform that steps run on), ARCH and TARGET (the
// one that the packages are for), CFLAGS, CXXFLAGS, LDFLAGS, PATH, SYSROOT,
// TOOLCHAIN and VENDOR. The map is the caller's.
func (t *Tree) Env() map[string]string {
	return t.dialect.standard(t.target, t.build)
}

// Cross tells where packages for other platforms are built: on the build
// platform (true), or each on its own (false, as bldr does).
func (t *Tree) Cross() bool { return t.dialect.cross }

// Compatible tells whether the tree has a Pkgfile, so that it means what bldr
// takes it to mean where an Akmon tree means something better: the package
// directory is copied into the build, where steps may change it; cache
// directories are shared by all packages; and the output is always a copy.
func (t *Tree) Compatible() bool { return t.dialect.compatible }
