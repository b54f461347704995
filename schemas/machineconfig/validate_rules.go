package machineconfig

import (
	"encoding/base64"
	"reflect"

	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// workerRules are what only control plane nodes may be told.
func (v *validator) workerRules() {
	m, c := &v.config.Machine, &v.config.Cluster
	if m.Type == "" || m.Type.IsControlPlane() {
		return
	}

	if !reflect.ValueOf(c.Etcd).IsZero() {
		v.fail(path{"cluster", "etcd"}, "only control plane nodes run etcd")
	}

	if m.Features.KubernetesTalosAPIAccess.Enabled {
		v.fail(path{"machine", "features", "kubernetesTalosAPIAccess"}, "only control plane nodes can give access to the API")
	}

	for i := range m.Network.Interfaces {
		link, here := &m.Network.Interfaces[i], path{"machine", "network", "interfaces", i}

		if link.VIP.IP != "" {
			v.fail(here.join("vip"), "only control plane nodes share an address")
		}

		for j := range link.VLANs {
			if link.VLANs[j].VIP.IP != "" {
				v.fail(here.join("vlans", j, "vip"), "only control plane nodes share an address")
			}
		}
	}
}

// kubeSpanRules are what the mesh needs to find its members.
func (v *validator) kubeSpanRules() {
	if !v.config.Machine.Network.KubeSpan.Enabled {
		return
	}

	c := &v.config.Cluster
	at := path{"machine", "network", "kubespan"}

	if !c.Discovery.Enabled {
		v.fail(at, "the mesh needs cluster.discovery")
	}

	if c.ID == "" || c.Secret == "" {
		v.fail(at, "the mesh needs cluster.id and cluster.secret")
	}
}

// wireGuardKey checks a Curve25519 key: 32 bytes in base64.
func (v *validator) wireGuardKey(p path, key string) {
	if key == "" {
		return
	}

	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 32 {
		v.fail(p, "a WireGuard key is 32 bytes in base64")
	}
}

// conflict refuses a document that says what the main document says already,
// for one of them would have no effect.
func (v *validator) conflict(doc documents.Document) {
	m := &v.config.Machine

	switch d := doc.(type) {
	case *documents.HostnameConfig:
		if d.Hostname != "" && m.Network.Hostname != "" {
			v.fail(path{"hostname"}, "machine.network.hostname gives a name too")
		}
	case *documents.ResolverConfig:
		if len(d.Nameservers) > 0 && len(m.Network.Nameservers) > 0 {
			v.fail(path{"nameservers"}, "machine.network.nameservers has some too")
		}

		if len(d.SearchDomains.Domains) > 0 && len(m.Network.SearchDomains) > 0 {
			v.fail(path{"searchDomains"}, "machine.network.searchDomains has some too")
		}
	case *documents.TimeSyncConfig:
		if !reflect.ValueOf(m.Time).IsZero() {
			v.fail(nil, "machine.time configures time synchronisation too")
		}
	case *documents.VolumeConfig:
		for name, e := range map[string]v1alpha1.Encryption{"STATE": m.SystemDiskEncryption.State, "EPHEMERAL": m.SystemDiskEncryption.Ephemeral} {
			if d.Name == name && d.Encryption.Provider != "" && e.Provider != "" {
				v.fail(path{"encryption"}, "machine.systemDiskEncryption encrypts %s too", name)
			}
		}
	}
}
