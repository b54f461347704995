package integration_test

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"golang.org/x/crypto/ssh/agent"
)

// A step has its secrets and its SSH agent while it runs; its result has
// neither and does not depend on them. Several outputs are of one build, in
// which a reusable step takes part.
func TestSolveLanguage(t *testing.T) {
	b := &bench{dir: t.TempDir(), sources: t.TempDir(), state: t.TempDir(), image: true}
	userland(t, filepath.Join(b.dir, "shell", "root"))

	for name, text := range map[string]string{
		"pkg.yaml": `format: v1alpha2
steps:
  greet:
    parameters: {who: , greeting: hello}
    build:
      - echo "{{ .greeting }} {{ .who }}" >greeting
`,
		"shell/pkg.yaml": "name: shell\nfinalize:\n  - from: /pkg/root\n    to: /\n",
		"app/pkg.yaml": `name: app
dependencies:
  - stage: shell
steps:
  - use: greet
    with: {who: world}
    secrets:
      - id: token
      - id: netrc
        target: /root/.netrc
      - id: password
        env: PASSWORD
      - id: nothing
        required: false
      - id: nothing
        env: NOTHING
        required: false
    ssh: [default]
    build:
      - |
        token="$(cat /run/secrets/token)"
        [ ${#token} = 8 ] && [ "$(stat -c %u:%g:%a /run/secrets/token)" = 0:0:400 ]
        [ "$(cat /root/.netrc)" = "$token" ] && [ "$PASSWORD" = "$token" ]
        [ ! -e /run/secrets/nothing ] && [ -z "${NOTHING:-}" ]
        [ -S "$SSH_AUTH_SOCK" ]
    install:
      - mkdir -p /rootfs/lib /rootfs/doc && cp greeting /rootfs/doc/ && echo lib >/rootfs/lib/lib
  - build:
      - |
        [ ! -e /run/secrets/token ] && [ ! -s /root/.netrc ] && [ -z "${PASSWORD:-}" ] && [ -z "${SSH_AUTH_SOCK:-}" ]
finalize:
  - from: /
    to: /
outputs:
  - name: app-lib
    finalize: [{from: /rootfs/lib, to: /usr/lib}]
  - name: app-doc
    finalize: [{from: /rootfs/doc, to: /usr/share/doc}]
`,
		"user/pkg.yaml": `name: user
dependencies:
  - stage: shell
  - stage: app-lib
    to: /a
  - stage: app-doc
    to: /b
steps:
  - install: ["mkdir /rootfs && cat /a/usr/lib/lib /b/usr/share/doc/greeting >/rootfs/both"]
finalize:
  - from: /rootfs
`,
	} {
		write(t, filepath.Join(b.dir, name), []byte(text), 0o644)
	}

	// An agent without keys.
	socket := filepath.Join(t.TempDir(), "agent")

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}

	defer listener.Close() //nolint:errcheck // the test is over

	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}

			go func() { _ = agent.ServeAgent(agent.NewKeyring(), conn) }()
		}
	}()

	ssh, err := sshprovider.NewSSHAgentProvider([]sshprovider.AgentConfig{{ID: "default", Paths: []string{socket}}})
	if err != nil {
		t.Fatal(err)
	}

	give := func(secret string) {
		b.attach = []session.Attachable{ssh, secretsprovider.FromMap(map[string][]byte{
			"token": []byte(secret), "netrc": []byte(secret), "password": []byte(secret),
		})}
	}

	const first, second = "sw0rdf1s", "0ther0ne"

	give(first)

	files, solved, err := b.solve(t, "app")
	if err != nil {
		t.Fatal(err)
	}

	if _, left := files["/root/.netrc"]; left {
		t.Error("the place of a secret is left in the output")
	}

	for name, content := range files {
		if strings.Contains(content, first) || strings.Contains(name, "secrets") || strings.HasPrefix(name, "/run/ssh") {
			t.Errorf("the output has %s: %q", name, content)
		}
	}

	if !strings.HasPrefix(files["/rootfs/doc/greeting"], "hello world\n") {
		t.Errorf("the greeting is %q", files["/rootfs/doc/greeting"])
	}

	if solved.Executed == 0 {
		t.Error("nothing was executed")
	}

	// Another secret builds nothing again, and in an engine that knows
	// nothing of the first it gives the same image.
	give(second)

	_, again, err := b.solve(t, "app")
	if err != nil {
		t.Fatal(err)
	}

	known := b.state
	b.state = t.TempDir()

	_, elsewhere, err := b.solve(t, "app")
	if err != nil {
		t.Fatal(err)
	}

	b.state = known

	if again.Executed != 0 || elsewhere.Executed == 0 {
		t.Errorf("another secret executed %d steps, elsewhere %d", again.Executed, elsewhere.Executed)
	}

	if solved.Digest == "" || again.Digest != solved.Digest || elsewhere.Digest != solved.Digest {
		t.Errorf("the images are %q, %q and %q", solved.Digest, again.Digest, elsewhere.Digest)
	}

	// The outputs take their parts from the same build.
	both, solved, err := b.solve(t, "user")
	if err != nil {
		t.Fatal(err)
	}

	if len(both) != 1 || !strings.HasPrefix(both["/both"], "lib\nhello world\n") {
		t.Errorf("the outputs are %q", both)
	}

	for _, step := range solved.Steps {
		if strings.Contains(step.Name, "[app]") && !step.Cached && step.Completed != nil && strings.Contains(step.Name, "build") {
			t.Errorf("%s ran again", step.Name)
		}
	}

	// Without the secret the step fails.
	b.state, b.attach = t.TempDir(), []session.Attachable{ssh, secretsprovider.FromMap(nil)}

	if _, _, err := b.solve(t, "app"); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("without the secret: %v", err)
	}
}
