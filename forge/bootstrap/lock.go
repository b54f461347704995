package bootstrap

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/forge/source"
	"github.com/akmon-os/akmon/schemas/document"
)

// Lock is a debian.lock.yaml: packages by sum, and what is done with them.
type Lock struct {
	Format string `yaml:"format"`
	// Wanted is a digest of what the packages were chosen by: suites,
	// components, snapshot and package lists of the debian.yaml.
	Wanted string `yaml:"wanted"`
	// Snapshot is the time that the URLs name, and that of all files.
	Snapshot string    `yaml:"snapshot"`
	Releases []Release `yaml:"releases"`
	// Userlands are the packages by architecture, sorted by name.
	Userlands map[string][]Locked `yaml:"userlands"`
	Layout    `yaml:",inline"`

	file string
	data []byte
}

// Release is the state of a suite that packages were chosen from.
type Release struct {
	Suite    string `yaml:"suite"`
	Date     string `yaml:"date"`
	SHA256   string `yaml:"sha256"`             // of InRelease
	SignedBy string `yaml:"signedBy,omitempty"` // fingerprint of the key; empty if it was not verified
}

// Locked is one pinned package.
type Locked struct {
	Name    string `yaml:"name"`
	Arch    string `yaml:"arch"` // as in the package: "all" or an architecture
	Version string `yaml:"version"`
	URL     string `yaml:"url"`
	Size    int64  `yaml:"size"` // in bytes
	SHA256  string `yaml:"sha256"`
	SHA512  string `yaml:"sha512"`

	line int
}

type lockedYAML Locked

// UnmarshalYAML decodes strictly and keeps the line.
func (l *Locked) UnmarshalYAML(n *yaml.Node) error {
	var plain lockedYAML
	if err := document.DecodeNode("", nil, n, &plain); err != nil {
		return err
	}

	*l = Locked(plain)
	l.line = n.Line

	var errs document.Errors

	for _, wrong := range l.check() {
		at := child(n, wrong.key)
		if at == nil {
			at = n
		}

		errs = append(errs, &document.Error{Line: at.Line, Column: at.Column, Message: wrong.message})
	}

	return errs.OrNil()
}

// wrong is what is wrong with a key of a package.
type wrong struct{ key, message string }

func (l *Locked) check() []wrong {
	var all []wrong

	for _, field := range []struct {
		key  string
		ok   bool
		want string
	}{
		{"name", packageName.MatchString(l.Name), fmt.Sprintf("%q is not the name of a package", l.Name)},
		{"arch", l.Arch != "", "the package has no arch"},
		{"version", l.Version != "", "the package has no version"},
		{"url", l.URL != "", "the package has no url"},
		{"size", l.Size > 0, "the package needs its size, in bytes"},
		{"sha256", sum256.MatchString(l.SHA256), "the package needs its sha256, 64 lower-case hexadecimal digits"},
		{"sha512", sum512.MatchString(l.SHA512), "the package needs its sha512, 128 lower-case hexadecimal digits"},
	} {
		if !field.ok {
			all = append(all, wrong{field.key, field.want})
		}
	}

	return all
}

var (
	sum256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sum512 = regexp.MustCompile(`^[0-9a-f]{128}$`)
)

// LoadLock reads a debian.lock.yaml.
func LoadLock(path string) (*Lock, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load bootstrap lock: %w", err)
	}

	return ParseLock(path, data)
}

// ParseLock reads a debian.lock.yaml; file is its name in messages. The error
// is a document.Errors with every finding.
func ParseLock(file string, data []byte) (*Lock, error) {
	l := &Lock{file: file, data: data}
	if err := document.Decode(file, data, l); err != nil {
		return nil, err
	}

	f := &findings{file: file, data: data}
	f.format(l.Format)
	f.layout(&l.Layout)

	if _, err := l.time(); err != nil {
		f.at([]string{"snapshot"}, "", "%v", err)
	}

	// An empty item of a list does not come by UnmarshalYAML.
	for _, arch := range l.Architectures() {
		for i := range l.Userlands[arch] {
			if len(l.Userlands[arch][i].check()) > 0 {
				f.at([]string{"userlands", arch, strconv.Itoa(i)}, "`akmon lock` writes the file anew", "this entry of %s is empty", arch)
			}
		}
	}

	if err := f.errs.OrNil(); err != nil {
		return nil, err
	}

	return l, nil
}

func (l *Lock) time() (time.Time, error) {
	t, err := time.Parse(snapshotForm, l.Snapshot)
	if err != nil {
		return t, fmt.Errorf("snapshot must be a time like 20260913T000000Z, not %q", l.Snapshot)
	}

	return t, nil
}

const snapshotForm = "20060102T150405Z"

// Architectures lists the userlands that the lock has, sorted.
func (l *Lock) Architectures() []string {
	var archs []string
	for arch := range l.Userlands {
		archs = append(archs, arch)
	}

	slices.Sort(archs)

	return archs
}

// Sources returns the packages of one userland as sources to fetch. The error
// names the architectures that there are.
func (l *Lock) Sources(arch string) ([]source.Source, error) {
	packages, ok := l.Userlands[arch]
	if !ok {
		return nil, fmt.Errorf("%s has no userland for %s, only for %v", l.name(), arch, l.Architectures())
	}

	sources := make([]source.Source, len(packages))
	for i, p := range packages {
		sources[i] = source.Source{Package: p.Name, URL: p.URL, SHA256: p.SHA256, SHA512: p.SHA512}
		if p.line > 0 {
			sources[i].Position = fmt.Sprintf("%s:%d", l.name(), p.line)
		}
	}

	return sources, nil
}

func (l *Lock) name() string {
	if l.file == "" {
		return "the bootstrap lock"
	}

	return l.file
}

// Encode returns the lock as a file's contents; the same lock always gives the
// same bytes.
func (l *Lock) Encode() ([]byte, error) {
	var out bytes.Buffer

	out.WriteString("# Written by \"akmon lock\" from debian.yaml. Do not edit.\n")

	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)

	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("encode bootstrap lock: %w", err)
	}

	return out.Bytes(), nil
}

// Save writes the lock to path, whole or not at all.
func (l *Lock) Save(path string) error {
	data, err := l.Encode()
	if err != nil {
		return err
	}

	if err := source.WriteFile(path, data); err != nil {
		return fmt.Errorf("save bootstrap lock: %w", err)
	}

	return nil
}

// wantedDigest identifies what a spec's packages are chosen by.
func (s *Spec) wantedDigest() string {
	type want struct {
		Name, Arch    string
		Architectures []string
		Alone         bool
	}

	wants := make([]want, len(s.Packages))
	for i, w := range s.Packages {
		wants[i] = want{w.Name, w.Arch, w.Architectures, w.Alone}
	}

	// The fields are in a fixed order and hold no maps.
	data, err := json.Marshal(struct {
		Suites, Components []string
		Snapshot           string
		Architectures      []string
		Packages           []want
		Without            []string
	}{values(s.Suites), s.Components, s.Snapshot.Value, values(s.Architectures), wants, values(s.Without)})
	if err != nil {
		panic(err) // strings and booleans only
	}

	sum := sha256.Sum256(data)

	return hex.EncodeToString(sum[:])
}
