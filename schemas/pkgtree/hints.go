package pkgtree

import (
	"fmt"
	"reflect"

	"github.com/akmon-os/akmon/schemas/document"
)

// stepKey is what to do with a key of a step that stands somewhere else.
const stepKey = "it is a key of a step: write it below `steps:`, behind a dash"

// otherKeys say what to write instead of keys that other systems have, or that
// belong to another level, by the type that they were written for.
var otherKeys = map[reflect.Type]map[string]string{
	reflect.TypeFor[Root](): {
		"name": "that is a key of a package; packages have directories of their own", "dependencies": "that is a key of a package; packages have directories of their own",
		"steps": "that is a key of a package; packages have directories of their own", "finalize": "that is a key of a package; packages have directories of their own",
		"variables": `did you mean "vars"?`, "env": `did you mean "vars"?`,
	},
	reflect.TypeFor[Package](): {
		"depends": `did you mean "dependencies"?`, "requires": `did you mean "dependencies"?`, "needs": `did you mean "dependencies"?`,
		"sources": stepKey, "prepare": stepKey, "build": stepKey, "test": stepKey, "env": stepKey, "network": stepKey, "tmpDir": stepKey, "cachePaths": stepKey, "sbom": stepKey,
		"vars":   "variables are given in a vars.yaml beside the recipe, or by the root document",
		"format": "that is a key of the root document, and the tree has another one",
		"url":    `did you mean "homepage"?`, "output": `did you mean "finalize"?`,
		"entrypoint": "it is a key of `image`", "cmd": "it is a key of `image`", "labels": "it is a key of `image`", "user": "it is a key of `image`",
	},
	reflect.TypeFor[Dependency](): {
		"name": `did you mean "stage"?`, "package": `did you mean "stage"?`, "src": `did you mean "from"?`, "dst": `did you mean "to"?`,
	},
	reflect.TypeFor[Finalize](): {
		"src": `did you mean "from"?`, "source": `did you mean "from"?`, "dst": `did you mean "to"?`, "dest": `did you mean "to"?`, "destination": `did you mean "to"?`,
	},
	reflect.TypeFor[Step](): {
		"run": "a step has the phases prepare, build, install and test", "script": "a step has the phases prepare, build, install and test",
		"commands": "a step has the phases prepare, build, install and test",
		"workdir":  `did you mean "tmpDir"?`, "environment": `did you mean "env"?`, "check": `did you mean "test"?`, "cache": `did you mean "cachePaths"?`,
	},
	reflect.TypeFor[Source](): {
		"sha1": "a source has sha256 and sha512", "md5": "a source has sha256 and sha512", "checksum": "a source has sha256 and sha512", "digest": "a source has sha256 and sha512",
		"tag": `did you mean "ref"?`, "branch": `did you mean "ref"?`, "revision": `did you mean "commit"?`, "repository": `did you mean "git"?`,
		"path": `did you mean "local"?`, "directory": `did you mean "local"?`, "uri": `did you mean "url"?`, "href": `did you mean "url"?`,
		"to": `did you mean "destination"?`, "dest": `did you mean "destination"?`, "filename": `did you mean "destination"?`,
	},
	reflect.TypeFor[Image](): {"command": `did you mean "cmd"?`, "environment": `did you mean "env"?`},
	reflect.TypeFor[SBOM]():  {"path": `did you mean "outputPath"?`, "output": `did you mean "outputPath"?`},
}

// otherValues are what people write for one of the values that a key may have.
var otherValues = map[string]map[string]string{
	"network": {
		"yes": "default", "true": "default", "on": "default", "bridge": "default", "sandbox": "default",
		"no": "none", "false": "none", "off": "none",
	},
}

// hintsFor gives the other keys of what v points to: one of the types above, or
// the same type without its methods.
func hintsFor(v any) map[string]string {
	t := reflect.TypeOf(v).Elem()

	for known, hints := range otherKeys {
		if t.ConvertibleTo(known) {
			return hints
		}
	}

	return nil
}

// hintKeys adds what to write instead to the unknown keys.
func (c *checker) hintKeys(hints map[string]string) {
	for key, hint := range hints {
		message := fmt.Sprintf("unknown key %q", key)

		for _, e := range c.errs {
			if e.Message == message && e.Hint == "" && c.isKey(key, e) {
				e.Hint = hint
			}
		}
	}
}

// isKey tells whether a finding is about a key of the node itself, not of
// something below it.
func (c *checker) isKey(key string, e *document.Error) bool {
	for i := 0; i+1 < len(c.node.Content); i += 2 {
		if k := c.node.Content[i]; k.Value == key && k.Line == e.Line && k.Column == e.Column {
			return true
		}
	}

	return false
}
