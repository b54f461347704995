// Package metal is the platform of machines without a cloud: their configuration
// comes from a URL on the kernel command line, or from a person.
package metal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/akmon-os/akmon/runtime/kernelargs"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

// Name is the platform's name in talos.platform.
const Name = "metal"

// ConfigArg names the configuration's URL on the kernel command line.
const ConfigArg = "talos.config"

// Variables are what a URL may contain as ${name}, as documented.
type Variables struct {
	UUID, Serial, Hostname string
	// MAC is the address of the first link, with colons.
	MAC string
}

// roots is where a machine keeps the authorities that it trusts.
const roots = "/etc/ssl/certs/ca-certificates.crt"

// fetchTimeout bounds one attempt, from the first packet to the last byte.
const fetchTimeout = 30 * time.Second

// Fetch gets the configuration that the command line names. It returns nil when
// it names none.
func Fetch(ctx context.Context, args kernelargs.Args, vars func() Variables) ([]byte, error) {
	raw, ok := args.First(ConfigArg)
	if !ok || raw == "" || raw == "none" {
		return nil, nil
	}

	u, err := Expand(raw, vars)
	if err != nil {
		return nil, err
	}

	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask for configuration: %w", err)
	}

	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool(), MinVersion: tls.VersionTLS12}}

	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for configuration: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck

	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for configuration: %s answered %s", u.Redacted(), resp.Status)
	}

	data, err := io.ReadAll(io.LimitReader(resp.Body, machineconfig.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}

	if len(data) > machineconfig.MaxSize {
		return nil, fmt.Errorf("read configuration: it is larger than %d bytes", machineconfig.MaxSize)
	}

	return data, nil
}

// pool returns the trusted authorities; nil, which means the system's, when the
// machine has no list of its own.
func pool() *x509.CertPool {
	data, err := os.ReadFile(roots)
	if err != nil {
		return nil
	}

	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(data) {
		return nil
	}

	return p
}

// Expand fills the variables of a configuration URL in: ${uuid}, ${serial},
// ${mac}, ${hostname}; and, as documented for older machines, a query parameter
// uuid, serial, mac or hostname without a value.
func Expand(raw string, vars func() Variables) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ConfigArg, err)
	}

	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s: scheme %q is not http or https", ConfigArg, u.Scheme)
	}

	if u.Host == "" {
		return nil, errors.New(ConfigArg + ": the URL has no host")
	}

	if !strings.Contains(raw, "${") && u.RawQuery == "" {
		return u, nil
	}

	v := vars()
	values := map[string]string{"uuid": v.UUID, "serial": v.Serial, "mac": v.MAC, "hostname": v.Hostname}

	fill := func(s string, escape func(string) string) string {
		for name, value := range values {
			s = strings.ReplaceAll(s, "${"+name+"}", escape(value))
		}

		return s
	}

	u.Path = fill(u.Path, func(s string) string { return s })
	u.RawPath = ""

	parts := strings.Split(u.RawQuery, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")

		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigArg, err)
		}

		if known, ok := values[name]; ok && value == "" {
			parts[i] = name + "=" + url.QueryEscape(known)
		} else if strings.Contains(decoded, "${") {
			parts[i] = name + "=" + url.QueryEscape(fill(decoded, func(s string) string { return s }))
		}
	}

	u.RawQuery = strings.Join(parts, "&")

	return u, nil
}
