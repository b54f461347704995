package update

import (
	"regexp"
	"strings"

	"github.com/akmon-os/akmon/forge/bootstrap/deb"
)

var (
	// versionForm is what a version looks like once what stands before it is
	// gone.
	versionForm = regexp.MustCompile(`^[0-9]+([._+-]?[0-9A-Za-z]+)*$`)
	// core is the version within a text such as v1.2.3.
	core = regexp.MustCompile(`[0-9][0-9A-Za-z._+-]*$`)
	// unstable marks what is not meant for everybody.
	unstable = regexp.MustCompile(`(?i)(^|[0-9._+-])(rc|alpha|beta|pre|dev|snapshot|nightly|test|a|b)[._-]?[0-9]*$|(?i)[._-](rc|alpha|beta|pre|dev)`)
	// word is a mark of an unstable version and what stands before it.
	word = regexp.MustCompile(`(?i)[._+~-]*(rc|alpha|beta|pre|dev|snapshot|nightly|test)`)
)

// compare orders versions: numbers as numbers, and what is unstable before
// what it leads to.
func compare(a, b string) int { return deb.CompareVersions(orderly(a), orderly(b)) }

func orderly(v string) string {
	v = word.ReplaceAllString(v, "~$1")

	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-+:", r) {
			return '.'
		}

		return r
	}, v)
}

// dated tells whether a version begins with a year or a date, as tags of
// nightly builds do.
func dated(v string) bool {
	digits := len(v) - len(strings.TrimLeft(v, "0123456789"))

	return digits >= 4
}

// candidate is a version that upstream has.
type candidate struct {
	// version is as upstream writes it, without what stands around it.
	version string
	// since says when an archive got it, for messages; may be empty.
	since string
}

// newest picks the newest of the versions that are like the current one: no
// unstable one unless the current one is, and no date unless it is one.
func newest(current string, all []candidate) (best candidate, found bool) {
	best = candidate{version: current}

	for _, c := range all {
		switch {
		case unstable.MatchString(c.version) && !unstable.MatchString(current), dated(c.version) != dated(current):
			continue
		case compare(c.version, best.version) > 0:
			best = c
		}

		found = true
	}

	return best, found
}

// sameStyle writes a version with the separators that another one has: tags
// often have 1_2_3 for 1.2.3.
func sameStyle(version, like string) string {
	if strings.Contains(like, ".") && !strings.Contains(version, ".") {
		for _, sep := range []string{"_", "-"} {
			if strings.Contains(version, sep) {
				return strings.ReplaceAll(version, sep, ".")
			}
		}
	}

	return version
}

// byPattern takes the versions out of names by a regular expression.
func byPattern(names []string, pattern *regexp.Regexp) []candidate {
	group := max(pattern.SubexpIndex("version"), 1)

	var all []candidate

	for _, name := range names {
		if m := pattern.FindStringSubmatch(name); len(m) > group && m[group] != "" {
			all = append(all, candidate{version: m[group]})
		}
	}

	return all
}

// byExample takes the versions out of names that have the same text before and
// after the version as the name of the current version has.
func byExample(names []string, before, after string) []candidate {
	var all []candidate

	for _, name := range names {
		rest, ok := strings.CutPrefix(name, before)
		if !ok {
			continue
		}

		if rest, ok = strings.CutSuffix(rest, after); ok && versionForm.MatchString(rest) {
			all = append(all, candidate{version: rest})
		}
	}

	return all
}

// ofTags takes the versions out of tags. The tag of the current version shows
// what stands before it; without one, the usual ways to name tags are tried.
func ofTags(tags []string, current, name string) []candidate {
	for _, tag := range tags {
		for _, like := range []string{current, strings.ReplaceAll(current, ".", "_"), strings.ReplaceAll(current, ".", "-")} {
			before, ok := strings.CutSuffix(tag, like)
			if ok && (before == "" || !strings.ContainsAny(before[len(before)-1:], "0123456789.")) {
				return byExample(tags, before, "")
			}
		}
	}

	var all []candidate
	for _, before := range []string{"v", "", name + "-", name + "-v", "release-"} {
		all = append(all, byExample(tags, before, "")...)
	}

	return all
}
