package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/akmon-os/akmon/runtime/client"
	"github.com/akmon-os/akmon/runtime/client/clienttest"
	"github.com/akmon-os/akmon/schemas/machineconfig/generate"
)

func version(t *testing.T, opts client.Options, node string) error {
	t.Helper()

	c, err := client.New(opts)
	if err != nil {
		return err
	}

	defer c.Close() //nolint:errcheck // the test is over

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	_, err = c.Machine().Version(client.WithNode(ctx, node), &emptypb.Empty{})

	return c.Explain(err)
}

func TestMutualTLS(t *testing.T) {
	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{})

	if err := version(t, client.Options{Context: m.Context(t)}, ""); err != nil {
		t.Fatal(err)
	}

	if err := version(t, client.Options{Context: m.Context(t)}, "127.0.0.1"); err != nil {
		t.Fatal(err)
	}

	if got := strings.Join(m.Nodes(), " "); got != " 127.0.0.1" {
		t.Errorf("the calls named the nodes %q", got)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	bundle := clienttest.New(t)
	m := clienttest.Serve(t, bundle, clienttest.Options{})
	maintenance := clienttest.Serve(t, bundle, clienttest.Options{Maintenance: true})
	expiredServer := clienttest.Serve(t, bundle, clienttest.Options{NotAfter: time.Now().Add(-time.Hour)})
	elsewhere := clienttest.Serve(t, bundle, clienttest.Options{SANs: []net.IP{net.IPv4(10, 9, 8, 7)}})
	foreign := clienttest.New(t)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	closed := listener.Addr().String()
	listener.Close() //nolint:errcheck // nobody listens there now

	noCertificate := m.Context(t)
	noCertificate.Crt, noCertificate.Key = "", ""

	foreignClient := clienttest.Context(t, foreign, m.Address, time.Now().Add(-time.Minute), time.Hour, generate.RoleAdmin)
	foreignClient.CA = m.Context(t).CA

	for _, test := range []struct {
		name string
		opts client.Options
		node string
		want string
	}{
		{"nobody there", client.Options{Context: m.Context(t), Endpoints: []string{closed}}, "", "refuses connections: is the machine up"},
		{"unknown name", client.Options{Context: m.Context(t), Endpoints: []string{"machine.invalid"}}, "", "the name in machine.invalid:50000 is not known"},
		{"other cluster", client.Options{Context: clienttest.Context(t, foreign, m.Address, time.Now().Add(-time.Minute), time.Hour, generate.RoleAdmin)}, "", "is not a machine of this cluster"},
		{"in maintenance mode", client.Options{Context: m.Context(t), Endpoints: []string{maintenance.Address}}, "", "needs --insecure"},
		{"not in maintenance mode", client.Options{Insecure: true, Endpoints: []string{m.Address}}, "", "is not in maintenance mode"},
		{"no certificate", client.Options{Context: noCertificate}, "", "wants a client certificate, and the client configuration has none"},
		{"certificate of another cluster", client.Options{Context: foreignClient}, "", "refuses the client certificate"},
		{"expired", client.Options{Context: clienttest.Context(t, bundle, m.Address, time.Now().Add(-2*time.Hour), time.Hour, generate.RoleAdmin)}, "", "the client certificate has expired: it was valid until"},
		{"not yet valid", client.Options{Context: clienttest.Context(t, bundle, m.Address, time.Now().Add(time.Hour), time.Hour, generate.RoleAdmin)}, "", "is this computer's clock right?"},
		{"expired server", client.Options{Context: m.Context(t), Endpoints: []string{expiredServer.Address}}, "", "has a certificate that is not valid now"},
		{"wrong address", client.Options{Context: m.Context(t), Endpoints: []string{elsewhere.Address}}, "", "add this one to machine.certSANs"},
		{"no endpoint", client.Options{}, "", "no endpoint is known"},
		{"no configuration", client.Options{Endpoints: []string{m.Address}}, "", "there is no client configuration"},
		{"a URL", client.Options{Insecure: true, Endpoints: []string{"https://" + m.Address}}, "", "is a URL: write HOST or HOST:PORT"},
		{"no port", client.Options{Insecure: true, Endpoints: []string{"host:99999"}}, "", "is neither HOST nor HOST:PORT"},
		{"unknown node", client.Options{Context: m.Context(t)}, "10.1.1.1", `node "10.1.1.1" is not a member of the cluster`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := version(t, test.opts, test.node)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestRoles(t *testing.T) {
	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{})

	c, err := client.New(client.Options{Context: m.Context(t, generate.RoleReader)})
	if err != nil {
		t.Fatal(err)
	}

	defer c.Close() //nolint:errcheck // the test is over

	if _, err := c.Machine().Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}

	_, err = c.Machine().Reboot(t.Context(), nil)
	err = c.Explain(err)

	var explained *client.Error
	if !errors.As(err, &explained) || explained.Code != codes.PermissionDenied || !strings.Contains(err.Error(), "its roles are os:reader") {
		t.Errorf("got %v", err)
	}
}

func TestFingerprints(t *testing.T) {
	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{Maintenance: true})
	other := strings.Repeat("ab", 32)

	err := version(t, client.Options{Insecure: true, Endpoints: []string{m.Address}, Fingerprints: []string{other}}, "")
	if err == nil || !strings.Contains(err.Error(), "which is not one of those given") {
		t.Fatalf("got %v", err)
	}

	// The message tells the sum, so that it can be compared with the console's.
	_, rest, _ := strings.Cut(err.Error(), "has the fingerprint ")
	sum, _, _ := strings.Cut(rest, ",")

	if err := version(t, client.Options{Insecure: true, Endpoints: []string{m.Address}, Fingerprints: []string{other, sum}}, ""); err != nil {
		t.Error(err)
	}

	if err := version(t, client.Options{Insecure: true, Endpoints: []string{m.Address}, Fingerprints: []string{"x"}}, ""); err == nil {
		t.Error("a fingerprint that is none was taken")
	}
}

// One endpoint that doesn't answer must not stop a client that has others.
func TestSeveralEndpoints(t *testing.T) {
	m := clienttest.Serve(t, clienttest.New(t), clienttest.Options{})
	context := m.Context(t)
	context.Endpoints = []string{"127.0.0.1:1", m.Address}

	for range 3 {
		if err := version(t, client.Options{Context: context}, ""); err != nil {
			t.Fatal(err)
		}
	}
}
