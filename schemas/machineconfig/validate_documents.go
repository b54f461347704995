package machineconfig

import (
	"strings"

	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
)

func (v *validator) documents() {
	for i, doc := range v.config.Documents {
		v.root, v.prefix = nil, doc.DocumentKind()
		if i < len(v.config.source.docs) {
			v.root = v.config.source.docs[i]
		}

		if name := doc.DocumentName(); name != "" {
			v.prefix += " " + name
		}

		v.prefix += ": "
		v.document(doc)
		v.conflict(doc)
	}

	v.root, v.prefix = nil, ""
}

func (v *validator) document(doc documents.Document) {
	if doc.NeedsName() {
		v.required(path{"name"}, doc.DocumentName())
	}

	switch d := doc.(type) {
	case *documents.HostnameConfig:
		v.hostnameConfig(d)
	case *documents.ResolverConfig:
		for i, server := range d.Nameservers {
			v.required(path{"nameservers", i, "address"}, server.Address)
			v.ip(path{"nameservers", i, "address"}, server.Address)
		}
	case *documents.StaticHostConfig:
		v.ip(path{"name"}, d.Name)
	case *documents.LinkConfig:
		v.documentLink(&d.Link)
	case *documents.DummyLinkConfig:
		v.documentLink(&d.Link)
	case *documents.VLANConfig:
		v.vlanID(path{"vlanID"}, d.VLANID)
		v.required(path{"parent"}, d.Parent)
		v.oneOf(path{"vlanMode"}, d.VLANMode, "802.1q", "802.1ad")
		v.documentLink(&d.Link)
	case *documents.BondConfig:
		v.required(path{"bondMode"}, d.BondMode)
		v.oneOf(path{"bondMode"}, d.BondMode, bondModes...)
		v.documentLink(&d.Link)
	case *documents.BridgeConfig:
		v.documentLink(&d.Link)
	case *documents.VRFConfig:
		v.documentLink(&d.Link)
	case *documents.WireguardConfig:
		v.required(path{"privateKey"}, d.PrivateKey)
		v.wireGuardKey(path{"privateKey"}, d.PrivateKey)

		for i, peer := range d.Peers {
			v.required(path{"peers", i, "publicKey"}, peer.PublicKey)
			v.wireGuardKey(path{"peers", i, "publicKey"}, peer.PublicKey)
			v.cidrs(path{"peers", i, "allowedIPs"}, peer.AllowedIPs)
		}

		v.documentLink(&d.Link)
	case *documents.RoutingRuleConfig:
		v.required(path{"table"}, d.Table)
		v.oneOf(path{"action"}, d.Action, "unicast", "blackhole", "unreachable", "prohibit")
	case *documents.Layer2VIPConfig:
		v.ip(path{"name"}, d.Name)
		v.required(path{"link"}, d.Link)
	case *documents.NetworkDefaultActionConfig:
		v.required(path{"ingress"}, d.Ingress)
		v.oneOf(path{"ingress"}, d.Ingress, "accept", "block")
	case *documents.NetworkRuleConfig:
		v.networkRule(d)
	default:
		v.systemDocument(doc)
	}
}

func (v *validator) systemDocument(doc documents.Document) {
	switch d := doc.(type) {
	case *documents.RegistryMirrorConfig:
		for i, endpoint := range d.Endpoints {
			v.required(path{"endpoints", i, "url"}, endpoint.URL)
			v.url(path{"endpoints", i, "url"}, endpoint.URL, "http", "https")
		}
	case *documents.KmsgLogConfig:
		v.required(path{"url"}, d.URL)
		v.url(path{"url"}, d.URL, "tcp", "udp")
	case *documents.SideroLinkConfig:
		v.required(path{"apiUrl"}, d.APIURL)
		v.url(path{"apiUrl"}, d.APIURL, "grpc", "https")
	case *documents.WatchdogTimerConfig:
		v.required(path{"device"}, d.Device)
	case *documents.TrustedRootsConfig:
		if !strings.Contains(d.Certificates, "-----BEGIN CERTIFICATE-----") {
			v.fail(path{"certificates"}, "there is no PEM certificate in it")
		}
	case *documents.UserVolumeConfig:
		v.oneOf(path{"volumeType"}, d.VolumeType, "directory", "disk", "partition")
		v.oneOf(path{"filesystem", "type"}, d.Filesystem.Type, "ext4", "xfs")
		v.encryption(path{"encryption"}, &d.Encryption)
	case *documents.VolumeConfig:
		v.encryption(path{"encryption"}, &d.Encryption)
	case *documents.RawVolumeConfig:
		v.encryption(path{"encryption"}, &d.Encryption)
	}
}

func (v *validator) hostnameConfig(d *documents.HostnameConfig) {
	v.oneOf(path{"auto"}, d.Auto, "stable", "off")
	v.hostname(path{"hostname"}, d.Hostname)

	switch {
	case d.Auto == "" && d.Hostname == "":
		v.fail(nil, "needs either auto or hostname")
	case d.Auto != "" && d.Auto != "off" && d.Hostname != "":
		v.fail(path{"auto"}, "auto and hostname exclude each other")
	}
}

func (v *validator) documentLink(link *documents.Link) {
	for i, address := range link.Addresses {
		v.required(path{"addresses", i, "address"}, address.Address)
		v.cidr(path{"addresses", i, "address"}, address.Address)
	}

	for i, route := range link.Routes {
		v.cidr(path{"routes", i, "destination"}, route.Destination)
		v.ip(path{"routes", i, "gateway"}, route.Gateway)
		v.ip(path{"routes", i, "source"}, route.Source)
	}
}

func (v *validator) networkRule(d *documents.NetworkRuleConfig) {
	v.required(path{"portSelector", "protocol"}, d.PortSelector.Protocol)
	v.oneOf(path{"portSelector", "protocol"}, d.PortSelector.Protocol, "tcp", "udp", "icmp", "icmpv6")

	if len(d.PortSelector.Ports) == 0 {
		v.fail(path{"portSelector", "ports"}, "needs at least one port")
	}

	for i, rule := range d.Ingress {
		v.required(path{"ingress", i, "subnet"}, rule.Subnet)
		v.cidr(path{"ingress", i, "subnet"}, rule.Subnet)
		v.cidr(path{"ingress", i, "except"}, rule.Except)
	}
}
