// Shell is /bin/sh in the file systems of the frontend's tests: small enough
// to be a package that the test makes itself. It is called as `sh -c SCRIPT`
// and knows a command per line.
package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) != 3 || os.Args[1] != "-c" {
		fmt.Fprintln(os.Stderr, "usage: sh -c SCRIPT")
		os.Exit(2)
	}

	for line := range strings.Lines(os.Args[2]) {
		if words := strings.Fields(line); len(words) > 0 {
			if err := command(words[0], words[1:]); err != nil {
				fmt.Fprintln(os.Stderr, line, err)
				os.Exit(1)
			}
		}
	}
}

func command(name string, args []string) error {
	switch name {
	case "set", "#":
		return nil
	case "write": // FILE WORDS...
		return write(args[0], strings.Join(args[1:], " ")+"\n")
	case "copy": // FROM TO
		data, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}

		return write(args[1], string(data))
	case "env": // FILE
		// What a daemon says of its tracing differs from step to step.
		env := slices.DeleteFunc(os.Environ(), func(v string) bool {
			return strings.HasPrefix(v, "OTEL_") || strings.HasPrefix(v, "TRACEPARENT=")
		})

		return write(args[0], strings.Join(env, "\n")+"\n")
	case "list": // DIRECTORY FILE [times]
		return list(args[0], args[1], args[2:]...)
	case "fail": // CODE
		fmt.Println("about to fail")

		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}

		os.Exit(code)
	}

	return fmt.Errorf("no command is named %q", name)
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}

	return os.WriteFile(name, []byte(text), 0o644)
}

// list writes all that can be told of the files below a directory, with times
// also that of directories.
func list(dir, to string, times ...string) error {
	var b strings.Builder

	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}

		info, err := entry.Info()
		if err != nil {
			return err
		}

		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("no status of %s", name)
		}

		// A directory that is mounted has the time at which it was made.
		modified := info.ModTime().UnixNano()
		if len(times) == 0 && entry.IsDir() {
			modified = 0
		}

		if name != dir {
			fmt.Fprintf(&b, "%s %s %d:%d %d", strings.TrimPrefix(name, dir), info.Mode(), stat.Uid, stat.Gid, modified)
		}

		switch {
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(name)
			if err != nil {
				return err
			}

			fmt.Fprintf(&b, " -> %s", target)
		case entry.Type().IsRegular():
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}

			fmt.Fprintf(&b, " links=%d %x", stat.Nlink, sha256.Sum256(data))
		}

		b.WriteString("\n")

		return nil
	})
	if err != nil {
		return err
	}

	return write(to, b.String())
}
