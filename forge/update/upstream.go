package update

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// lookup asks an upstream for its versions.
type lookup struct {
	kind    string // github-releases, git-tags, debian or index
	address string
	pattern *regexp.Regexp // nil: by the current name
}

// parseUpstream reads the value of the key `upstream`.
func parseUpstream(text string) (lookup, error) {
	address, expression, _ := strings.Cut(text, "#")
	l := lookup{address: address}

	if expression != "" {
		var err error
		if l.pattern, err = pattern(expression); err != nil {
			return l, err
		}
	}

	u, err := url.Parse(strings.TrimPrefix(address, "git+"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return l, fmt.Errorf("upstream %q is not an http or https URL", address)
	}

	parts := strings.Split(strings.Trim(u.Path, "/"), "/")

	switch {
	case strings.HasPrefix(address, "git+") || strings.HasSuffix(u.Path, ".git"):
		l.kind, l.address = "git-tags", u.String()
	case u.Host == "github.com" && len(parts) >= 2:
		l.kind, l.address = "git-tags", "https://github.com/"+parts[0]+"/"+parts[1]

		if len(parts) > 2 && parts[2] == "releases" {
			l.kind = "github-releases"
		}
	case u.Host == "snapshot.debian.org" && len(parts) >= 2 && parts[0] == "package":
		l.kind = "debian"
		l.address = "https://snapshot.debian.org/mr/package/" + parts[1] + "/"
	case strings.HasSuffix(u.Path, "/") || l.pattern != nil:
		l.kind = "index"
	default:
		return l, fmt.Errorf("upstream %q does not say where versions are listed: see docs/updates.md", address)
	}

	return l, nil
}

// pattern compiles a regular expression that must have a group.
func pattern(expression string) (*regexp.Regexp, error) {
	compiled, err := regexp.Compile(expression)

	switch {
	case err != nil:
		return nil, fmt.Errorf("the pattern of upstream: %w", err)
	case compiled.NumSubexp() == 0:
		return nil, fmt.Errorf("the pattern %q has no group for the version", expression)
	default:
		return compiled, nil
	}
}

// subject is what the current version is called, which shows what newer ones
// are.
type subject struct {
	name    string   // of the package, or what a variable belongs to
	current string   // the version, without what stands before it
	files   []string // the names of its source files
}

// versions asks upstream.
func (l lookup) versions(ctx context.Context, client *http.Client, s subject) ([]candidate, error) {
	switch l.kind {
	case "debian":
		return l.debian(ctx, client)
	case "index":
		return l.index(ctx, client, s)
	}

	var (
		tags []string
		err  error
	)

	if l.kind == "github-releases" {
		tags, err = l.releases(ctx, client)
	} else {
		tags, err = l.tags(ctx, client)
	}

	if err != nil {
		return nil, err
	}

	if l.pattern != nil {
		return byPattern(tags, l.pattern), nil
	}

	return ofTags(tags, s.current, s.name), nil
}

// debian reads the list of versions of a source package (snapshot.debian.org,
// "machine-usable interface"), and drops the archive's own part of each.
func (l lookup) debian(ctx context.Context, client *http.Client) ([]candidate, error) {
	body, err := get(ctx, client, l.address)
	if err != nil {
		return nil, err
	}

	var answer struct {
		Result []struct {
			Version string `json:"version"`
		} `json:"result"`
	}

	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", l.address, err)
	}

	var all []candidate

	for _, r := range answer.Result {
		v := r.Version
		if _, rest, epoch := strings.Cut(v, ":"); epoch {
			v = rest
		}

		if i := strings.LastIndex(v, "-"); i >= 0 {
			v = v[:i]
		}

		all = append(all, candidate{version: v, since: "Debian " + r.Version})
	}

	return all, nil
}

var link = regexp.MustCompile(`(?i)href\s*=\s*["']?([^"'\s>]+)`)

// index reads the links of a page.
func (l lookup) index(ctx context.Context, client *http.Client, s subject) ([]candidate, error) {
	body, err := get(ctx, client, l.address)
	if err != nil {
		return nil, err
	}

	var names []string

	for _, m := range link.FindAllSubmatch(body, -1) {
		target, _, _ := strings.Cut(string(m[1]), "?")
		if plain, err := url.PathUnescape(target); err == nil {
			target = plain
		}

		names = append(names, path.Base(target))
	}

	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no links", l.address)
	}

	if l.pattern != nil {
		return byPattern(names, l.pattern), nil
	}

	for _, file := range s.files {
		if before, after, ok := strings.Cut(file, s.current); ok {
			return byExample(names, before, after), nil
		}
	}

	return nil, errors.New("no source file has the version in its name: give upstream a pattern behind a #")
}

// releases reads GitHub's list of releases (REST API, "List releases").
func (l lookup) releases(ctx context.Context, client *http.Client) ([]string, error) {
	address := strings.Replace(l.address, "https://github.com/", "https://api.github.com/repos/", 1) + "/releases?per_page=100"

	body, err := get(ctx, client, address)
	if err != nil {
		return nil, err
	}

	var list []struct {
		Tag        string `json:"tag_name"`
		Draft      bool   `json:"draft"`
		Prerelease bool   `json:"prerelease"`
	}

	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}

	var tags []string

	for _, r := range list {
		if !r.Draft && !r.Prerelease {
			tags = append(tags, r.Tag)
		}
	}

	return tags, nil
}

// tags reads what a repository says first (gitprotocol-http, "Smart
// Clients"): pkt-lines with an object and a reference each.
func (l lookup) tags(ctx context.Context, client *http.Client) ([]string, error) {
	address := strings.TrimSuffix(l.address, "/") + "/info/refs?service=git-upload-pack"

	body, err := get(ctx, client, address)
	if err != nil {
		return nil, err
	}

	tags, err := parseRefs(body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", address, err)
	}

	return tags, nil
}

// parseRefs gives the tags in the advertisement of a Git server.
func parseRefs(body []byte) ([]string, error) {
	var tags []string

	for rest := body; len(rest) > 0; {
		var size int
		if len(rest) < 4 {
			return nil, io.ErrUnexpectedEOF
		}

		if _, err := fmt.Sscanf(string(rest[:4]), "%04x", &size); err != nil {
			return nil, errors.New("this is no Git server")
		}

		if size < 4 { // flush
			rest = rest[4:]

			continue
		}

		if size > len(rest) {
			return nil, io.ErrUnexpectedEOF
		}

		line, _, _ := strings.Cut(string(rest[4:size]), "\x00")
		rest = rest[size:]

		if _, ref, ok := strings.Cut(strings.TrimSpace(line), " refs/tags/"); ok {
			tag := strings.TrimSuffix(ref, "^{}")
			if !slices.Contains(tags[max(0, len(tags)-1):], tag) {
				tags = append(tags, tag)
			}
		}
	}

	return tags, nil
}
