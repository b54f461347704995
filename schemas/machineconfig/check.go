package machineconfig

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The forms of values, shared by the checks of all documents. An empty value
// passes: whether a key is required is another question.

var tokenForm = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

func (v *validator) token(p path, value string) {
	if value != "" && !tokenForm.MatchString(value) {
		v.fail(p, "a token is 6 characters, a dot and 16 characters of [a-z0-9]")
	}
}

func (v *validator) secret(p path, value string, encoding *base64.Encoding, name string) {
	if value == "" {
		return
	}

	if raw, err := encoding.DecodeString(value); err != nil || len(raw) != 32 {
		v.fail(p, "must be 32 bytes in %s base64", name)
	}
}

func (v *validator) url(p path, value string, schemes ...string) {
	if value == "" {
		return
	}

	u, err := url.Parse(value)

	switch {
	case err != nil:
		v.fail(p, "not a URL: %v", unwrapURL(err))
	case !slices.Contains(schemes, u.Scheme):
		v.fail(p, "%q is not a URL with the scheme %s", value, strings.Join(schemes, " or "))
	case u.Hostname() == "":
		v.fail(p, "%q has no host", value)
	case u.Port() != "" && !validPort(u.Port()):
		v.fail(p, "%q has a port that is not from 1 to 65535", value)
	}
}

// unwrapURL drops the text of the URL from the error; the position has it.
func unwrapURL(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // url.Parse documents it
		return u.Err
	}

	return err
}

func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)

	return err == nil && port > 0
}

func (v *validator) port(p path, port int) {
	if port < 0 || port > 65535 {
		v.fail(p, "%d is not a port from 1 to 65535", port)
	}
}

func (v *validator) ip(p path, value string) {
	if value == "" {
		return
	}

	if _, err := netip.ParseAddr(value); err != nil {
		v.fail(p, "%q is not an IP address", value)
	}
}

// cidr checks an address or a network with its prefix length.
func (v *validator) cidr(p path, value string) {
	if value == "" {
		return
	}

	if _, err := netip.ParsePrefix(value); err != nil {
		v.fail(p, "%q is not in CIDR notation such as 10.0.0.0/8", value)
	}
}

func (v *validator) cidrs(p path, values []string) {
	for i, value := range values {
		v.requiredItem(p.join(i), value)
		v.cidr(p.join(i), value)
	}
}

// requiredItem checks that an item of a list is not empty.
func (v *validator) requiredItem(p path, value string) {
	if value == "" {
		v.fail(p, "an item must not be empty")
	}
}

// hostLabel is a label of a name (RFC 1123, section 2.1). Underscores are not
// allowed: Kubernetes refuses them in node names.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

func validHostname(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}

	for label := range strings.SplitSeq(name, ".") {
		if !hostLabel.MatchString(label) {
			return false
		}
	}

	return true
}

func (v *validator) hostname(p path, value string) {
	if value != "" && !validHostname(value) {
		v.fail(p, "%q is not a host name (RFC 1123: letters, digits and hyphens between dots)", value)
	}
}

// sans checks subject alternative names: addresses or names, perhaps with a
// wildcard as its first label.
func (v *validator) sans(p path, values []string) {
	for i, value := range values {
		if _, err := netip.ParseAddr(value); err == nil {
			continue
		}

		if !validHostname(strings.TrimPrefix(value, "*.")) {
			v.fail(p.join(i), "%q is neither an IP address nor a host name", value)
		}
	}
}
