package machineconfig

import (
	"regexp"

	"github.com/akmon-os/akmon/schemas/document"
)

// secretLine matches a line of YAML whose value is, or may be, a secret.
var secretLine = regexp.MustCompile(`(?i)^(.*?\b(?:key|token|secret|passphrase|password|auth|identityToken|privateKey|presharedKey|uniqueToken|apiToken|\w*EncryptionSecret)["']?\s*:\s*).+$`)

// keyMaterial matches base64 that is too long to be anything else.
var keyMaterial = regexp.MustCompile(`[A-Za-z0-9+/_=-]{40,}`)

// redact takes the values of secrets out of the lines that findings repeat:
// findings end in terminals, tickets and logs.
func redact(errs document.Errors) document.Errors {
	for _, e := range errs {
		e.Text = secretLine.ReplaceAllString(e.Text, "$1***")
		e.Text = keyMaterial.ReplaceAllString(e.Text, "***")
	}

	return errs
}
