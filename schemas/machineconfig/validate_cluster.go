package machineconfig

import (
	"encoding/base64"
	"strings"
)

func (v *validator) cluster() {
	c := &v.config.Cluster
	at := path{"cluster"}

	v.required(at.join("controlPlane", "endpoint"), c.ControlPlane.Endpoint)
	v.url(at.join("controlPlane", "endpoint"), c.ControlPlane.Endpoint, "https")
	v.port(at.join("controlPlane", "localAPIServerPort"), c.ControlPlane.LocalAPIServerPort)

	v.secret(at.join("id"), c.ID, base64.URLEncoding, "URL-safe")
	v.secret(at.join("secret"), c.Secret, base64.StdEncoding, "standard")
	v.secret(at.join("aescbcEncryptionSecret"), c.AESCBCEncryptionSecret, base64.StdEncoding, "standard")
	v.secret(at.join("secretboxEncryptionSecret"), c.SecretboxEncryptionSecret, base64.StdEncoding, "standard")
	v.token(at.join("token"), c.Token)

	v.authority(at.join("ca"), c.CA)
	v.acceptedCAs(at.join("acceptedCAs"), c.AcceptedCAs)
	v.authority(at.join("aggregatorCA"), c.AggregatorCA)
	v.authority(at.join("etcd", "ca"), c.Etcd.CA)
	v.privateKey(at.join("serviceAccount", "key"), c.ServiceAccount.Key)

	if v.config.Machine.Type != "" && !v.config.Machine.Type.IsControlPlane() && len(c.CA.Key) > 0 {
		v.fail(at.join("ca", "key"), "a worker must not have the key of the authority")
	}

	v.hostname(at.join("network", "dnsDomain"), c.Network.DNSDomain)
	v.cidrs(at.join("network", "podSubnets"), c.Network.PodSubnets)
	v.cidrs(at.join("network", "serviceSubnets"), c.Network.ServiceSubnets)
	v.cni(at.join("network", "cni"))
	v.url(at.join("discovery", "registries", "service", "endpoint"), c.Discovery.Registries.Service.Endpoint, "https", "http")

	if c.AdminKubeconfig.CertLifetime < 0 {
		v.fail(at.join("adminKubeconfig", "certLifetime"), "must not be negative")
	}

	for i, manifest := range c.ExtraManifests {
		v.requiredItem(at.join("extraManifests", i), manifest)
		v.url(at.join("extraManifests", i), manifest, "https", "http")
	}

	names := map[string]bool{}

	for i, manifest := range c.InlineManifests {
		here := at.join("inlineManifests", i)

		if v.required(here.join("name"), manifest.Name) && names[manifest.Name] {
			v.fail(here.join("name"), "%q is given twice", manifest.Name)
		}

		names[manifest.Name] = true
		v.required(here.join("contents"), manifest.Contents)
	}
}

func (v *validator) cni(at path) {
	cni := &v.config.Cluster.Network.CNI
	v.oneOf(at.join("name"), cni.Name, "flannel", "custom", "none")

	if cni.Name == "custom" && len(cni.URLs) == 0 {
		v.fail(at, "a custom CNI needs urls")
	}

	if cni.Name != "custom" && len(cni.URLs) > 0 {
		v.fail(at.join("urls"), "only a custom CNI has urls")
	}

	for i, u := range cni.URLs {
		v.url(at.join("urls", i), u, "https", "http")
	}
}

func (v *validator) kubernetes() {
	kubelet := &v.config.Machine.Kubelet
	at := path{"machine", "kubelet"}

	for i, server := range kubelet.ClusterDNS {
		v.requiredItem(at.join("clusterDNS", i), server)
		v.ip(at.join("clusterDNS", i), server)
	}

	for i, subnet := range kubelet.NodeIP.ValidSubnets {
		v.requiredItem(at.join("nodeIP", "validSubnets", i), subnet)
		v.cidr(at.join("nodeIP", "validSubnets", i), strings.TrimPrefix(subnet, "!"))
	}

	for i, mount := range kubelet.ExtraMounts {
		v.required(at.join("extraMounts", i, "destination"), mount.Destination)
	}

	c := &v.config.Cluster
	at = path{"cluster"}

	v.sans(at.join("apiServer", "certSANs"), c.APIServer.CertSANs)

	for i, plugin := range c.APIServer.AdmissionControl {
		v.required(at.join("apiServer", "admissionControl", i, "name"), plugin.Name)
	}

	for i, authorizer := range c.APIServer.AuthorizationConfig {
		here := at.join("apiServer", "authorizationConfig", i)
		v.required(here.join("type"), authorizer.Type)
		v.required(here.join("name"), authorizer.Name)
	}

	v.oneOf(at.join("proxy", "mode"), c.Proxy.Mode, "iptables", "ipvs", "nftables")
	v.cidr(at.join("etcd", "subnet"), c.Etcd.Subnet)
	v.cidrs(at.join("etcd", "advertisedSubnets"), c.Etcd.AdvertisedSubnets)
	v.cidrs(at.join("etcd", "listenSubnets"), c.Etcd.ListenSubnets)
}
