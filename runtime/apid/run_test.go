package apid_test

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/apid"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/wire"
	"github.com/akmon-os/akmon/runtime/services/machined"
)

func pair(t *testing.T, ca *pki.Authority) *wire.KeyPair {
	t.Helper()

	p, err := ca.Issue(pki.Request{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Server: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	return &wire.KeyPair{Crt: p.Crt, Key: p.Key}
}

// TestRun runs apid as its process does: certificates and names come over the
// state socket, before and after it has begun to serve.
func TestRun(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM) // lends its machine; its own apid is not used
	dir := t.TempDir()
	machineSock, stateSock := filepath.Join(dir, "m", "s"), filepath.Join(dir, "a", "s")
	svc := &machined.Service{Sockets: machined.Local(n.api, machineSock, stateSock, os.Getuid())}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	up := make(chan struct{})

	go func() { done <- svc.Run(ctx, io.Discard, func(int) { close(up) }) }()

	<-up

	listening := make(chan string, 1)

	go func() {
		done <- apid.Run(ctx, apid.Options{
			Machine: machineSock, State: stateSock, Listen: "127.0.0.1:0", Listening: func(addr string) { listening <- addr },
		}, zap.NewNop())
	}()

	// apid waits for its certificates.
	api := secrets.NewAPI()
	*api.TypedSpec() = secrets.APISpec{AcceptedCAs: []wire.Certificate{{Crt: caPEM}}, Server: pair(t, ca)}

	if err := n.api.State.Create(t.Context(), api); err != nil {
		t.Fatal(err)
	}

	front := &node{ca: ca, caPEM: caPEM, addr: <-listening}
	client := machine.NewMachineServiceClient(front.dial(t, issue(t, ca, "os:reader")))

	if _, err := client.Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}

	// Without a client certificate it can't pass a call on to a stranger, and it
	// says so; once the name is its own the call is local.
	named := metadata.NewOutgoingContext(t.Context(), metadata.MD{"node": {"10.9.9.9"}})
	if _, err := client.Version(named, &emptypb.Empty{}); status.Code(err) != codes.Unavailable {
		t.Errorf("a call for another node: %v", err)
	}

	addrs := network.NewNodeAddress(network.NodeAddressCurrent)
	addrs.TypedSpec().Addresses = []netip.Prefix{netip.MustParsePrefix("10.9.9.9/24")}

	if err := n.api.State.Create(t.Context(), addrs); err != nil {
		t.Fatal(err)
	}

	eventually(t, func() error { _, err := client.Version(named, &emptypb.Empty{}); return err })

	// New authorities come into force without a restart.
	next, nextPEM := authority(t)

	if _, err := safe.StateUpdateWithConflicts(t.Context(), n.api.State, api.Metadata(), func(r *secrets.API) error {
		r.TypedSpec().AcceptedCAs = append(r.TypedSpec().AcceptedCAs, wire.Certificate{Crt: nextPEM})

		return nil
	}); err != nil {
		t.Fatal(err)
	}

	eventually(t, func() error {
		conn := front.dial(t, issue(t, next, "os:reader"))
		_, err := machine.NewMachineServiceClient(conn).Version(t.Context(), &emptypb.Empty{})

		return err
	})

	cancel()

	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// eventually tries until it works; the test's own deadline ends a hopeless wait.
func eventually(t *testing.T, fn func() error) {
	t.Helper()

	for {
		err := fn()
		if err == nil {
			return
		}

		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
}
