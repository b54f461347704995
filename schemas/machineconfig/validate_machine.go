package machineconfig

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

func (v *validator) machine() {
	m := &v.config.Machine
	at := path{"machine"}

	if v.required(at.join("type"), string(m.Type)) {
		types := v1alpha1.MachineTypes()
		v.oneOf(at.join("type"), string(m.Type), types...)
	}

	v.required(at.join("token"), m.Token)
	v.token(at.join("token"), m.Token)
	v.machineCA(at, m)
	v.acceptedCAs(at.join("acceptedCAs"), m.AcceptedCAs)
	v.sans(at.join("certSANs"), m.CertSANs)
	v.files(at.join("files"), m.Files)
	v.registries(at.join("registries"), &m.Registries)

	if m.Time.BootTimeout < 0 {
		v.fail(at.join("time", "bootTimeout"), "must not be negative")
	}

	for i, module := range m.Kernel.Modules {
		v.required(at.join("kernel", "modules", i, "name"), module.Name)
	}

	for i, profile := range m.SeccompProfiles {
		v.required(at.join("seccompProfiles", i, "name"), profile.Name)
	}

	for i, destination := range m.Logging.Destinations {
		here := at.join("logging", "destinations", i)
		v.required(here.join("endpoint"), destination.Endpoint)
		v.url(here.join("endpoint"), destination.Endpoint, "tcp", "udp")
		v.required(here.join("format"), destination.Format)
		v.oneOf(here.join("format"), destination.Format, "json_lines")
	}

	for key := range m.Sysctls {
		if key == "" {
			v.fail(at.join("sysctls"), "a name must not be empty")
		}
	}

	v.oneOf(at.join("features", "nodeAddressSortAlgorithm"), m.Features.NodeAddressSortAlgorithm, "v1", "v2")
	v.port(at.join("features", "kubePrism", "port"), m.Features.KubePrism.Port)
}

func (v *validator) machineCA(at path, m *v1alpha1.Machine) {
	here := at.join("ca")
	v.authority(here, m.CA)

	switch {
	case m.Type.IsControlPlane() && len(m.CA.Key) == 0:
		v.fail(here, "a control plane node needs the certificate and the key of the authority")
	case m.Type.IsControlPlane():
	case len(m.CA.Crt) == 0 && len(m.AcceptedCAs) == 0:
		v.fail(here, "the certificate of the authority is missing")
	case len(m.CA.Key) > 0:
		v.fail(here.join("key"), "a worker must not have the key of the authority")
	}
}

func (v *validator) files(at path, files []v1alpha1.File) {
	for i, file := range files {
		here := at.join(i)

		if v.required(here.join("path"), file.Path) && !strings.HasPrefix(file.Path, "/") {
			v.fail(here.join("path"), "%q is not an absolute path", file.Path)
		}

		v.required(here.join("op"), file.Op)
		v.oneOf(here.join("op"), file.Op, "create", "append", "overwrite")
	}
}

func (v *validator) registries(at path, r *v1alpha1.Registries) {
	for _, name := range slices.Sorted(maps.Keys(r.Mirrors)) {
		for i, endpoint := range r.Mirrors[name].Endpoints {
			v.url(at.join("mirrors", name, "endpoints", i), endpoint, "http", "https")
		}
	}

	for _, host := range slices.Sorted(maps.Keys(r.Config)) {
		config, here := r.Config[host], at.join("config", host)

		if strings.Contains(host, "/") {
			v.fail(here, "%q is not a host, with or without a port", host)
		}

		if id := config.TLS.ClientIdentity; len(id.Crt) > 0 || len(id.Key) > 0 {
			v.certificate(here.join("tls", "clientIdentity", "crt"), id.Crt)
			v.privateKey(here.join("tls", "clientIdentity", "key"), id.Key)
		}
	}
}

func (v *validator) install() {
	m := &v.config.Machine
	at := path{"machine", "install"}

	if v.mode == ModeMetal && m.Install.Disk == "" && m.Install.DiskSelector == (v1alpha1.DiskSelector{}) {
		v.fail(at, "a machine of mode metal needs either disk or diskSelector")
	}

	v.oneOf(at.join("diskSelector", "type"), m.Install.DiskSelector.Type, "ssd", "hdd", "nvme", "sd")

	if size := m.Install.DiskSelector.Size; size != "" && !sizeBound.MatchString(size) {
		v.fail(at.join("diskSelector", "size"), "%q is not a size, or a bound on it such as >= 4GB", size)
	}

	for i, disk := range m.Disks {
		here := path{"machine", "disks", i}
		v.required(here.join("device"), disk.Device)

		for j, partition := range disk.Partitions {
			v.required(here.join("partitions", j, "mountpoint"), partition.MountPoint)
		}
	}

	v.systemEncryption(path{"machine", "systemDiskEncryption", "state"}, &m.SystemDiskEncryption.State)
	v.systemEncryption(path{"machine", "systemDiskEncryption", "ephemeral"}, &m.SystemDiskEncryption.Ephemeral)
}

// sizeBound is a size, or a bound on it such as ">= 4GB".
var sizeBound = regexp.MustCompile(`^(==|<=|>=|<|>)?\s*\d+(\.\d+)?\s*([kKmMgGtTpPeE]?i?[bB]?)$`)

// systemEncryption checks the older place for encryption, which does not have
// all that VolumeConfig documents have.
func (v *validator) systemEncryption(at path, e *v1alpha1.Encryption) {
	v.encryption(at, e)

	for i, key := range e.Keys {
		if key.LockToState {
			v.fail(at.join("keys", i, "lockToState"), "only a VolumeConfig document can say this")
		}

		if key.TPM != nil && len(key.TPM.Options.PCRs) > 0 {
			v.fail(at.join("keys", i, "tpm", "options"), "only a VolumeConfig document can say this")
		}
	}
}

func (v *validator) encryption(at path, e *v1alpha1.Encryption) {
	if e.Provider == "" && len(e.Keys) == 0 {
		return
	}

	v.required(at.join("provider"), e.Provider)
	v.oneOf(at.join("provider"), e.Provider, "luks2")

	if len(e.Keys) == 0 {
		v.fail(at, "there is no key, so nothing could open it")
	}

	slots := map[int]bool{}

	for i, key := range e.Keys {
		here := at.join("keys", i)

		if slots[key.Slot] {
			v.fail(here.join("slot"), "slot %d is given twice", key.Slot)
		}

		slots[key.Slot] = true
		given := 0

		for _, set := range []bool{key.Static != nil, key.NodeID != nil, key.KMS != nil, key.TPM != nil} {
			if set {
				given++
			}
		}

		if given != 1 {
			v.fail(here, "a key is exactly one of static, nodeID, kms and tpm")
		}

		if key.Static != nil {
			v.required(here.join("static", "passphrase"), key.Static.Passphrase)
		}

		if key.KMS != nil {
			v.required(here.join("kms", "endpoint"), key.KMS.Endpoint)
		}
	}
}
