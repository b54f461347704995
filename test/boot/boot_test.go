//go:build boot

package boot

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// Deadlines for a machine that hangs. An emulated CPU on a busy host is slow.
const (
	bootDeadline    = 10 * time.Minute
	commandDeadline = 5 * time.Minute
)

func TestBoot(t *testing.T) {
	iso := os.Getenv("AKMON_ISO")
	if iso == "" {
		iso = filepath.Join("..", "..", "_out", "vm", "akmon-amd64.iso")
	}

	if !exists(iso) {
		needs(t, "there is no ISO at %s: `make image PROFILE=vm` makes it", iso)
	}

	ctl := newAkmonctl(t)
	machine := start(t, iso)

	for _, step := range []struct {
		name string
		run  func(context.Context, *testing.T, *vm, *akmonctl)
	}{
		{"maintenance mode", maintenance},
		{"refuses an invalid configuration", invalidConfiguration},
		{"takes a configuration", takesConfiguration},
		{"version", version},
		{"refuses strangers", strangers},
		{"resources", resources},
		{"watch", watch},
		{"logs", logs},
		{"reboot", reboot},
		{"shutdown", shutdown},
	} {
		ok := t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), bootDeadline+commandDeadline)
			defer cancel()

			step.run(ctx, t, machine, ctl)
		})
		if !ok {
			return // what follows needs what went before
		}
	}
}

func maintenance(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	args := []string{"version", "--insecure", "-n", m.endpoint}

	if err := m.until(ctx, "maintenance mode", func() error {
		_, err := ctl.try(ctx, args...)

		return err
	}); err != nil {
		t.Fatal(err)
	}

	ctl.must(ctx, t, args, "Server:", "Tag:", "linux/amd64")
	ctl.must(ctx, t, []string{"get", "links", "--insecure", "-n", m.endpoint}, "LinkStatus")
}

// invalidConfiguration sends what a person may get wrong; the machine must say
// where, and stay in maintenance mode.
func invalidConfiguration(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"key.yaml":      {"version: v1alpha1\nmachine:\n  typ: worker\n", `:3:3: unknown key "typ"; did you mean "type"?`},
		"value.yaml":    {"version: v1alpha1\nmachine:\n  type: workr\n", `:3:9: machine.type: "workr" is not one of`},
		"kind.yaml":     {"apiVersion: v1alpha1\nkind: HostnamConfig\n", `:2:7: unknown kind of document "HostnamConfig"; did you mean "HostnameConfig"?`},
		"not-yaml.yaml": {"version: [v1alpha1\n", "not valid YAML"},
		"empty.yaml":    {"# nothing\n", "there is no configuration in it"},
	} {
		file := filepath.Join(ctl.dir, name)
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}

		ctl.refused(ctx, t, []string{"apply-config", "--insecure", "-n", m.endpoint, "-f", file}, test.want)
	}

	ctl.must(ctx, t, []string{"version", "--insecure", "-n", m.endpoint}, "Server:")
}

func takesConfiguration(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	ctl.must(ctx, t, []string{"gen", "config", "boot-test", "https://127.0.0.1:6443", "--output-dir", ctl.dir, "--additional-sans", "127.0.0.1"})
	ctl.must(ctx, t, []string{"config", "endpoint", m.endpoint})

	file := filepath.Join(ctl.dir, "controlplane.yaml")
	ctl.must(ctx, t, []string{"validate", "-c", file, "-m", "metal"})
	ctl.must(ctx, t, []string{"apply-config", "--insecure", "-n", m.endpoint, "-f", file})
}

func version(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	if err := m.until(ctx, "the API with certificates", func() error {
		_, err := ctl.try(ctx, "version")

		return err
	}); err != nil {
		t.Fatal(err)
	}

	ctl.must(ctx, t, []string{"version"}, "NODE:        127.0.0.1", "Tag:", "Enabled:     RBAC")
	ctl.must(ctx, t, []string{"-n", "127.0.0.1", "version"}, "NODE:        127.0.0.1")
}

// strangers are those without a certificate, with one of another cluster, and
// those who may read only.
func strangers(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	ctl.refused(ctx, t, []string{"version", "--insecure", "-n", m.endpoint}, "is not in maintenance mode")
	ctl.refused(ctx, t, []string{"apply-config", "--insecure", "-n", m.endpoint, "-f", filepath.Join(ctl.dir, "controlplane.yaml")}, "is not in maintenance mode")

	foreign := &akmonctl{program: ctl.program, dir: t.TempDir()}
	foreign.config = filepath.Join(foreign.dir, "talosconfig")
	foreign.must(ctx, t, []string{"gen", "config", "other", "https://127.0.0.1:6443", "--output-dir", foreign.dir})
	foreign.must(ctx, t, []string{"config", "endpoint", m.endpoint})
	foreign.refused(ctx, t, []string{"version"}, "is not a machine of this cluster")

	// The same stranger, believing in our authority.
	mixed := filepath.Join(foreign.dir, "mixed")
	mix(t, ctl.config, foreign.config, mixed)
	foreign.config = mixed
	foreign.refused(ctx, t, []string{"version"}, "the client certificate")
}

// mix writes a client configuration with the authority of one and the
// certificate of another.
func mix(t *testing.T, authority, certificate, to string) {
	t.Helper()

	load := func(path string) (config struct {
		Context  string                    `yaml:"context"`
		Contexts map[string]map[string]any `yaml:"contexts"`
	}) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}

		if err := yaml.Unmarshal(data, &config); err != nil {
			t.Fatal(err)
		}

		return config
	}

	ours, theirs := load(authority), load(certificate)
	theirs.Contexts[theirs.Context]["ca"] = ours.Contexts[ours.Context]["ca"]

	data, err := yaml.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func resources(ctx context.Context, t *testing.T, _ *vm, ctl *akmonctl) {
	ctl.must(ctx, t, []string{"get", "rd"}, "NODE", "NAMESPACE", "VERSION", "resourcedefinitions.meta.cosi.dev")
	ctl.must(ctx, t, []string{"get", "hostname"}, "HOSTNAME", "HostnameStatus")
	ctl.must(ctx, t, []string{"get", "addresses"}, "AddressStatus", "127.0.0.1/8")
	ctl.must(ctx, t, []string{"services"}, "apid", "Running")

	var fromYAML, fromJSON struct {
		Node     string         `yaml:"node" json:"node"`
		Metadata map[string]any `yaml:"metadata" json:"metadata"`
		Spec     map[string]any `yaml:"spec" json:"spec"`
	}

	if err := yaml.Unmarshal([]byte(ctl.must(ctx, t, []string{"get", "hostname", "hostname", "-o", "yaml"})), &fromYAML); err != nil {
		t.Fatal(err)
	}

	if err := json.Unmarshal([]byte(ctl.must(ctx, t, []string{"get", "hostname", "hostname", "-o", "json"})), &fromJSON); err != nil {
		t.Fatal(err)
	}

	if fromYAML.Spec["hostname"] != fromJSON.Spec["hostname"] || fromJSON.Spec["hostname"] == "" {
		t.Errorf("the host name is %v in YAML, %v in JSON", fromYAML.Spec["hostname"], fromJSON.Spec["hostname"])
	}

	ctl.refused(ctx, t, []string{"get", "hostnam"}, `did you mean "hostname"?`)
	ctl.refused(ctx, t, []string{"get", "hostname", "no-such-id"}, "there is no HostnameStatus")
}

// watch changes the host name by a new configuration, and sees it change.
func watch(ctx context.Context, t *testing.T, _ *vm, ctl *akmonctl) {
	ctx, cancel := context.WithTimeout(ctx, commandDeadline)
	defer cancel()

	lines := ctl.follow(ctx, t, "get", "hostname", "--watch")
	line(ctx, t, lines, "+", "HostnameStatus", "hostname")

	data, err := os.ReadFile(filepath.Join(ctl.dir, "controlplane.yaml"))
	if err != nil {
		t.Fatal(err)
	}

	// The generated configuration ends with the document about the name.
	named := strings.Replace(string(data), "auto: stable", "hostname: anvil", 1)
	if named == string(data) {
		t.Fatalf("the generated configuration leaves no name to change:\n%s", data)
	}

	file := filepath.Join(ctl.dir, "named.yaml")
	if err := os.WriteFile(file, []byte(named), 0o600); err != nil {
		t.Fatal(err)
	}

	ctl.must(ctx, t, []string{"apply-config", "-f", file, "--mode", "no-reboot"})
	line(ctx, t, lines, "HostnameStatus", "anvil")
	cancel()

	for range lines { // until the client has ended
	}
}

func logs(ctx context.Context, t *testing.T, _ *vm, ctl *akmonctl) {
	ctl.must(ctx, t, []string{"dmesg"}, "127.0.0.1: ", "Linux version")
	ctl.must(ctx, t, []string{"logs", "machined"}, "127.0.0.1: ")
	ctl.must(ctx, t, []string{"logs", "apid", "--tail", "1"}, "127.0.0.1: ")
	ctl.refused(ctx, t, []string{"logs", "no-such-service"})
}

// reboot ends what ran from memory: the machine comes back without a
// configuration, and takes one again.
func reboot(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	if err := m.mayReboot(ctx); err != nil {
		t.Fatal(err)
	}

	ctl.must(ctx, t, []string{"reboot"})
	maintenance(ctx, t, m, ctl)
	ctl.must(ctx, t, []string{"apply-config", "--insecure", "-n", m.endpoint, "-f", filepath.Join(ctl.dir, "controlplane.yaml")})
	version(ctx, t, m, ctl)
}

func shutdown(ctx context.Context, t *testing.T, m *vm, ctl *akmonctl) {
	ctl.must(ctx, t, []string{"shutdown"})

	if err := m.exited(ctx); err != nil {
		t.Fatal(err)
	}
}
