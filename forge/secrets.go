package forge

import (
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/forge/lower"
	"github.com/akmon-os/akmon/schemas/document"
)

// Secret is a value that steps may ask for by its ID: the content of File, or
// of the environment variable Env. It is read when a step asks.
type Secret struct {
	ID, File, Env string
}

// SSHAgent is an SSH agent that steps may ask for by its ID: one that listens
// on a socket, or one made of private keys. Without paths it is the one that
// SSH_AUTH_SOCK names.
type SSHAgent struct {
	ID    string
	Paths []string
}

// ParseSecret reads a secret from a command line: id=ID,src=FILE or
// id=ID,env=VARIABLE.
func ParseSecret(text string) (Secret, error) {
	var s Secret

	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return s, fmt.Errorf("secret %q: %w", text, err)
	}

	known := []string{"id", "src", "env"}

	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")

		switch key {
		case "id":
			s.ID = value
		case "src", "source":
			s.File = value
		case "env":
			s.Env = value
		default:
			return s, fmt.Errorf("secret %q: unknown attribute %q; %s", text, key, hintOr(document.Suggest(key, known), known))
		}
	}

	if s.ID == "" || (s.File == "") == (s.Env == "") {
		return s, fmt.Errorf("secret %q: write id=ID,src=FILE or id=ID,env=VARIABLE", text)
	}

	return s, nil
}

// ParseSSH reads an agent from a command line: ID, or ID=PATH[,PATH...].
func ParseSSH(text string) (SSHAgent, error) {
	id, paths, given := strings.Cut(text, "=")
	if id == "" || given && paths == "" {
		return SSHAgent{}, fmt.Errorf("ssh %q: write ID, or ID=PATH with the socket of an agent or private keys", text)
	}

	agent := SSHAgent{ID: id}
	if given {
		agent.Paths = strings.Split(paths, ",")
	}

	return agent, nil
}

// attachables serve the secrets and agents to BuildKit while it builds.
func (o *Options) attachables() ([]session.Attachable, error) {
	var all []session.Attachable

	if len(o.Secrets) > 0 {
		var sources []secretsprovider.Source

		for _, s := range o.Secrets {
			if _, set := os.LookupEnv(s.Env); s.Env != "" && !set {
				return nil, fmt.Errorf("secret %s: the environment variable %s is not set", s.ID, s.Env)
			}

			sources = append(sources, secretsprovider.Source{ID: s.ID, FilePath: s.File, Env: s.Env})
		}

		store, err := secretsprovider.NewStore(sources)
		if err != nil {
			return nil, fmt.Errorf("open the secrets: %w", err)
		}

		all = append(all, secretsprovider.NewSecretProvider(store))
	}

	if len(o.SSH) > 0 {
		var agents []sshprovider.AgentConfig

		for _, a := range o.SSH {
			if len(a.Paths) == 0 && os.Getenv("SSH_AUTH_SOCK") == "" {
				return nil, fmt.Errorf("ssh %s: SSH_AUTH_SOCK is not set; write %s=PATH", a.ID, a.ID)
			}

			agents = append(agents, sshprovider.AgentConfig{ID: a.ID, Paths: a.Paths})
		}

		provider, err := sshprovider.NewSSHAgentProvider(agents)
		if err != nil {
			return nil, fmt.Errorf("open the SSH agents: %w", err)
		}

		all = append(all, provider)
	}

	return all, nil
}

// checkAsked finds what steps ask for and nobody gives, before anything is
// fetched or built.
func (o *Options) checkAsked(g *graph.Graph) error {
	set, err := lower.Inputs(g, targetNames(g)...)
	if err != nil {
		return err
	}

	var errs document.Errors

	fail := func(e *document.Error, hint string) {
		e.Hint = hint
		errs = append(errs, e)
	}

	for _, s := range set.Secrets {
		if !s.Optional && !slices.ContainsFunc(o.Secrets, func(given Secret) bool { return given.ID == s.ID }) {
			fail(s.Errorf("%s asks for the secret %q, which is not given", s.Package, s.ID), fmt.Sprintf("add --secret id=%s,src=FILE", s.ID))
		}
	}

	for _, s := range set.SSH {
		if !slices.ContainsFunc(o.SSH, func(given SSHAgent) bool { return given.ID == s.ID }) {
			fail(s.Errorf("%s asks for the SSH agent %q, which is not given", s.Package, s.ID), "add --ssh "+s.ID)
		}
	}

	return errs.OrNil()
}

// targetNames are the names of the packages that a graph was made for.
func targetNames(g *graph.Graph) []string {
	names := make([]string, len(g.Targets))
	for i, n := range g.Targets {
		names[i] = n.Name
	}

	return names
}
