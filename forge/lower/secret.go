package lower

import (
	"github.com/moby/buildkit/client/llb"

	"github.com/akmon-os/akmon/forge/graph"
	"github.com/akmon-os/akmon/schemas/pkgtree"
)

// SecretInput is a secret that a step asks for.
type SecretInput struct {
	Place

	ID       string
	Optional bool
}

// SSHInput is an SSH agent that a step asks for.
type SSHInput struct {
	Place

	ID string
}

// secretMounts gives the secrets and SSH agents of a step. BuildKit takes what
// they hold from the session of who builds: neither the operation nor its
// result has it.
func secretMounts(s *pkgtree.Step) []llb.RunOption {
	mounts := make([]llb.RunOption, 0, len(s.Secrets)+len(s.SSH))

	for i := range s.Secrets {
		secret := &s.Secrets[i]
		opts := []llb.SecretOption{}

		if secret.Optional() {
			opts = append(opts, llb.SecretOptional)
		}

		if file := secret.File(); file != "" {
			mounts = append(mounts, llb.AddSecretWithDest(secret.ID, &file, opts...))
		} else {
			mounts = append(mounts, llb.AddSecretWithDest(secret.ID, nil, append(opts, llb.SecretAsEnvName(secret.Env))...))
		}
	}

	for _, ssh := range s.SSH {
		mounts = append(mounts, llb.AddSSHSocket(llb.SSHID(ssh.ID), llb.SSHSocketTarget(ssh.Socket())))
	}

	return mounts
}

// secrets collects what a step asks of who builds.
func (c *collector) secrets(n *graph.Node, s *pkgtree.Step) {
	for i := range s.Secrets {
		secret := &s.Secrets[i]
		if c.first("secret", secret.ID, secret.Optional()) {
			c.set.Secrets = append(c.set.Secrets, SecretInput{Place{n.Name, n.Package, secret.Pos}, secret.ID, secret.Optional()})
		}
	}

	for _, ssh := range s.SSH {
		if c.first("ssh", ssh.ID) {
			c.set.SSH = append(c.set.SSH, SSHInput{Place{n.Name, n.Package, ssh.Pos}, ssh.ID})
		}
	}
}
