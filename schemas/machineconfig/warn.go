package machineconfig

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Warning is about a key that is accepted but has no effect.
type Warning struct {
	File         string
	Line, Column int
	// Path is the key, with dots, such as machine.kubelet; for a further
	// document it is its kind and name.
	Path string
	// Message says why there is no effect.
	Message string
}

// String is file:line:column: path: message.
func (w Warning) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", w.File, w.Line, w.Column, w.Path, w.Message)
}

const (
	notYet = "accepted, but this version does not act on it"
	always = "deprecated: it is always on"
)

// acted are the keys of the main document that this version acts on, with all
// that is below them; lists are looked through. Who makes a controller act on
// a key adds the key here.
var acted = tree(
	"version",
	"persist",
	"machine.type",
	"machine.token",
	"machine.ca",
	"machine.acceptedCAs",
	"machine.certSANs",
	"machine.network.hostname",
	"machine.network.nameservers",
	"machine.network.searchDomains",
	"machine.network.extraHostEntries",
	"machine.network.interfaces.interface",
	"machine.network.interfaces.deviceSelector",
	"machine.network.interfaces.addresses",
	"machine.network.interfaces.routes",
	"machine.network.interfaces.mtu",
	"machine.network.interfaces.ignore",
	"machine.network.interfaces.dhcp",
	"machine.network.interfaces.dhcpOptions.routeMetric",
	"machine.network.interfaces.dhcpOptions.ipv4",
	"machine.features.stableHostname",
)

// actedKinds are the kinds of further documents that this version acts on.
var actedKinds = map[string]bool{
	"HostnameConfig": true,
}

// deprecated are keys without effect for ever.
var deprecated = map[string]string{
	"machine.features.rbac":                      always,
	"machine.features.apidCheckExtKeyUsage":      always,
	"machine.install.bootloader":                 "deprecated: a boot loader is always installed",
	"machine.install.extensions":                 "deprecated: use an installer image that holds the extensions",
	"cluster.apiServer.disablePodSecurityPolicy": "deprecated: Kubernetes has no pod security policies any more",
}

// node is a set of keys: nil means a key with all that is below it.
type node map[string]node

func tree(paths ...string) node {
	root := node{}

	for _, path := range paths {
		at := root
		parts := strings.Split(path, ".")

		for _, part := range parts[:len(parts)-1] {
			if at[part] == nil {
				at[part] = node{}
			}

			at = at[part]
		}

		at[parts[len(parts)-1]] = nil
	}

	return root
}

func warnings(c *Config) []Warning {
	w := warner{src: &c.source}

	if c.source.main != nil {
		w.walk(c.source.main, "", acted)
	}

	for i, doc := range c.Documents {
		if !actedKinds[doc.DocumentKind()] {
			w.add(c.source.docs[i], strings.TrimSpace(doc.DocumentKind()+" "+doc.DocumentName()), notYet)
		}
	}

	return w.list
}

type warner struct {
	src  *source
	list []Warning
}

func (w *warner) add(n *yaml.Node, path, message string) {
	w.list = append(w.list, Warning{File: w.src.file, Line: n.Line, Column: n.Column, Path: path, Message: message})
}

// walk warns of what is in the mapping n, or in the mappings of the list n, but
// not in known. Where nothing below a key is known the key itself is named, once.
func (w *warner) walk(n *yaml.Node, prefix string, known node) {
	n = resolve(n)

	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			w.walk(item, fmt.Sprintf("%s[%d]", prefix, i), known)
		}
	}

	if n.Kind != yaml.MappingNode {
		return
	}

	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), resolve(n.Content[i+1])
		path := strings.TrimPrefix(prefix+"."+key.Value, ".")

		below, isKnown := known[key.Value]
		message, isDeprecated := deprecated[path]

		switch {
		case isEmpty(value):
		case isDeprecated:
			w.add(key, path, message)
		case isKnown && below != nil:
			w.walk(value, path, below)
		case !isKnown:
			w.add(key, path, notYet)
		}
	}
}

// isEmpty says whether a value says nothing: null, false, no text, or a
// collection without items.
func isEmpty(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode {
		return n.Tag == "!!null" || n.Value == "" || n.Value == "false"
	}

	return len(n.Content) == 0
}
