package policy_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/akmon-os/akmon/schemas/document"
	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/policy"
)

// publicKey is a key in PEM, indented as in a document.
func publicKey(t testing.TB) string {
	t.Helper()

	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public()

	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}

	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))

	return "        " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n        ") + "\n"
}

func document1(t testing.TB) string {
	return `apiVersion: v1alpha1
kind: ImageVerificationConfig
rules:
  - image: registry.example.com/akmon/*
    publicKey:
      certificate: |
` + publicKey(t) + publicKey(t) + `  - image: registry.k8s.io/*
    keyless:
      issuer: https://accounts.google.com
      subject: krel-trust@k8s-releng-prod.iam.gserviceaccount.com
  - image: index.docker.io/library/nginx*
    skip: true
  - image: "*"
    deny: true
`
}

func TestFind(t *testing.T) {
	p, err := policy.Load("policy.yaml", []byte(document1(t)))
	if err != nil {
		t.Fatal(err)
	}

	if keys, err := p.Rules[0].PublicKey.Keys(); err != nil || len(keys) != 2 {
		t.Errorf("%d keys, %v", len(keys), err)
	}

	for name, want := range map[string]int{
		"registry.example.com/akmon/installer":   1,
		"registry.example.com/akmon/a/b":         1,
		"registry.example.com/akmon":             4,
		"registry.k8s.io/kube-apiserver":         2,
		"registry.k8s.io/sig-storage/snapshot":   2,
		"nginx":                                  3,
		"library/nginx-unprivileged":             3,
		"registry-1.docker.io/library/nginx":     3,
		"someone/nginx":                          4,
		"localhost/nginx":                        4,
		"evil.example.com/registry.k8s.io/pause": 4,
	} {
		if _, got := p.Find(name); got != want {
			t.Errorf("%s: rule %d, want %d", name, got, want)
		}
	}

	p.Rules = p.Rules[:1]
	if rule, number := p.Find("nginx"); rule != nil || number != 0 {
		t.Errorf("rule %d matches nginx", number)
	}
}

// The machine reads the same document.
func TestMachineReadsTheSame(t *testing.T) {
	var got documents.ImageVerificationConfig
	if err := document.Decode("policy.yaml", []byte(document1(t)), &got); err != nil {
		t.Fatal(err)
	}

	if len(got.Rules) != 4 || got.Rules[1].Keyless.Issuer != "https://accounts.google.com" || !got.Rules[3].Deny {
		t.Errorf("%+v", got)
	}
}

func TestBadPolicies(t *testing.T) {
	const head = "apiVersion: v1alpha1\nkind: ImageVerificationConfig\n"

	for _, test := range []struct{ in, want string }{
		{head + "rules:\n  - image: a\n    publickey: {}\n", `policy.yaml:5:5: unknown key "publickey"; did you mean "publicKey"?`},
		{head + "rules:\n  - image: a\n", "policy.yaml:4:5: a rule has one of publicKey, keyless, skip and deny, this one has 0"},
		{head + "rules:\n  - image: a\n    skip: true\n    deny: true\n", "this one has 2"},
		{head + "rules:\n  - skip: true\n", "policy.yaml:4:5: the rule has no image"},
		{head + "rules:\n  - image: a\n    publicKey: {certificate: x}\n", `policy.yaml:5:30: this is not PEM: "x"`},
		{head + "rules:\n  - image: a\n    publicKey: {certificate: ''}\n", "there is no public key"},
		{head + "rules:\n  - image: a\n    keyless: {subject: x}\n", "keyless has no issuer"},
		{head + "rules:\n  - image: a\n    keyless: {issuer: x}\n", "either a subject or a subjectRegex"},
		{head + "rules:\n  - image: a\n    keyless: {issuer: x, subjectRegex: '('}\n", "policy.yaml:5:40: error parsing regexp"},
		{"apiVersion: v2\nkind: x\n", "apiVersion is \"v2\", this is v1alpha1"},
		{"", "a policy is one YAML document, there are 0"},
		{head + "---\n" + head, "there are 2"},
	} {
		_, err := policy.Load("policy.yaml", []byte(test.in))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	got := map[string]string{}
	for _, name := range []string{"alpine", "a/b", "index.docker.io/alpine", "localhost/x", "r:5000/x", "r.example.com/x"} {
		got[name] = policy.Normalize(name)
	}

	want := map[string]string{
		"alpine": "docker.io/library/alpine", "a/b": "docker.io/a/b", "index.docker.io/alpine": "docker.io/library/alpine",
		"localhost/x": "localhost/x", "r:5000/x": "r:5000/x", "r.example.com/x": "r.example.com/x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(document1(f)), "nginx")
	f.Add([]byte("rules: [&a {image: '*'}, *a]"), "a/b")

	f.Fuzz(func(_ *testing.T, data []byte, name string) {
		if p, err := policy.Load("policy.yaml", data); err == nil {
			p.Find(name)
		}
	})
}
