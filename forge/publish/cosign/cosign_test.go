package cosign

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func read(t testing.TB, name string) []byte {
	t.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}

	return data
}

func password(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

func TestGeneratedPairSignsAndVerifies(t *testing.T) {
	private, public, err := GenerateKeyPair([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}

	if block, _ := pem.Decode(private); block == nil || block.Type != "ENCRYPTED SIGSTORE PRIVATE KEY" {
		t.Fatalf("private key is not cosign's PEM:\n%s", private)
	}

	key, err := ParsePrivateKey(private, password("secret"))
	if err != nil {
		t.Fatal(err)
	}

	pub, err := ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}

	signature, err := Sign(key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}

	if err := Verify(pub, []byte("payload"), signature); err != nil {
		t.Error(err)
	}

	if err := Verify(pub, []byte("Payload"), signature); !errors.Is(err, ErrSignature) {
		t.Errorf("another payload: got %v, want ErrSignature", err)
	}
}

func TestWrongPasswordIsOneClearError(t *testing.T) {
	private, _, err := GenerateKeyPair([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}

	missing := errors.New("no terminal")

	for name, ask := range map[string]func() ([]byte, error){
		"wrong":   password("Secret"),
		"empty":   password(""),
		"none":    nil,
		"missing": func() ([]byte, error) { return nil, missing },
	} {
		if _, err := ParsePrivateKey(private, ask); !errors.Is(err, ErrPassword) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with ErrPassword", name, err)
		}
	}
}

func TestKeysOfOpenSSL(t *testing.T) {
	for _, test := range []struct{ private, public string }{
		{"ec.pem", "ec.pub"}, {"pkcs8.pem", "ec.pub"}, {"ed25519.pem", "ed25519.pub"}, {"rsa.pem", "rsa.pub"},
	} {
		t.Run(test.private, func(t *testing.T) {
			key, err := ParsePrivateKey(read(t, test.private), nil)
			if err != nil {
				t.Fatal(err)
			}

			pub, err := ParsePublicKey(read(t, test.public))
			if err != nil {
				t.Fatal(err)
			}

			payload := []byte("the same bytes")

			first, err := Sign(key, payload)
			if err != nil {
				t.Fatal(err)
			}

			second, err := Sign(key, payload)
			if err != nil {
				t.Fatal(err)
			}

			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("signatures are not deterministic:\n%s", diff)
			}

			if err := Verify(pub, payload, first); err != nil {
				t.Error(err)
			}

			opensslVerify(t, test.public, payload, first)
		})
	}
}

// opensslVerify lets OpenSSL judge a signature.
func opensslVerify(t *testing.T, public string, payload, signature []byte) {
	t.Helper()

	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}

	dir := t.TempDir()
	for name, data := range map[string][]byte{"payload": payload, "signature": signature} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	args := []string{"pkeyutl", "-verify", "-pubin", "-inkey", filepath.Join("testdata", public),
		"-in", filepath.Join(dir, "payload"), "-sigfile", filepath.Join(dir, "signature"), "-rawin"}
	if !strings.HasPrefix(public, "ed") {
		args = append(args, "-digest", "sha256")
	}

	if out, err := exec.Command("openssl", args...).CombinedOutput(); err != nil {
		t.Errorf("openssl refuses the signature: %v\n%s", err, out)
	}
}

func TestBadKeys(t *testing.T) {
	ec := read(t, "ec.pem")

	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"empty":     {nil, "no PEM block"},
		"text":      {[]byte("hello\n"), "no PEM block"},
		"truncated": {ec[:len(ec)/2], "no PEM block"},
		"public":    {read(t, "ec.pub"), "this is a public key"},
		"short RSA": {read(t, "rsa1024.pem"), "too short"},
		"garbage":   {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1, 2, 3}}), "unreadable key"},
		"other":     {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}), `"CERTIFICATE" is not a private key`},
		"envelope":  {pem.EncodeToMemory(&pem.Block{Type: pemEncrypted, Bytes: []byte("{}")}), "wrong password or damaged key"},
	} {
		if _, err := ParsePrivateKey(test.data, password("")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}

	for name, data := range map[string][]byte{"empty": nil, "private": ec, "garbage": []byte("-----BEGIN PUBLIC KEY-----\n")} {
		if _, err := ParsePublicKey(data); !errors.Is(err, ErrKey) {
			t.Errorf("public, %s: got %v, want ErrKey", name, err)
		}
	}
}

func TestPayloadIsCosigns(t *testing.T) {
	// The form is cosign's, byte for byte (SIGNATURE_SPEC.md, "Simple Signing").
	const want = `{"critical":{"identity":{"docker-reference":"registry.example/akmon/installer"},` +
		`"image":{"docker-manifest-digest":"` + digest + `"},` +
		`"type":"cosign container image signature"},"optional":null}`

	p := Payload{Digest: digest, Identity: "registry.example/akmon/installer"}

	got, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}

	back, err := ParsePayload(got)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(p, back); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

func TestBadPayloads(t *testing.T) {
	good, err := Payload{Digest: digest}.Marshal()
	if err != nil {
		t.Fatal(err)
	}

	for name, data := range map[string]string{
		"empty":        "",
		"not JSON":     "x",
		"other type":   strings.Replace(string(good), "cosign container", "atomic container", 1),
		"short digest": strings.Replace(string(good), digest, digest[:20], 1),
		"other digest": strings.Replace(string(good), digest, "sha512:00", 1),
		"trailing":     string(good) + "{}",
		"huge":         strings.Repeat(" ", maxPayload+1),
	} {
		if _, err := ParsePayload([]byte(data)); !errors.Is(err, ErrPayload) {
			t.Errorf("%s: got %v, want ErrPayload", name, err)
		}
	}

	if _, err := (Payload{Digest: "latest"}).Marshal(); !errors.Is(err, ErrPayload) {
		t.Errorf("marshal: got %v, want ErrPayload", err)
	}
}

func TestPasswordFromEnvironment(t *testing.T) {
	t.Setenv("COSIGN_PASSWORD", "")
	t.Setenv("AKMON_KEY_PASSWORD", "second")

	got, err := Password()
	if err != nil || string(got) != "" {
		t.Errorf("got %q, %v; a variable that is set but empty is an empty password", got, err)
	}

	if err := os.Unsetenv("COSIGN_PASSWORD"); err != nil {
		t.Fatal(err)
	}

	if got, err = NewPassword(); err != nil || string(got) != "second" {
		t.Errorf("got %q, %v, want %q", got, err, "second")
	}
}

func TestFingerprintNamesAKey(t *testing.T) {
	prints := map[string]bool{}

	for _, name := range []string{"ec.pub", "rsa.pub", "ed25519.pub"} {
		key, err := ParsePublicKey(read(t, name))
		if err != nil {
			t.Fatal(err)
		}

		print, err := Fingerprint(key)
		if err != nil || len(print) != 64 {
			t.Fatalf("%s: %q, %v", name, print, err)
		}

		prints[print] = true
	}

	if len(prints) != 3 {
		t.Errorf("fingerprints collide: %v", prints)
	}
}

func FuzzParsePayload(f *testing.F) {
	good, err := Payload{Digest: digest, Identity: "a/b", Optional: map[string]any{"k": "v"}}.Marshal()
	if err != nil {
		f.Fatal(err)
	}

	f.Add(good)
	f.Add([]byte(`{"critical":null}`))
	f.Add([]byte(`[]`))

	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePayload(data)
		if err != nil {
			return
		}

		again, err := p.Marshal()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}

		if _, err := ParsePayload(again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	for _, name := range []string{"ec.pem", "pkcs8.pem", "rsa.pem", "ed25519.pem", "ec.pub", "rsa.pub"} {
		f.Add(read(f, name))
	}

	f.Add(pem.EncodeToMemory(&pem.Block{Type: pemEncrypted, Bytes: []byte(`{"kdf":{"name":"scrypt"}}`)}))

	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := ParsePrivateKey(data, password("x")); err == nil {
			mustMarshal(t, key.Public())
		}

		if key, err := ParsePublicKey(data); err == nil {
			mustMarshal(t, key)
		}
	})
}

func mustMarshal(t *testing.T, key crypto.PublicKey) {
	t.Helper()

	if _, err := x509.MarshalPKIXPublicKey(key); err != nil {
		t.Fatalf("an accepted key cannot be written: %v", err)
	}
}
