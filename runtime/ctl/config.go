package ctl

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/akmon-os/akmon/schemas/clientconfig"
)

// ConfigInfo describes a context of the client configuration; an empty name
// means the current one.
func ConfigInfo(out io.Writer, config *clientconfig.Config, name string, now time.Time) error {
	name, context, err := config.Current(name)
	if err != nil {
		return err
	}

	roles, expires := certificate(context.Crt, now)
	t := newTable(out, "Current context:", name)
	t.row("Nodes:", orNone(context.Nodes, "not defined"))
	t.row("Endpoints:", orNone(context.Endpoints, "not defined"))
	t.row("Roles:", roles)
	t.row("Certificate expires:", expires)

	return t.flush()
}

// certificate tells the roles in a certificate, and when it expires.
func certificate(text string, now time.Time) (roles, expires string) {
	if text == "" {
		return "", "there is no certificate"
	}

	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", "the certificate is not valid base64"
	}

	block, _ := pem.Decode(data)
	if block == nil {
		return "", "the certificate is not PEM"
	}

	crt, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", "the certificate can't be read: " + err.Error()
	}

	expires = crt.NotAfter.UTC().Format(time.RFC3339)

	if left := crt.NotAfter.Sub(now); left < 0 {
		expires += " (expired)"
	} else {
		expires += fmt.Sprintf(" (in %d days)", int(left.Hours()/24))
	}

	return orNone(crt.Subject.Organization, "none"), expires
}

func orNone(list []string, none string) string {
	if len(list) == 0 {
		return none
	}

	return strings.Join(list, ", ")
}

// ConfigContexts lists the contexts of the client configuration.
func ConfigContexts(out io.Writer, config *clientconfig.Config) error {
	t := newTable(out, "CURRENT", "NAME", "ENDPOINTS", "NODES")

	for _, name := range slices.Sorted(maps.Keys(config.Contexts)) {
		current := ""
		if name == config.Context {
			current = "*"
		}

		context := config.Contexts[name]
		t.row(current, name, strings.Join(context.Endpoints, ","), strings.Join(context.Nodes, ","))
	}

	return t.flush()
}
