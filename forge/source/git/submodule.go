package git

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// submodule writes the directory of a submodule, and its files if they are
// wanted.
func (w *walker) submodule(e entry, at string) error {
	if err := w.out.Dir(w.prefix + at); err != nil || !w.submodules {
		return err
	}

	if err := w.readModules(); err != nil {
		return err
	}

	relative, ok := w.modules[at]

	switch {
	case !ok:
		return w.errorf(".gitmodules has no address for the submodule %s", at)
	case w.depth >= maxDepth:
		return w.errorf("submodules are nested more than %d deep", maxDepth)
	case w.repositories >= maxRepositories:
		return w.errorf("there are more than %d submodules", maxRepositories)
	}

	address, err := resolve(w.address, relative)
	if err != nil {
		return w.errorf("submodule %s: %v", at, err)
	}

	var errs []error

	for _, place := range w.store.Places(address) {
		if strings.HasPrefix(place, "-") || strings.Contains(place, "::") {
			return w.errorf("submodule %s: %q is not an address", at, place)
		}

		r, err := w.fetch(place, e.object)
		if err != nil {
			errs = append(errs, fmt.Errorf("submodule %s: %w", at, err))

			continue
		}
		defer r.close() // few: as deep as submodules are nested

		return w.tree(r, address, w.prefix+at+"/", w.depth+1)
	}

	return errors.Join(errs...)
}

// readModules reads the addresses in .gitmodules (gitmodules(5)) by git's own
// reader of its format.
func (w *walker) readModules() error {
	if w.modules != nil {
		return nil
	}

	w.modules = map[string]string{}

	var blob string

	for _, e := range w.top {
		if e.name == ".gitmodules" && strings.HasPrefix(e.mode, "100") {
			blob = e.object
		}
	}

	if blob == "" {
		return nil
	}

	// Git reads the file itself: hash it here first.
	if _, err := w.read(blob, "blob", maxConfig); err != nil {
		return err
	}

	text, err := w.git(w.ctx, "config", "--null", "--blob="+blob, "--get-regexp", `^submodule\..*\.(path|url)$`)
	if err != nil {
		return w.errorf("read .gitmodules: %v", err)
	}

	paths, addresses := map[string]string{}, map[string]string{}

	for _, pair := range strings.Split(text, "\x00") {
		key, value, _ := strings.Cut(pair, "\n")

		if name, ok := strings.CutSuffix(key, ".path"); ok {
			paths[name] = path.Clean(value)
		} else if name, ok := strings.CutSuffix(key, ".url"); ok {
			addresses[name] = value
		}
	}

	for name, at := range paths {
		w.modules[at] = addresses[name]
	}

	return nil
}

// resolve gives the address of a submodule: one that begins with a dot is
// relative to that of the repository it is in.
func resolve(parent, address string) (string, error) {
	if strings.HasPrefix(address, "./") || strings.HasPrefix(address, "../") {
		u, err := url.Parse(parent)
		if err != nil {
			return "", err
		}

		u.Path = path.Join(u.Path, address)

		return u.String(), nil
	}

	u, err := url.Parse(address)
	if err == nil && u.Scheme != "" && (u.Host != "" || u.Scheme == "file") {
		return address, nil
	}

	// user@host:path, as SSH has it.
	if host, p, ok := strings.Cut(address, ":"); ok && !strings.ContainsAny(host, "/-") && p != "" {
		return "ssh://" + host + "/" + strings.TrimPrefix(p, "/"), nil
	}

	return "", fmt.Errorf("%q is not an address", address)
}
