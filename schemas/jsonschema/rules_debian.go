package jsonschema

// hexadecimal sums.
var (
	sum256 = schema{"type": "string", "pattern": "^[0-9a-f]{64}$"}
	sum512 = schema{"type": "string", "pattern": "^[0-9a-f]{128}$"}
)

const (
	debianName   = `^[a-z0-9][a-z0-9+.-]+$`
	debianArch   = `^[a-z0-9]+$`
	debianTime   = `^[0-9]{8}T[0-9]{6}Z$`
	absolutePath = `^(/([^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+))+$`
)

// some is a list of texts of a form, of which there is at least one.
func some(pattern string) schema {
	return schema{"type": "array", "minItems": 1, "uniqueItems": true, "items": schema{"type": "string", "pattern": pattern}}
}

// byPath is a mapping whose keys are absolute paths.
func byPath(value schema) schema {
	return schema{"type": []string{"object", "null"}, "propertyNames": schema{"pattern": absolutePath}, "additionalProperties": value}
}

// debianRules are about the documents of a bootstrap userland.
var debianRules = ruleSet{
	partial: true,
	needed: map[string][]string{
		"Spec":   {"format", "suites", "architectures", "packages"},
		"Lock":   {"format", "snapshot"},
		"Locked": {"name", "arch", "version", "url", "size", "sha256", "sha512"},
	},
	types: map[string]schema{
		"bootstrap.Path": {"type": "string", "pattern": absolutePath},
		"layer.Pattern":  {"type": "string", "pattern": "^!?/[^/]"},
		"bootstrap.Mode": {"anyOf": []schema{
			{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^(0o)?[0-7]{1,5}$"}, {"type": "null"},
		}},
		"bootstrap.Wanted": {"anyOf": []schema{
			{"type": "string", "pattern": debianName},
			{
				"type": "object", "additionalProperties": false, "required": []string{"name"},
				"properties": schema{
					"name":          schema{"type": "string", "pattern": `^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?$`, "description": "name of the package; with an architecture after a colon it must stand alone"},
					"architectures": schema{"type": []string{"array", "null"}, "items": schema{"type": "string", "pattern": debianArch}, "description": "architectures of the userlands that it is for; all unless given"},
					"depends":       schema{"type": []string{"boolean", "null"}, "description": "depends: false leaves out what the package depends on"},
				},
			},
		}},
	},
	properties: map[string]schema{
		"Spec.format":        {"const": "v1alpha1"},
		"Spec.suites":        some(`^[a-z][a-z0-9-]*$`),
		"Spec.architectures": some(debianArch),
		"Spec.without":       {"type": []string{"array", "null"}, "uniqueItems": true, "items": schema{"type": "string", "pattern": debianName}},
		"Spec.snapshot":      {"anyOf": []schema{{"enum": []any{"auto", nil}}, {"type": "string", "pattern": debianTime}}},
		"Layout.links":       byPath(schema{"type": "string", "minLength": 1}),
		"Lock.format":        {"const": "v1alpha1"},
		"Lock.snapshot":      {"type": "string", "pattern": debianTime},
		"Locked.name":        {"type": "string", "pattern": debianName},
		"Locked.url":         {"type": "string", "minLength": 1},
		"Locked.size":        {"type": "integer", "minimum": 1},
		"Locked.sha256":      sum256,
		"Locked.sha512":      sum512,
	},
	constraints: map[string]schema{
		"Locked": {"type": "object"}, // an entry of a list must say something
	},
}
