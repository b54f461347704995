package machineconfig_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/machineconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

func decode(t *testing.T, file string) (*machineconfig.Config, []machineconfig.Warning) {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}

	config, warnings, err := machineconfig.Decode(file, data)
	if err != nil {
		t.Fatal(err)
	}

	return config, warnings
}

// Configurations as other programs and people write them: with comments, with
// old keys, with every kind of document.
func TestFilesLoad(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}

	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			config, _ := decode(t, filepath.Base(file))

			if err := config.Validate(machineconfig.ModeMetal); err != nil {
				t.Error(err)
			}

			roundTrip(t, config)
		})
	}
}

// roundTrip checks that what is encoded says the same.
func roundTrip(t *testing.T, config *machineconfig.Config) {
	t.Helper()

	data, err := config.Encode()
	if err != nil {
		t.Fatal(err)
	}

	again, _, err := machineconfig.Decode("again.yaml", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}

	if diff := cmp.Diff(config, again, cmpopts.IgnoreUnexported(machineconfig.Config{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the encoded configuration says something else (-first +again):\n%s", diff)
	}

	twice, err := again.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(data, twice) {
		t.Error("encoding the same values gave other bytes")
	}
}

func TestValues(t *testing.T) {
	config, _ := decode(t, "everything.yaml")

	if got := config.Machine.Type; got != v1alpha1.ControlPlane {
		t.Errorf("type %q", got)
	}

	if got := config.Machine.Files[0].Permissions; got != 0o600 {
		t.Errorf("permissions %o", got)
	}

	if got := config.Cluster.AdminKubeconfig.CertLifetime; got != time.Hour {
		t.Errorf("certLifetime %s", got)
	}

	if diff := cmp.Diff(v1alpha1.Args{"feature-gates": {"A=true"}, "v": {"2", "3"}}, config.Machine.Kubelet.ExtraArgs); diff != "" {
		t.Error(diff)
	}

	if config.Hostname() != "anvil.example.org" || config.StableHostname() {
		t.Errorf("hostname %q, stable %v", config.Hostname(), config.StableHostname())
	}

	for _, doc := range config.Documents {
		if rule, ok := doc.(*documents.NetworkRuleConfig); ok {
			want := []documents.PortRange{{Low: 50000, High: 50000}, {Low: 2379, High: 2380}}
			if diff := cmp.Diff(want, rule.PortSelector.Ports); diff != "" {
				t.Error(diff)
			}
		}
	}

	if !bytes.Contains(config.Source(), []byte("# a comment that must survive")) {
		t.Error("comments are lost")
	}
}

func TestWarnings(t *testing.T) {
	_, warnings := decode(t, "older.yaml")

	got := make([]string, len(warnings))
	for i, w := range warnings {
		got[i] = w.String()
	}

	want := []string{
		"older.yaml:11:3: machine.kubelet: accepted, but this version does not act on it",
		"older.yaml:14:3: machine.install: accepted, but this version does not act on it",
		"older.yaml:20:5: machine.features.rbac: deprecated: it is always on",
		"older.yaml:22:5: machine.features.apidCheckExtKeyUsage: deprecated: it is always on",
		"older.yaml:23:1: cluster: accepted, but this version does not act on it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWarningsInLists(t *testing.T) {
	_, warnings, err := machineconfig.Decode("f", []byte("machine:\n  network:\n    interfaces:\n"+
		"      - {interface: a, dhcp: true}\n      - {interface: b, vlans: [{vlanId: 1}], mtu: 9000}\n---\n"+
		"apiVersion: v1alpha1\nkind: ZswapConfig\nmaxPoolPercent: 5\n"))
	if err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}

	want := []string{
		"f:5:24: machine.network.interfaces[1].vlans: accepted, but this version does not act on it",
		"f:7:1: ZswapConfig: accepted, but this version does not act on it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"nothing", "# only a comment\n", []string{"f.yaml: there is no configuration in it"}},
		{"not a mapping", "- a\n", []string{"f.yaml:1:1: a configuration document is a mapping"}},
		{"not YAML", "machine: [\n", []string{"f.yaml:", "not valid YAML"}},
		{"unknown keys, all of them", "version: v1alpha1\nmachin: {}\nmachine:\n  tokn: x\n  network:\n    hostnam: y\n", []string{
			`f.yaml:2:1: unknown key "machin"; did you mean "machine"?`,
			`f.yaml:4:3: unknown key "tokn"; did you mean "token"?`,
			`f.yaml:6:5: unknown key "hostnam"; did you mean "hostname"?`,
			"    6 |     hostnam: y\n      |     ^",
		}},
		{"a key twice", "version: v1alpha1\nversion: v1alpha1\n", []string{`f.yaml:2:1: key "version" is given twice`}},
		{"wrong types", "debug: maybe\nmachine:\n  certSANs: x\n  files: [{permissions: rw}]\n", []string{
			`f.yaml:1:8: "maybe" is not true or false`,
			`f.yaml:3:13: expected a list`,
			`f.yaml:4:25: "rw" is not a file mode such as 0o644`,
		}},
		{"unknown kind", "apiVersion: v1alpha1\nkind: HostnameConfi\n", []string{`f.yaml:2:7: unknown kind of document "HostnameConfi"; did you mean "HostnameConfig"?`}},
		{"no kind", "apiVersion: v1alpha1\nhostname: x\n", []string{"f.yaml:1:1: a document with an apiVersion needs a kind"}},
		{"other version", "apiVersion: v2\nkind: HostnameConfig\n", []string{"f.yaml:1:13: apiVersion of a HostnameConfig must be v1alpha1"}},
		{"unknown key in a document", "version: v1alpha1\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nhost: x\n", []string{`f.yaml:5:1: unknown key "host"`}},
		{"two main documents", "version: v1alpha1\n---\nversion: v1alpha1\n", []string{"f.yaml:3:1: there is a second main document, the first is in line 1"}},
		{"a document twice", "apiVersion: v1alpha1\nkind: LinkConfig\nname: a\n---\napiVersion: v1alpha1\nkind: LinkConfig\nname: a\n", []string{"f.yaml:5:1: there is a second LinkConfig a, the first is in line 1"}},
		{"contains itself", "machine: &a\n  sysctls: *a\n", []string{"contains itself"}},
		{"bad base64", "machine:\n  ca:\n    crt: '?'\n", []string{"f.yaml:3:10: not valid base64"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, warnings, err := machineconfig.Decode("f.yaml", []byte(test.in))
			if err == nil || config != nil || warnings != nil {
				t.Fatalf("got %v, %v, %v", config, warnings, err)
			}

			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in:\n%v", want, err)
				}
			}
		})
	}

	if _, _, err := machineconfig.Decode("f.yaml", make([]byte, machineconfig.MaxSize+1)); err == nil {
		t.Error("a huge configuration was taken")
	}
}

func TestErrorsHoldNoSecrets(t *testing.T) {
	const secret = "c3VwZXItc2VjcmV0"

	for _, in := range []string{
		"machine:\n  ca:\n    key: " + secret + "!\n",
		"machine:\n  token: " + secret + "\n",
		"machine: {token: " + secret + "}\n",
		"cluster:\n  secretboxEncryptionSecret: " + secret + "\n",
		"machine:\n  ca: {crt: '!', key: " + secret + "}\n",
		"apiVersion: v1alpha1\nkind: RegistryAuthConfig\npassword: [" + secret + "]\n",
	} {
		config, _, err := machineconfig.Decode("f.yaml", []byte(in))
		if err == nil {
			err = config.Validate(machineconfig.ModeMetal)
		}

		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q gives:\n%v", in, err)
		}
	}
}

// Whoever finds a machine in maintenance mode may send it anything: how much
// work a finding is must not depend on how many there are.
func TestManyFindings(t *testing.T) {
	for name, text := range map[string]string{
		"keys":      "machine: {" + strings.Repeat("a: ,", 1000) + "}\n",
		"documents": strings.Repeat("a: x\n---\n", 1000),
		"values":    "version: v1alpha1\nmachine:\n  certSANs: [" + strings.Repeat("a b,", 1000) + "]\n",
	} {
		config, _, err := machineconfig.Decode("f.yaml", []byte(text))
		if err == nil {
			err = config.Validate(machineconfig.ModeCloud)
		}

		var findings document.Errors
		if !errors.As(err, &findings) || len(findings) == 0 || len(findings) > document.MaxFindings+1 {
			t.Errorf("%s: %d findings", name, len(findings))
		}
	}
}

// bundle is a new cluster's, once for all tests.
var bundle = func() *generate.Bundle {
	b, err := generate.Generate(generate.Input{
		ClusterName: "test", Endpoint: "https://10.0.0.1:6443", Now: time.Now(), Random: rand.Reader,
	})
	if err != nil {
		panic(err)
	}

	return b
}()

func TestValidate(t *testing.T) {
	controlPlane, err := bundle.ControlPlane.Encode()
	if err != nil {
		t.Fatal(err)
	}

	worker, err := bundle.Worker.Encode()
	if err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		name     string
		base     []byte
		old, new string
		want     string // empty: it is valid
	}{
		{"as generated", controlPlane, "", "", ""},
		{"worker as generated", worker, "", "", ""},
		{"no version", worker, "version: v1alpha1\n", "", "the main document must say version: v1alpha1"},
		{"other version", worker, "version: v1alpha1", "version: v1beta1", `:1:10: version: "v1beta1" is not one of v1alpha1`},
		{"no type", worker, "type: worker", "type: ''", `machine.type: required, but missing`},
		{"wrong type", worker, "type: worker", "type: wroker", `machine.type: "wroker" is not one of controlplane, worker, init; did you mean "worker"?`},
		{"token", worker, "    token: " + bundle.Secrets.TrustdInfo.Token, "    token: short", "machine.token: a token is 6 characters, a dot and 16"},
		{"no disk", worker, "disk: /dev/sda", "disk: ''", "machine.install: a machine of mode metal needs either disk or diskSelector"},
		{"disk size", worker, "disk: /dev/sda", "diskSelector: {size: big}", `machine.install.diskSelector.size: "big" is not a size`},
		{"endpoint", worker, "https://10.0.0.1:6443", "http://10.0.0.1:6443", `cluster.controlPlane.endpoint: "http://10.0.0.1:6443" is not a URL with the scheme https`},
		{"endpoint port", worker, "https://10.0.0.1:6443", "https://10.0.0.1:65536", "has a port that is not from 1 to 65535"},
		{"subnet", worker, "10.244.0.0/16", "10.244.0.0", `cluster.network.podSubnets[0]: "10.244.0.0" is not in CIDR notation`},
		{"cluster id", worker, "id: ", "id: x", "cluster.id: must be 32 bytes in URL-safe base64"},
		{"worker with key", worker, "type: worker", "type: controlplane", "a control plane node needs the certificate and the key"},
		{"control plane as worker", controlPlane, "type: controlplane", "type: worker", "machine.ca.key: a worker must not have the key of the authority"},
		{"san", worker, "certSANs: []", "certSANs: [a_b]", `machine.certSANs[0]: "a_b" is neither an IP address nor a host name`},
		{"host name", worker, "auto: stable", "hostname: -x", `HostnameConfig: hostname: "-x" is not a host name`},
		{"auto", worker, "auto: stable", "auto: sometimes", `HostnameConfig: auto: "sometimes" is not one of stable, off`},
		{"auto and name", worker, "auto: stable", "auto: stable\nhostname: x", "auto and hostname exclude each other"},
		{"two names", worker, "    install:", "    network: {hostname: a}\n    install:", ""},
		{"two names in two places", bytes.Replace(worker, []byte("auto: stable"), []byte("hostname: b"), 1), "    install:", "    network: {hostname: a}\n    install:", "machine.network.hostname gives a name too"},
		{"nameserver", worker, "    install:", "    network: {nameservers: [1.1.1.1, one]}\n    install:", `machine.network.nameservers[1]: "one" is not an IP address`},
		{"interface twice", worker, "    install:", "    network: {interfaces: [{interface: a}, {interface: a}]}\n    install:", `interfaces[1].interface: "a" is configured twice`},
		{"no interface", worker, "    install:", "    network: {interfaces: [{dhcp: true}]}\n    install:", "interfaces[0]: needs either interface or deviceSelector"},
		{"vlan", worker, "    install:", "    network: {interfaces: [{interface: a, vlans: [{vlanId: 4095}]}]}\n    install:", "vlans[0].vlanId: 4095 is not a VLAN from 1 to 4094"},
		{"worker with etcd", worker, "    discovery:", "    etcd: {advertisedSubnets: [10.0.0.0/8]}\n    discovery:", "cluster.etcd: only control plane nodes run etcd"},
		{"worker with vip", worker, "    install:", "    network: {interfaces: [{interface: a, vip: {ip: 10.0.0.1}}]}\n    install:", "interfaces[0].vip: only control plane nodes share an address"},
		{"mesh without discovery", bytes.Replace(worker, []byte("discovery:\n        enabled: true"), []byte("discovery:\n        enabled: false"), 1), "    install:", "    network: {kubespan: {enabled: true}}\n    install:", "machine.network.kubespan: the mesh needs cluster.discovery"},
		{"wireguard key", worker, "    install:", "    network: {interfaces: [{interface: a, wireguard: {privateKey: eA==}}]}\n    install:", "privateKey: a WireGuard key is 32 bytes in base64"},
		{"time twice", bytes.Replace(worker, []byte("kind: HostnameConfig\nauto: stable"), []byte("kind: TimeSyncConfig"), 1), "    install:", "    time: {servers: [a]}\n    install:", "TimeSyncConfig: machine.time configures time synchronisation too"},
		{"file op", worker, "    install:", "    files: [{path: a, op: write}]\n    install:", `files[0].op: "write" is not one of create, append, overwrite`},
		{"encryption", worker, "    install:", "    systemDiskEncryption: {state: {provider: luks2, keys: [{slot: 0}]}}\n    install:", "keys[0]: a key is exactly one of static, nodeID, kms and tpm"},
		{"cni", worker, "    network:\n", "    network:\n        cni: {name: custom}\n", "cluster.network.cni: a custom CNI needs urls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := bytes.Replace(test.base, []byte(test.old), []byte(test.new), 1)
			if test.old != "" && bytes.Equal(data, test.base) {
				t.Fatalf("%q is not in the configuration", test.old)
			}

			config, _, err := machineconfig.Decode("f.yaml", data)
			if err != nil {
				t.Fatal(err)
			}

			err = config.Validate(machineconfig.ModeMetal)

			var findings document.Errors
			if errors.As(err, &findings) {
				for _, finding := range findings {
					if finding.Line == 0 {
						t.Errorf("this finding has no position: %v", finding)
					}
				}
			}

			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

// The key of another authority, and a certificate that is none.
func TestValidateAuthorities(t *testing.T) {
	config := *bundle.ControlPlane
	config.Machine.CA.Key = bundle.Secrets.Certs.K8s.Key
	config.Cluster.CA.Crt = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	config.Cluster.AggregatorCA.Crt = []byte("no PEM")
	config.Cluster.ServiceAccount.Key = bundle.Secrets.Certs.OS.Crt

	err := config.Validate(machineconfig.ModeMetal)
	for _, want := range []string{
		"machine.ca.key: the key does not belong to the certificate",
		"cluster.ca.crt: not a certificate",
		"cluster.aggregatorCA.crt: there is no PEM block in it",
		`cluster.serviceAccount.key: there is a PEM block of type "CERTIFICATE" in it, not a private key`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

func TestModes(t *testing.T) {
	config := *bundle.Worker
	config.Machine.Install = v1alpha1.Install{}

	for mode, valid := range map[machineconfig.Mode]bool{
		machineconfig.ModeMetal: false, machineconfig.ModeCloud: true, machineconfig.ModeContainer: true,
	} {
		if err := config.Validate(mode); (err == nil) != valid {
			t.Errorf("mode %s: %v", mode, err)
		}
	}

	if _, err := machineconfig.ParseMode("bare"); err == nil {
		t.Error("mode bare was taken")
	}
}

// A configuration may add to what a machine has, without a main document.
func TestWithoutMainDocument(t *testing.T) {
	config, _, err := machineconfig.Decode("f.yaml", []byte("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n"))
	if err != nil {
		t.Fatal(err)
	}

	if config.HasMain() {
		t.Error("there is a main document")
	}

	if err := config.Validate(machineconfig.ModeMetal); err != nil {
		t.Error(err)
	}

	data, err := config.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff("apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a\n", string(data)); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}

	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}

		f.Add(data)
	}

	f.Add([]byte("machine: {ca: {crt: LQ==}}\n"))
	f.Add([]byte("apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: a\nportSelector: {ports: [1-2]}\n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		config, _, err := machineconfig.Decode("f.yaml", data)
		if err != nil {
			_ = err.Error()

			return
		}

		if err := config.Validate(machineconfig.ModeMetal); err != nil {
			_ = err.Error()
		}

		if _, err := config.Encode(); err != nil {
			t.Error(err)
		}
	})
}
