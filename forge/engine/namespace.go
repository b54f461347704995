package engine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// minIDs is how many subordinate ids a file system of a build needs at least:
// those up to 65534, nobody.
const minIDs = 65535

// enter is how unshare (util-linux 2.38) makes a namespace in which the user is
// root, with the subordinate ids that the machine gives to the user.
var enter = []string{"--user", "--map-root-user", "--map-auto", "--mount"}

// EnterNamespace makes an ordinary user's process root of a user namespace of
// its own, by running the program anew with the same arguments: it then does
// not return. For root, and with a Builder, it does nothing. Where the system
// has no such namespaces, a HostError says what is missing.
//
// Nothing but the command line may have been looked at before.
func EnterNamespace(o Options) error {
	if o.Builder != "" || os.Geteuid() == 0 {
		return nil
	}

	unshare, err := canEnter()
	if err != nil {
		return err
	}

	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}

	args := append(append([]string{unshare}, enter...), "--", self)

	// It is the same process: signals and exit code are those of the build.
	if err := unix.Exec(unshare, append(args, os.Args[1:]...), os.Environ()); err != nil {
		return fmt.Errorf("entering a user namespace: %w", err)
	}

	return nil
}

// canEnter finds out whether the namespace can be made, and by what.
func canEnter() (unshare string, err error) {
	refuse := func(problem, remedy string) (string, error) {
		return "", &HostError{
			Problem: "steps run in containers, which needs root or a user namespace, and " + problem,
			Remedy:  remedy + ", or run as root",
		}
	}

	if unshare, err = exec.LookPath("unshare"); err != nil {
		return refuse("unshare was not found", "install the package util-linux")
	}

	for _, name := range []string{"newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(name); err != nil {
			return refuse(name+" was not found", "install the package uidmap")
		}
	}

	me, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("finding out who runs this: %w", err)
	}

	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if !hasRange(file, me.Username, me.Uid) {
			return refuse(fmt.Sprintf("%s has no range of %d ids for %s", file, minIDs+1, me.Username),
				"have root run `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "+me.Username+"`")
		}
	}

	out, err := exec.Command(unshare, append(enter, "true")...).CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return "", fmt.Errorf("trying a user namespace: %w", err)
		}

		return refuse("this system does not allow one: "+strings.TrimSpace(string(out)),
			"allow it (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)")
	}

	return unshare, nil
}

// hasRange tells whether a file of subordinate ids (subuid(5)) gives a user,
// by name or number, enough of them. One that can't be read does not.
func hasRange(path, name, id string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()

	for scan := bufio.NewScanner(file); scan.Scan(); {
		fields := strings.Split(strings.TrimSpace(scan.Text()), ":")
		if len(fields) != 3 || (fields[0] != name && fields[0] != id) {
			continue
		}

		if count, err := strconv.Atoi(fields[2]); err == nil && count >= minIDs {
			return true
		}
	}

	return false
}

// useRuntimeDir gives the OCI runtime a directory for its state where the user
// has none: only root may write to its usual one.
func (h host) useRuntimeDir(dir string) error {
	if !h.rootless || os.Getenv("XDG_RUNTIME_DIR") != "" {
		return nil
	}

	path := filepath.Join(dir, "run")
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("creating the runtime's directory: %w", err)
	}

	return os.Setenv("XDG_RUNTIME_DIR", path)
}
