package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor" //nolint:misspell // its name
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"

	"github.com/akmon-os/akmon/forge/bootstrap/archive"
)

func key(t testing.TB) *openpgp.Entity {
	t.Helper()

	e, err := openpgp.NewEntity("Archive", "", "archive@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}

	return e
}

func sign(t testing.TB, e *openpgp.Entity, text string) []byte {
	t.Helper()

	var out bytes.Buffer

	w, err := clearsign.Encode(&out, e.PrivateKey, nil)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}

	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	return out.Bytes()
}

var release = `Origin: Debian
Suite: stable
Codename: trixie
Date: Sat, 12 Sep 2026 07:55:41 UTC
Acquire-By-Hash: yes
Components: main contrib
MD5Sum:
 00000000000000000000000000000000 3 main/binary-amd64/Packages
SHA256:
 ` + strings.Repeat("ab", 32) + ` 12345 main/binary-amd64/Packages.xz
`

func TestParseRelease(t *testing.T) {
	mine, other := key(t), key(t)
	signed := sign(t, mine, release)

	r, err := archive.ParseRelease(signed, openpgp.EntityList{other, mine})
	if err != nil {
		t.Fatal(err)
	}

	if r.Codename != "trixie" || r.Suite != "stable" || !r.ByHash || len(r.Components) != 2 ||
		!r.Date.Equal(time.Date(2026, 9, 12, 7, 55, 41, 0, time.UTC)) {
		t.Errorf("got %+v", r)
	}

	if f := r.Files["main/binary-amd64/Packages.xz"]; f.Size != 12345 || f.SHA256 != strings.Repeat("ab", 32) {
		t.Errorf("got %+v", f)
	}

	if want := fmt.Sprintf("%X", mine.PrimaryKey.Fingerprint); r.SignedBy != want {
		t.Errorf("signed by %s, want %s", r.SignedBy, want)
	}

	if r, err = archive.ParseRelease(signed, nil); err != nil || r.SignedBy != "" {
		t.Errorf("without a keyring: %+v, %v", r, err)
	}

	if _, err = archive.ParseRelease(signed, openpgp.EntityList{other}); !errors.Is(err, archive.ErrUnsigned) {
		t.Errorf("signed by another: %v", err)
	}

	changed := bytes.Replace(signed, []byte(" 12345 "), []byte(" 12346 "), 1)
	if _, err = archive.ParseRelease(changed, openpgp.EntityList{mine}); err == nil {
		t.Error("a changed byte went unnoticed")
	}
}

func TestParseReleaseErrors(t *testing.T) {
	mine := key(t)

	for text, want := range map[string]string{
		"Date: yesterday\n":                                     "its date",
		strings.Replace(release, "12345", "-1", 1):              "not a size",
		strings.Replace(release, " 12345", "", 1):               "not sum, size and name",
		strings.Replace(release, "Codename: trixie", "junk", 1): "not a field",
	} {
		if _, err := archive.ParseRelease(sign(t, mine, text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}

	if _, err := archive.ParseRelease([]byte(release), nil); err == nil || !strings.Contains(err.Error(), "clear-signed") {
		t.Errorf("without a signature: %v", err)
	}
}

func FuzzParseRelease(f *testing.F) {
	e := key(f)
	f.Add(sign(f, e, release))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n\nDate: x\n"))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\n\n-----BEGIN PGP SIGNATURE-----"))

	f.Fuzz(func(_ *testing.T, data []byte) {
		archive.ParseRelease(data, nil)                   //nolint:errcheck // must not panic
		archive.ParseRelease(data, openpgp.EntityList{e}) //nolint:errcheck // must not panic
	})
}

func TestReadKeyring(t *testing.T) {
	e := key(t)

	var plain, ascii bytes.Buffer
	if err := e.Serialize(&plain); err != nil {
		t.Fatal(err)
	}

	w, err := armor.Encode(&ascii, openpgp.PublicKeyType, nil) //nolint:misspell // its name
	if err != nil {
		t.Fatal(err)
	}

	if err := errors.Join(e.Serialize(w), w.Close()); err != nil {
		t.Fatal(err)
	}

	for name, data := range map[string][]byte{"k.gpg": plain.Bytes(), "k.asc": ascii.Bytes()} {
		path := t.TempDir() + "/" + name
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}

		list, err := archive.ReadKeyring(path)
		if err != nil || len(list) != 1 || !bytes.Equal(list[0].PrimaryKey.Fingerprint, e.PrimaryKey.Fingerprint) {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

func TestReadPackages(t *testing.T) {
	good := "Package: a\nVersion: 1\nArchitecture: all\nFilename: pool/a.deb\nSize: 7\nSHA256: " + strings.Repeat("0", 64) + "\n"

	packages, err := archive.ReadPackages(strings.NewReader(good+"Depends: b | c (>= 1)\nPre-Depends: d\n\n"+strings.Replace(good, ": a", ": e", 1)), "debian")
	if err != nil || len(packages) != 2 || len(packages[0].Depends) != 2 || packages[0].Archive != "debian" {
		t.Errorf("got %+v, %v", packages, err)
	}

	for _, bad := range []string{
		strings.Replace(good, "Size: 7", "Size: x", 1), strings.Replace(good, "Version: 1\n", "", 1), good + "Depends: (\n", good + "junk\n",
	} {
		if _, err := archive.ReadPackages(strings.NewReader(bad), ""); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
