package jsonschema

// profileRules are about the imager's profile, which lies over a base.
var profileRules = ruleSet{
	partial: true,
	types: map[string]schema{
		"profile.Kind":       {"enum": []any{"iso", "image", "installer", "kernel", "initramfs", "uki", "cmdline", nil}},
		"profile.OutFormat":  {"enum": []any{"raw", ".tar.gz", ".xz", ".gz", ".zst", nil}},
		"profile.DiskFormat": {"enum": []any{"raw", "qcow2", "vhd", "ova", nil}},
		"profile.Bootloader": {"enum": []any{"dual-boot", "sd-boot", "grub", nil}},
		"profile.EnrollKeys": {"enum": []any{"if-safe", "manual", "force", "off", false, nil}},
		"profile.MetaKey": {"anyOf": []schema{
			{"type": "integer", "minimum": 0, "maximum": 255},
			{"type": "string", "pattern": "^(0[xX][0-9a-fA-F]{1,2}|0[oO]?[0-7]{1,3}|0[bB][01]{1,8}|[0-9]{1,3})$"},
		}},
	},
	properties: map[string]schema{
		"Profile.arch":                     only("amd64", "arm64"),
		"ImageOptions.diskSize":            {"type": []string{"integer", "null"}, "minimum": 0},
		"ImageOptions.sectorSize":          {"enum": []any{0, 512, 4096, nil}},
		"Customization.extraKernelArgs":    list(schema{"type": []string{"string", "number", "boolean", "null"}, "pattern": `^[^\n]*$`}),
		"Profile.baseProfileName":          form(`^[a-z0-9-]+$`),
		"MetaValue.value":                  textRef(),
		"ContainerAsset.imageRef":          textRef(),
		"SigningKey.azureKeyVersion":       textRef(),
		"ISOOptions.sdBootEnrollKeys":      {"enum": []any{"if-safe", "manual", "force", "off", false, nil}},
		"SecureBoot.includeWellKnownCerts": {"type": []string{"boolean", "null"}},
	},
}
