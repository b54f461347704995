package forge

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/schemas/document"
)

// targetWord stands for the name of a target in references and paths.
const targetWord = "{target}"

// cacheKinds are the kinds of caches outside of an engine, with the attributes
// that each needs and may have, for reading and for writing. They are those of
// BuildKit (README, "Export cache").
var cacheKinds = map[string]struct{ from, to []string }{
	"local":    {from: []string{"src", "digest", "tag"}, to: []string{"dest", "mode", "tag", "compression", "compression-level", "force-compression", "ignore-error", "oci-mediatypes"}},
	"registry": {from: []string{"ref", "registry.insecure"}, to: []string{"ref", "mode", "compression", "compression-level", "force-compression", "ignore-error", "image-manifest", "oci-mediatypes", "registry.insecure"}},
}

// ParseCacheFrom reads a cache to read from a command line:
// type=registry,ref=registry.example.com/cache or type=local,src=DIR. A
// reference alone is one in a registry. {target} stands for a target's name.
func ParseCacheFrom(text string) (engine.Cache, error) {
	return parseCache(text, "src", func(kind string) []string { return cacheKinds[kind].from })
}

// ParseCacheTo reads a cache to write from a command line:
// type=registry,ref=registry.example.com/cache or type=local,dest=DIR. With
// mode=max, the default, it keeps the result of every step.
func ParseCacheTo(text string) (engine.Cache, error) {
	c, err := parseCache(text, "dest", func(kind string) []string { return cacheKinds[kind].to })
	if err != nil {
		return c, err
	}

	switch c.Attrs["mode"] {
	case "":
		c.Attrs["mode"] = "max"
	case "min", "max":
	default:
		return c, fmt.Errorf("cache %q: mode is min or max", text)
	}

	return c, nil
}

func parseCache(text, directory string, known func(kind string) []string) (engine.Cache, error) {
	c := engine.Cache{Attrs: map[string]string{}}

	if text != "" && !strings.ContainsAny(text, "=,") {
		return engine.Cache{Type: "registry", Attrs: map[string]string{"ref": text}}, nil
	}

	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return c, fmt.Errorf("cache %q: %w", text, err)
	}

	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")

		switch {
		case !ok || value == "":
			return c, fmt.Errorf("cache %q: %q is not of the form KEY=VALUE", text, field)
		case key == "type":
			c.Type = value
		default:
			c.Attrs[key] = value
		}
	}

	if _, ok := cacheKinds[c.Type]; !ok {
		return c, fmt.Errorf("cache %q: the type is local or registry; write type=registry,ref=registry.example.com/akmon/cache", text)
	}

	attrs := known(c.Type)

	for key := range c.Attrs {
		if !slices.Contains(attrs, key) {
			return c, fmt.Errorf("cache %q: unknown attribute %q; %s", text, key, hintOr(document.Suggest(key, attrs), attrs))
		}
	}

	needed := "ref"
	if c.Type == "local" {
		needed = directory
	}

	if c.Attrs[needed] == "" {
		return c, fmt.Errorf("cache %q has no %s", text, needed)
	}

	return c, nil
}

// checkCaches refuses that several targets write the same cache: the last one
// would win.
func (o *Options) checkCaches(targets int) error {
	if targets < 2 {
		return nil
	}

	for _, c := range o.CacheTo {
		if !strings.Contains(c.Attrs["ref"]+c.Attrs["dest"], targetWord) {
			return errors.New("several targets can't write one cache: build one target, or put " + targetWord + " into its name")
		}
	}

	return nil
}

// cachesOf puts a target's name into its caches.
func cachesOf(caches []engine.Cache, target string) []engine.Cache {
	named := make([]engine.Cache, 0, len(caches))

	for _, c := range caches {
		attrs := map[string]string{}
		for key, value := range c.Attrs {
			attrs[key] = strings.ReplaceAll(value, targetWord, target)
		}

		named = append(named, engine.Cache{Type: c.Type, Attrs: attrs})
	}

	return named
}
