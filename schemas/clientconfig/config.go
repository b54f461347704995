package clientconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Config is a client configuration. The zero value is an empty one. It is not
// safe for concurrent use.
type Config struct {
	// Context is the name of the current context.
	Context string `yaml:"context"`
	// Contexts are ways to talk to clusters, by name.
	Contexts map[string]*Context `yaml:"contexts"`
}

// Context is a way to talk to the machines of one cluster.
type Context struct {
	// Target is deprecated in favour of Endpoints; it is read, never written.
	Target string `yaml:"target,omitempty"`
	// Endpoints are the addresses that the client connects to: host or host:port.
	Endpoints []string `yaml:"endpoints"`
	// Nodes are the machines that calls are for when the user names none.
	Nodes []string `yaml:"nodes,omitempty"`
	// CA, Crt and Key are base64 of PEM: the machine API's authority, the
	// client's certificate and its private key.
	CA  string `yaml:"ca,omitempty"`
	Crt string `yaml:"crt,omitempty"`
	Key string `yaml:"key,omitempty"`
	// Auth is how the client proves who it is other than by its certificate.
	Auth Auth `yaml:"auth,omitempty"`
	// Cluster names the cluster to an endpoint that serves several.
	Cluster string `yaml:"cluster,omitempty"`
}

// Auth is the value of the key auth of a Context.
type Auth struct {
	Basic    *Basic    `yaml:"basic,omitempty"`
	SideroV1 *SideroV1 `yaml:"siderov1,omitempty"`
}

// Basic is a user name with a password.
type Basic struct {
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

// SideroV1 is an identity that signs calls.
type SideroV1 struct {
	Identity string `yaml:"identity"`
}

// Decode reads a client configuration strictly; file is its name in messages.
// The error is a [document.Errors].
func Decode(file string, data []byte) (*Config, error) {
	config := &Config{}

	if err := document.Decode(file, data, config); err != nil {
		// The lines of this document are mostly secrets.
		errs := document.Join(file, err)
		for _, e := range errs {
			key, _, found := strings.Cut(e.Text, ":")
			if found {
				e.Text = key + ": ***"
			}
		}

		return nil, errs
	}

	for _, name := range slices.Sorted(maps.Keys(config.Contexts)) {
		context := config.Contexts[name]
		if context == nil {
			context = &Context{}
			config.Contexts[name] = context
		}

		if context.Target != "" {
			context.Endpoints = append(context.Endpoints, context.Target)
			context.Target = ""
		}
	}

	return config, nil
}

// Encode writes the configuration as YAML. The same values always give the
// same bytes.
func (c *Config) Encode() ([]byte, error) {
	data, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode client configuration: %w", err)
	}

	return data, nil
}

// Load reads the configuration at path. A file that isn't there gives an empty
// configuration, as an empty file does.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Config{}, nil
	}

	if err != nil {
		return nil, fmt.Errorf("read client configuration: %w", err)
	}

	return Decode(path, data)
}

// Save writes the configuration to path, readable by its owner only, making
// the directory (0700) when it is missing. A symbolic link stays one: the file
// that it leads to is replaced.
func (c *Config) Save(path string) error {
	data, err := c.Encode()
	if err != nil {
		return err
	}

	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}

	if err := writeFile(path, data); err != nil {
		return fmt.Errorf("write client configuration: %w", err)
	}

	return nil
}

func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)

	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}

	// CreateTemp makes the file with mode 0600.
	temp, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}

	_, err = temp.Write(data)
	if err == nil {
		err = temp.Sync()
	}

	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}

	if err == nil {
		err = os.Rename(temp.Name(), path)
	}

	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}

	return nil
}

// Current gives the context with the name, or the current one when the name
// is empty, with its name.
func (c *Config) Current(name string) (string, *Context, error) {
	if name == "" {
		name = c.Context
	}

	if name == "" {
		if len(c.Contexts) == 0 {
			return "", nil, errors.New("the client configuration has no contexts")
		}

		return "", nil, errors.New("the client configuration has no current context: choose one")
	}

	context, ok := c.Contexts[name]
	if !ok {
		message := fmt.Sprintf("the client configuration has no context %q", name)
		if hint := document.Suggest(name, slices.Collect(maps.Keys(c.Contexts))); hint != "" {
			message += "; " + hint
		}

		return "", nil, errors.New(message)
	}

	return name, context, nil
}

// Rename is a context that got another name in a merge.
type Rename struct {
	From, To string
}

// Merge adds the contexts of other, and makes other's current context the
// current one. It never overwrites: a context whose name is taken is added as
// NAME-1, NAME-2 and so on, which the result lists by name; one that is the
// same as a context that is there already is not added again.
func (c *Config) Merge(other *Config) []Rename {
	if c.Contexts == nil {
		c.Contexts = map[string]*Context{}
	}

	var renames []Rename

	taken := map[string]string{}

	for _, name := range slices.Sorted(maps.Keys(other.Contexts)) {
		to := c.freeName(name, other.Contexts[name])
		if to != name {
			renames = append(renames, Rename{From: name, To: to})
		}

		taken[name] = to
		c.Contexts[to] = other.Contexts[name]
	}

	if to, ok := taken[other.Context]; ok {
		c.Context = to
	}

	return renames
}

func (c *Config) freeName(name string, context *Context) string {
	for i, candidate := 1, name; ; i++ {
		there, ok := c.Contexts[candidate]
		if !ok || there.equal(context) {
			return candidate
		}

		candidate = fmt.Sprintf("%s-%d", name, i)
	}
}

func (c *Context) equal(other *Context) bool {
	return slices.Equal(c.Endpoints, other.Endpoints) && slices.Equal(c.Nodes, other.Nodes) &&
		c.CA == other.CA && c.Crt == other.Crt && c.Key == other.Key && c.Cluster == other.Cluster &&
		c.Auth == (Auth{}) && other.Auth == (Auth{})
}
