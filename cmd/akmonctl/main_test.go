package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/runtime/client/clienttest"
	"github.com/akmon-os/akmon/schemas/clientconfig"
)

// call runs the program with arguments in a home of its own.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()

	var out, errs bytes.Buffer

	code = run(t.Context(), args, &out, &errs)

	return code, out.String(), errs.String()
}

func setHome(t *testing.T) string {
	t.Helper()

	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("TALOSCONFIG", "")
	t.Setenv("TALOS_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Chdir(dir)

	return dir
}

func TestExitCodes(t *testing.T) {
	setHome(t)

	if err := os.WriteFile("bad.yaml", []byte("version: v1alpha1\nmachin: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct {
		args string
		code int
		want string // on standard error; without one, on standard output
	}{
		{"--help", 0, ""},
		{"", 0, ""},
		{"get --help", 0, ""},
		{"gen", 0, ""},
		{"version --client", 0, ""},
		{"completion bash", 0, ""},
		{"nonsense", 2, `unknown command "nonsense" for "akmonctl"`},
		{"config nonsense", 2, `unknown command "nonsense" for "akmonctl config"`},
		{"version --nonsense", 2, "unknown flag: --nonsense"},
		{"get", 2, "accepts between 1 and 2 arg(s)"},
		{"gen config one", 2, "accepts 2 arg(s)"},
		{"gen config a https://a -t nonsense", 2, `output type "nonsense" is not one of controlplane, worker, talosconfig`},
		{"gen config a https://a --registry-mirror x", 2, `registry mirror "x" is not REGISTRY=URL`},
		{"gen config a https://a -o x --output-dir y", 2, "--output and --output-dir are the same"},
		{"apply-config", 2, "name the configuration with --file"},
		{"validate -m metal", 2, "name the configuration with --config"},
		{"validate -c bad.yaml -m nonsense", 2, `mode "nonsense" is not one of metal, cloud, container`},
		{"gen config a http://a", 1, `the endpoint "http://a" is not a URL of the form https://HOST[:PORT]`},
		{"validate -c bad.yaml -m metal", 1, "bad.yaml:2:1: unknown key \"machin\"; did you mean \"machine\"?\n    2 | machin: {}\n      | ^"},
		{"validate -c missing.yaml -m metal", 1, "missing.yaml: no such file"},
		{"version", 1, "has no contexts"},
		{"version --insecure", 1, "name the machines with --nodes"},
		{"apply-config -f missing.yaml -n a", 1, "missing.yaml: no such file"},
		{"config context x", 1, "has no context \"x\""},
	} {
		t.Run(test.args, func(t *testing.T) {
			code, out, errs := call(t, strings.Fields(test.args)...)
			if code != test.code || !strings.Contains(errs, test.want) {
				t.Errorf("exit %d, want %d; standard error:\n%s", code, test.code, errs)
			}

			if code == 0 && out == "" || code != 0 && strings.HasPrefix(out, "Error") {
				t.Errorf("standard output:\n%s", out)
			}
		})
	}

	if entries, err := os.ReadDir("."); err != nil || len(entries) != 1 {
		t.Errorf("something was written: %v, %v", entries, err)
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	root := newRoot()
	for _, cmd := range root.Commands() {
		if cmd.Short == "" {
			t.Errorf("%s has no description", cmd.CommandPath())
		}

		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.Example == "" && cmd.Name() != "completion" && cmd.Name() != "help" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
}

func TestGenConfig(t *testing.T) {
	dir := setHome(t)

	code, out, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "--output-dir", "out")
	if code != 0 || out != "" {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}

	for _, name := range []string{"controlplane.yaml", "worker.yaml", "talosconfig"} {
		info, err := os.Stat(filepath.Join(dir, "out", name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}

		if !strings.Contains(errs, "created "+filepath.Join("out", name)) {
			t.Errorf("%s is not reported:\n%s", name, errs)
		}
	}

	for _, name := range []string{"controlplane.yaml", "worker.yaml"} {
		if code, out, errs := call(t, "validate", "-c", filepath.Join("out", name), "-m", "metal"); code != 0 || !strings.Contains(out, "is valid for metal mode") {
			t.Errorf("exit %d: %s", code, errs)
		}
	}

	// Nothing is overwritten, not even one file of three.
	if err := os.Remove(filepath.Join("out", "controlplane.yaml")); err != nil {
		t.Fatal(err)
	}

	if code, _, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "--output-dir", "out"); code != 1 || !strings.Contains(errs, "use --force") {
		t.Errorf("exit %d: %s", code, errs)
	}

	if entries, err := os.ReadDir("out"); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}

	if code, _, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "--output-dir", "out", "--force"); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}

	// One type, to standard output and to a file.
	if code, out, _ := call(t, "gen", "config", "demo", "https://10.0.0.1", "-t", "worker", "-o", "-"); code != 0 || !strings.Contains(out, "type: worker") {
		t.Errorf("exit %d: %s", code, out)
	}

	if code, _, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "-o", "-"); code != 1 || !strings.Contains(errs, "only one output type") {
		t.Errorf("exit %d: %s", code, errs)
	}

	if code, _, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "-t", "worker", "-o", "one.yaml"); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}

	if _, err := os.Stat("one.yaml"); err != nil {
		t.Error(err)
	}
}

// The same secrets give machines of the same cluster.
func TestGenSecrets(t *testing.T) {
	setHome(t)

	if code, _, errs := call(t, "gen", "secrets", "-o", "secrets.yaml"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}

	var workers [2]string

	for i := range workers {
		code, out, errs := call(t, "gen", "config", "demo", "https://10.0.0.1", "--with-secrets", "secrets.yaml", "-t", "worker", "-o", "-")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}

		workers[i] = out
	}

	if diff := cmp.Diff(workers[0], workers[1]); diff != "" {
		t.Error(diff)
	}

	if code, _, errs := call(t, "gen", "secrets", "-o", "secrets.yaml"); code != 1 || !strings.Contains(errs, "--force") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestConfig(t *testing.T) {
	dir := setHome(t)

	for _, name := range []string{"one", "two"} {
		if code, _, errs := call(t, "gen", "config", name, "https://10.0.0.1", "-t", "talosconfig", "-o", name); code != 0 {
			t.Fatal(errs)
		}
	}

	for _, test := range []struct {
		args, out string
	}{
		{"config merge one", ""},
		{"config merge two", ""},
		{"config contexts", "*         two"},
		{"config context one", ""},
		{"config endpoint 10.0.0.1 10.0.0.2:4000", ""},
		{"config node 10.0.0.3", ""},
		{"config info", "Endpoints:             10.0.0.1, 10.0.0.2:4000"},
		{"config info", "Nodes:                 10.0.0.3"},
		{"config info", "Roles:                 os:admin"},
		{"config info --context two", "Nodes:                 not defined"},
		{"config nodes", ""},
		{"config info", "Nodes:                 not defined"},
	} {
		code, out, errs := call(t, strings.Fields(test.args)...)
		if code != 0 || !strings.Contains(out, test.out) {
			t.Errorf("%s: exit %d: %s%s, want %s", test.args, code, errs, out, test.out)
		}
	}

	// Another cluster of the same name must not replace the first.
	if code, _, errs := call(t, "gen", "config", "one", "https://10.0.0.9", "-t", "talosconfig", "-o", "other"); code != 0 {
		t.Fatal(errs)
	}

	if code, _, errs := call(t, "config", "merge", "other"); code != 0 || !strings.Contains(errs, `renamed context "one" to "one-1"`) {
		t.Errorf("exit %d: %s", code, errs)
	}

	config, err := clientconfig.Load(filepath.Join(dir, ".talos", "config"))
	if err != nil || len(config.Contexts) != 3 || config.Context != "one-1" {
		t.Errorf("got %+v, %v", config, err)
	}
}

// Against a machine: what is documented, from the flags to the wire.
func TestAgainstMachine(t *testing.T) {
	dir := setHome(t)
	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{})
	maintenance := clienttest.Serve(t, m.Bundle, clienttest.Options{Maintenance: true})

	path := filepath.Join(dir, ".talos", "config")
	if err := (&clientconfig.Config{Context: "a", Contexts: map[string]*clientconfig.Context{"a": m.Context(t)}}).Save(path); err != nil {
		t.Fatal(err)
	}

	data, err := m.Bundle.Worker.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile("worker.yaml", data, 0o600); err != nil {
		t.Fatal(err)
	}

	for _, test := range []struct{ args, out string }{
		{"version", "Enabled:     RBAC"},
		{"-n 127.0.0.1 version --short", "NODE: 127.0.0.1\tTag: v1.2.3"},
		{"version --insecure -n " + maintenance.Address, "Tag:         v1.2.3"},
		{"apply-config --insecure -n " + maintenance.Address + " -f worker.yaml", ""},
		{"apply-config -f worker.yaml --mode no-reboot", ""},
		{"dmesg", "127.0.0.1: kern:  info: [0.0]: booting"},
		{"logs apid --tail 5", "127.0.0.1: line 1"},
		{"services", "apid      Running"},
		{"service apid", "HEALTH   OK"},
		{"events", "SequenceEvent"},
		{"reboot -m force", ""},
		{"shutdown", ""},
	} {
		code, out, errs := call(t, strings.Fields(test.args)...)
		if code != 0 || !strings.Contains(out, test.out) {
			t.Errorf("%s: exit %d: %s%s", test.args, code, errs, out)
		}
	}

	if len(m.Applied()) != 1 || len(maintenance.Applied()) != 1 {
		t.Errorf("%d and %d configurations were applied", len(m.Applied()), len(maintenance.Applied()))
	}

	if diff := cmp.Diff([]string{"reboot FORCE", "shutdown"}, m.Actions()); diff != "" {
		t.Error(diff)
	}

	if code, _, errs := call(t, "version", "--insecure", "-n", m.Address); code != 1 || !strings.Contains(errs, "is not in maintenance mode") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
