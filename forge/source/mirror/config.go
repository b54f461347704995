package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/akmon-os/akmon/schemas/document"
)

// Env is the environment variable that holds rules, see [ParseRules].
const Env = "AKMON_MIRRORS"

// Config is where sources are looked for on this machine.
type Config struct {
	Rules Rules
	Go    GoEnv
	From  string // what it was read from, for messages
}

// Rewrite is that of Rules.
func (c Config) Rewrite(url string) []string { return c.Rules.Rewrite(url) }

// Load finds the machine's configuration: the environment, else the user's
// file, else apt's and Go's settings. The environment is that of the process;
// bad configuration is an error even if nothing would come of it.
func Load() (Config, error) {
	goenv, goErr := LookupGoEnv()

	if value, ok := os.LookupEnv(Env); ok {
		rules, err := ParseRules(value)
		if err != nil {
			return Config{}, fmt.Errorf("read %s: %w", Env, err)
		}

		return Config{Rules: rules, Go: goenv, From: Env}, goErr
	}

	dir, err := os.UserConfigDir()
	if err == nil {
		file := filepath.Join(dir, "akmon", "mirrors.yaml")

		data, err := os.ReadFile(file)
		if err == nil {
			config, err := Parse(file, data, goenv)

			return config, errors.Join(err, goErr)
		}

		if !errors.Is(err, fs.ErrNotExist) {
			return Config{}, fmt.Errorf("read mirrors: %w", err)
		}
	}

	return Config{
		Rules: append(AptRules("/etc/apt"), GoRules(goenv.Proxy)...),
		Go:    goenv,
		From:  "the machine's apt sources and GOPROXY",
	}, goErr
}

// The file's form.
type configFile struct {
	Mirrors []mirrorEntry `yaml:"mirrors"`
	GoProxy yaml.Node     `yaml:"goproxy,omitempty"`
}

type mirrorEntry struct {
	Prefix       yaml.Node   `yaml:"prefix"`
	Replacements []yaml.Node `yaml:"replacements"`
}

// Parse reads a mirrors.yaml. Settings of Go that it does not mention are
// those of goenv.
func Parse(file string, data []byte, goenv GoEnv) (Config, error) {
	var parsed configFile
	if err := document.Decode(file, data, &parsed); err != nil {
		return Config{}, err
	}

	config := Config{Go: goenv, From: file}

	var errs document.Errors

	for _, entry := range parsed.Mirrors {
		for _, replacement := range entry.Replacements {
			rule := Rule{Prefix: entry.Prefix.Value, Replacement: replacement.Value}
			if err := rule.Validate(); err != nil {
				errs = append(errs, document.At(file, data, &replacement, "%v", err))

				continue
			}

			config.Rules = append(config.Rules, rule)
		}
	}

	if parsed.GoProxy.Value != "" {
		proxies, err := ParseGoProxy(parsed.GoProxy.Value)
		if err != nil {
			errs = append(errs, document.At(file, data, &parsed.GoProxy, "%v", err))
		}

		config.Go.Proxy = proxies
	}

	return config, errs.OrNil()
}
