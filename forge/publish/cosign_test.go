package publish

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/akmon-os/akmon/forge/publish/cosign"
)

// cosign verifies what we sign with the key pair that we make, and we verify
// what cosign signs with it.
func TestCosignAgrees(t *testing.T) {
	program, err := exec.LookPath("cosign")
	if err != nil {
		t.Skip("cosign is not installed")
	}

	t.Setenv("COSIGN_PASSWORD", "secret")

	private, public, err := cosign.GenerateKeyPair([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	for name, data := range map[string][]byte{"cosign.key": private, "cosign.pub": public} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	run := func(args ...string) {
		t.Helper()

		cmd := exec.Command(program, args...)
		cmd.Dir = dir

		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("cosign %s: %v\n%s", args[0], err, out)
		}
	}

	key, err := cosign.ParsePrivateKey(private, func() ([]byte, error) { return []byte("secret"), nil })
	if err != nil {
		t.Fatal(err)
	}

	host := startRegistry(t, registry.WithReferrersSupport(true))
	image := open(t, imageLayout(t))

	ours, err := Push(ctx, image, host+"/ours/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	if err := Sign(ctx, ours, key, SignOptions{Annotations: map[string]string{"by": "akmon"}}); err != nil {
		t.Fatal(err)
	}

	run("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry=true",
		"-a", "by=akmon", host+"/ours/installer:v1")

	theirs, err := Push(ctx, image, host+"/theirs/installer:v1", Options{})
	if err != nil {
		t.Fatal(err)
	}

	run("sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--allow-http-registry=true",
		host+"/theirs/installer@"+theirs.Digest().String())

	if _, err := Verify(ctx, theirs, key.Public()); err != nil {
		t.Error(err)
	}

	// Both at once: our signature is added to cosign's.
	if err := Sign(ctx, theirs, testKey(t, "ec.pem"), SignOptions{}); err != nil {
		t.Fatal(err)
	}

	run("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry=true", host+"/theirs/installer:v1")

	if _, err := Verify(ctx, theirs, testKey(t, "ec.pem").Public()); err != nil {
		t.Error(err)
	}
}
