package jsonschema

const (
	base64Form = `^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$`
	tokenForm  = `^[a-z0-9]{6}\.[a-z0-9]{16}$`
	cidrForm   = `^[0-9a-fA-F:.]+/[0-9]{1,3}$`
)

// port is a number that a service listens on.
var port = schema{"type": []string{"integer", "null"}, "minimum": 0, "maximum": 65535}

// machineRules are about the machine configuration. Nothing but the kind of
// a further document is required: patches are such documents, too.
var machineRules = ruleSet{
	partial: true,
	types: map[string]schema{
		"v1alpha1.Base64":      {"type": []string{"string", "null"}, "pattern": base64Form},
		"v1alpha1.MachineType": only("controlplane", "worker", "init"),
		"v1alpha1.Arg":         {"anyOf": []schema{textRef(), {"type": "array", "items": textRef()}}},
		"v1alpha1.FileMode": {"anyOf": []schema{
			{"type": []string{"integer", "null"}, "minimum": 0, "maximum": 0o7777}, {"type": "string", "pattern": "^0[oO]?[0-7]{1,4}$"},
		}},
		"documents.PortRange": {"anyOf": []schema{
			{"type": "integer", "minimum": 0, "maximum": 65535}, {"type": "string", "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$"},
		}},
	},
	properties: map[string]schema{
		"Document.version":                        {"enum": []any{"v1alpha1", nil}},
		"Machine.token":                           form(tokenForm),
		"Cluster.token":                           form(tokenForm),
		"ControlPlaneEndpoint.endpoint":           form(`^https://[^/]+`),
		"ControlPlaneEndpoint.localAPIServerPort": port,
		"KubePrism.port":                          port,
		"ClusterNetwork.podSubnets":               list(form(cidrForm)),
		"ClusterNetwork.serviceSubnets":           list(form(cidrForm)),
		"CNI.name":                                only("flannel", "custom", "none"),
		"File.op":                                 only("create", "append", "overwrite"),
		"File.path":                               form(`^/`),
		"LogDestination.format":                   only("json_lines"),
		"Features.nodeAddressSortAlgorithm":       only("v1", "v2"),
		"DiskSelector.type":                       only("ssd", "hdd", "nvme", "sd"),
		"Encryption.provider":                     only("luks2"),
		"VLANConfig.vlanMode":                     only("802.1q", "802.1ad"),
		"RoutingRuleConfig.action":                only("unicast", "blackhole", "unreachable", "prohibit"),
		"NetworkDefaultActionConfig.ingress":      only("accept", "block"),
		"UserVolumeConfig.volumeType":             only("directory", "disk", "partition"),
		"HostnameConfig.auto":                     {"enum": []any{"stable", "off", false, "", nil}},
	},
}
