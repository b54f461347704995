package ctl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/runtime/client/clienttest"
	"github.com/akmon-os/akmon/runtime/ctl"
	"github.com/akmon-os/akmon/schemas/clientconfig"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"

	"github.com/akmon-os/akmon/internal/golden"
)

// session opens a session with m; what it prints is in the buffers.
func session(t *testing.T, m *clienttest.Machine, nodes []string, roles ...string) (s *ctl.Session, out, errs *bytes.Buffer) {
	t.Helper()

	path := filepath.Join(t.TempDir(), "config")
	config := &clientconfig.Config{Context: "test", Contexts: map[string]*clientconfig.Context{"test": m.Context(t, roles...)}}

	if err := config.Save(path); err != nil {
		t.Fatal(err)
	}

	out, errs = &bytes.Buffer{}, &bytes.Buffer{}

	s, err := ctl.Open(ctl.Options{Config: path, Nodes: nodes, Out: out, Err: errs})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s, out, errs
}

var (
	times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	ages  = regexp.MustCompile(`\d+h\d+m\d+s ago`)
)

// golden compares output with testdata, but for what changes each time.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()

	got = ages.ReplaceAllString(times.ReplaceAllString(got, "TIME"), "AGE ago")
	path := filepath.Join("testdata", name)
	golden.Equal(t, path, got)
}

func serve(t *testing.T) *clienttest.Machine {
	t.Helper()

	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{})

	if err := registry.NewResourceRegistry(m.State).RegisterDefault(t.Context()); err != nil {
		t.Fatal(err)
	}

	namespaces := registry.NewNamespaceRegistry(m.State)
	if err := namespaces.RegisterDefault(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := namespaces.Register(t.Context(), "network", "Networking resources"); err != nil {
		t.Fatal(err)
	}

	return m
}

func TestCommands(t *testing.T) {
	m := serve(t)

	for _, test := range []struct {
		name string
		run  func(*ctl.Session) error
	}{
		{"version", func(s *ctl.Session) error { return s.Version(t.Context(), false) }},
		{"version-short", func(s *ctl.Session) error { return s.Version(t.Context(), true) }},
		{"dmesg", func(s *ctl.Session) error { return s.Dmesg(t.Context(), false, false) }},
		{"logs", func(s *ctl.Session) error { return s.Logs(t.Context(), "apid", false, -1) }},
		{"events", func(s *ctl.Session) error { return s.Events(t.Context(), ctl.EventOptions{}) }},
		{"services", func(s *ctl.Session) error { return s.Services(t.Context()) }},
		{"service", func(s *ctl.Session) error { return s.Service(t.Context(), "apid") }},
		{"get-table", func(s *ctl.Session) error { return s.Get(t.Context(), ctl.GetOptions{Type: "ns"}) }},
		{"get-yaml", func(s *ctl.Session) error {
			return s.Get(t.Context(), ctl.GetOptions{Type: "namespaces", Output: "yaml"})
		}},
		{"get-json", func(s *ctl.Session) error {
			return s.Get(t.Context(), ctl.GetOptions{Type: "Namespaces.meta.cosi.dev", ID: "network", Output: "json"})
		}},
		{"get-definitions", func(s *ctl.Session) error { return s.Get(t.Context(), ctl.GetOptions{Type: "rd"}) }},
		{"get-jsonpath", func(s *ctl.Session) error {
			return s.Get(t.Context(), ctl.GetOptions{Type: "ns", Output: "jsonpath={.metadata.id}: {.spec.description}"})
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, out, _ := session(t, m, nil)
			if err := test.run(s); err != nil {
				t.Fatal(err)
			}

			checkGolden(t, test.name+".txt", out.String())
		})
	}
}

func TestOutputIsWellFormed(t *testing.T) {
	m := serve(t)
	s, out, _ := session(t, m, []string{"127.0.0.1"})

	if err := s.Get(t.Context(), ctl.GetOptions{Type: "ns", ID: "network", Output: "json"}); err != nil {
		t.Fatal(err)
	}

	var fromJSON, fromYAML map[string]any
	if err := json.Unmarshal(out.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}

	out.Reset()

	if err := s.Get(t.Context(), ctl.GetOptions{Type: "ns", ID: "network", Output: "yaml"}); err != nil {
		t.Fatal(err)
	}

	if err := yaml.Unmarshal(out.Bytes(), &fromYAML); err != nil {
		t.Fatal(err)
	}

	if fromJSON["node"] != "127.0.0.1" || fromYAML["node"] != "127.0.0.1" {
		t.Errorf("node is %v and %v", fromJSON["node"], fromYAML["node"])
	}
}

func TestErrors(t *testing.T) {
	m := serve(t)

	for _, test := range []struct {
		name  string
		nodes []string
		run   func(*ctl.Session) error
		want  string
	}{
		{"unknown type", nil, func(s *ctl.Session) error { return s.Get(t.Context(), ctl.GetOptions{Type: "namespacess"}) }, `no resource type "namespacess"; did you mean "namespaces"?`},
		{"unknown id", nil, func(s *ctl.Session) error { return s.Get(t.Context(), ctl.GetOptions{Type: "ns", ID: "x"}) }, `there is no Namespace with the ID "x" in namespace "meta"`},
		{"unknown output", nil, func(s *ctl.Session) error { return s.Get(t.Context(), ctl.GetOptions{Type: "ns", Output: "xml"}) }, `output "xml" is not one of table, yaml, json`},
		{"unknown service", nil, func(s *ctl.Session) error { return s.Service(t.Context(), "x") }, `there is no service "x"`},
		{"unknown log", nil, func(s *ctl.Session) error { return s.Logs(t.Context(), "x", false, -1) }, `there is no log of "x"`},
		{"one of two", []string{"127.0.0.1", "10.1.1.1"}, func(s *ctl.Session) error { return s.Version(t.Context(), false) }, `10.1.1.1: node "10.1.1.1" is not a member`},
		{"unknown mode", nil, func(s *ctl.Session) error { return s.Reboot(t.Context(), "hard") }, `mode "hard" is not one of default, powercycle, force`},
		{"unknown apply mode", nil, func(s *ctl.Session) error { return s.ApplyConfiguration(t.Context(), ctl.Apply{Mode: "now"}) }, `mode "now" is not one of auto`},
		{"invalid configuration", nil, func(s *ctl.Session) error {
			return s.ApplyConfiguration(t.Context(), ctl.Apply{Mode: "auto", Data: []byte("version: v1alpha1\nmachin: {}\n")})
		}, `configuration:2:1: unknown key "machin"; did you mean "machine"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, _, _ := session(t, m, test.nodes)
			if err := test.run(s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}

	if got := m.Applied(); len(got) != 0 {
		t.Errorf("the machine took %d configurations", len(got))
	}
}

// A machine that fails must not hide what the others say.
func TestSeveralNodes(t *testing.T) {
	m := serve(t)
	s, out, _ := session(t, m, []string{"10.1.1.1", "127.0.0.1"})

	if err := s.Services(t.Context()); err == nil {
		t.Error("the unknown node is not reported")
	}

	if !strings.Contains(out.String(), "127.0.0.1   apid") {
		t.Errorf("the other node is missing:\n%s", out)
	}
}

func TestApplyAndPower(t *testing.T) {
	m := serve(t)
	s, _, errs := session(t, m, nil)

	data, err := m.Bundle.Worker.Encode()
	if err != nil {
		t.Fatal(err)
	}

	if err := s.ApplyConfiguration(t.Context(), ctl.Apply{Mode: "auto", Data: data}); err != nil {
		t.Fatal(err)
	}

	if got := m.Applied(); len(got) != 1 || !bytes.Equal(got[0], data) {
		t.Errorf("the machine got %d configurations", len(got))
	}

	for _, want := range []string{"127.0.0.1: warning: configuration:", "127.0.0.1: Applied without a reboot"} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, errs)
		}
	}

	if err := s.Reboot(t.Context(), "powercycle"); err != nil {
		t.Error(err)
	}

	if err := s.Shutdown(t.Context(), false); err != nil {
		t.Error(err)
	}

	if diff := cmp.Diff([]string{"reboot POWERCYCLE", "shutdown"}, m.Actions()); diff != "" {
		t.Error(diff)
	}
}

func TestReaderCannotReboot(t *testing.T) {
	m := serve(t)
	s, _, _ := session(t, m, nil, generate.RoleReader)

	if err := s.Reboot(t.Context(), "default"); err == nil || !strings.Contains(err.Error(), "its roles are os:reader") {
		t.Errorf("got %v", err)
	}

	if got := m.Actions(); len(got) != 0 {
		t.Errorf("the machine did %v", got)
	}
}

// signal is a writer that tells when a text has come.
type signal struct {
	text strings.Builder
	want string
	seen func()
}

func (s *signal) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)

	if s.want != "" && strings.Contains(s.text.String(), s.want) {
		s.want = ""
		s.seen()
	}

	return n, err
}

func TestWatch(t *testing.T) {
	m := serve(t)
	s, _, _ := session(t, m, nil)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	out := &signal{want: "network"}
	out.seen = func() {
		// The contents are there: a change follows.
		if err := m.State.Create(ctx, meta.NewNamespace("late", meta.NamespaceSpec{Description: "Came later"})); err != nil {
			t.Error(err)
		}

		out.want, out.seen = "late", cancel
	}
	s.Out = out

	if err := s.Get(ctx, ctl.GetOptions{Type: "ns", Watch: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("the watch ended with %v", err)
	}

	if got := out.text.String(); !strings.Contains(got, "NODE        *   NAMESPACE") || !strings.Contains(got, "+   meta        Namespace   late") {
		t.Errorf("got:\n%s", got)
	}
}

func TestOpen(t *testing.T) {
	m := serve(t)
	missing := filepath.Join(t.TempDir(), "config")

	if _, err := ctl.Open(ctl.Options{Config: missing}); err == nil || !strings.Contains(err.Error(), "has no contexts") {
		t.Errorf("got %v", err)
	}

	if _, err := ctl.Open(ctl.Options{Insecure: true}); err == nil || !strings.Contains(err.Error(), "--nodes") {
		t.Errorf("got %v", err)
	}

	path := filepath.Join(t.TempDir(), "config")
	two := m.Context(t)
	two.Endpoints = append(two.Endpoints, "127.0.0.1:2")

	if err := (&clientconfig.Config{Context: "a", Contexts: map[string]*clientconfig.Context{"a": two}}).Save(path); err != nil {
		t.Fatal(err)
	}

	if _, err := ctl.Open(ctl.Options{Config: path}); err == nil || !strings.Contains(err.Error(), "more than one endpoint") {
		t.Errorf("got %v", err)
	}
}
