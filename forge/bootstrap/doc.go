// Package bootstrap makes the first userland of a tree: a root file system
// with a compiler, make and a shell, out of Debian packages that a lock file
// pins by name, version and sum.
//
// Three steps, of which only the first looks at what Debian has today:
//
//	debian.yaml ──Resolve──▶ debian.lock.yaml ──Assemble──▶ OCI image layout
//
// # debian.yaml
//
// A person writes which packages are wanted:
//
//	format: v1alpha1
//
//	# Where packages come from. A suite whose name ends in -security is of the
//	# archive debian-security, all others are of debian.
//	suites: [trixie, trixie-security]
//	components: [main]            # the default
//
//	# "auto" takes what the suites hold now. A time like 20260913T000000Z takes
//	# what they held then (needs snapshot.debian.org, or a mirror on which
//	# nothing changed since).
//	snapshot: auto                # the default
//
//	architectures: [amd64, arm64]
//
//	# What to install, with all that it depends on (Depends and Pre-Depends;
//	# neither Recommends nor the packages that Debian holds essential: name
//	# dash, coreutils, sed … here).
//	packages:
//	  - clang-19
//	  - make
//	  - name: systemd-boot-efi
//	    architectures: [amd64]    # only in the userland of these
//	  - name: libclang-rt-19-dev:arm64   # the package of another architecture
//	    architectures: [amd64]
//	    depends: false                   # without its dependencies (a must after a colon)
//
//	# Packages that are left out even though something depends on them, with
//	# what only they would need.
//	without: [libobjc-14-dev]
//
//	# Paths that are dropped. In a pattern, * is any text within one path
//	# element, ? one character, [a-z] a set, and ** any number of elements; what
//	# matches is dropped with everything below it. A pattern that starts with !
//	# keeps what an earlier pattern would drop; the last that matches decides.
//	# Directories that become empty by this are dropped as well.
//	exclude:
//	  - /usr/share/doc
//	  - /usr/share/man
//	  - /usr/lib/**/*.a
//	  - "!/usr/lib/gcc/**"
//
//	# Symbolic links to add: what maintainer scripts and alternatives would make.
//	links:
//	  /usr/bin/cc: clang
//	  /usr/bin/awk: mawk
//
//	# Small files to add.
//	files:
//	  /etc/passwd:
//	    content: |
//	      root:x:0:0:root:/root:/bin/sh
//	    mode: 0644                # the default
//
// # debian.lock.yaml
//
// [Resolve] writes it, nobody edits it. It holds for each architecture the
// packages with their permanent URLs, sizes and sums, and a copy of exclude,
// links and files, so that the lock alone decides every byte of the result.
//
// # The result
//
// [Assemble] unpacks the packages into one layer without running anything of
// them: no maintainer script, no trigger, no dpkg database. Owners and modes
// are as packaged, all times are that of the lock. Paths below a symbolic link
// to a directory (/bin, /lib, /sbin) land in its target. Two packages with
// the same path are an error unless they agree on it.
//
// The layer is an uncompressed tar in an OCI image layout, so that no
// compressor's version has a part in its digest: a lock gives the same digest
// for ever.
package bootstrap
