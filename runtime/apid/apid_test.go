package apid_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state/protobuf/client"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/api"
	"github.com/akmon-os/akmon/runtime/apid"
	"github.com/akmon-os/akmon/runtime/authz"
	"github.com/akmon-os/akmon/runtime/events"
	"github.com/akmon-os/akmon/runtime/logbuf"
	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/config"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/services/machined"
	"github.com/akmon-os/akmon/runtime/supervisor"
	"github.com/akmon-os/akmon/schemas/machineconfig"
)

var update = flag.Bool("update", false, "rewrite golden files")

// refusing is an api.Config to which nothing is valid.
type refusing struct{}

func (refusing) Check([]byte) ([]machineconfig.Warning, error) { return nil, errors.New("a:1:1: bad") }
func (refusing) Apply(context.Context, []byte) error           { panic("applied what is not valid") }
func (refusing) Keep([]byte) error                             { panic("kept what is not valid") }

// node is a whole machine API in this process: sockets, apid, mTLS.
type node struct {
	ca     *pki.Authority
	caPEM  []byte
	addr   string
	api    *api.Node
	server *apid.Server
	power  chan string
}

func issue(t *testing.T, ca *pki.Authority, roles ...string) *pki.Pair {
	t.Helper()

	p, err := ca.Issue(pki.Request{Organization: roles, Client: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	return &p
}

func start(t *testing.T, ca *pki.Authority, caPEM []byte) *node {
	t.Helper()

	st, err := resources.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	n := &node{ca: ca, caPEM: caPEM, power: make(chan string, 100)}
	dir := t.TempDir()
	kmsgFile := filepath.Join(dir, "kmsg")
	logs := logbuf.NewSet(1 << 16)
	stream := events.NewStream()

	// One record: a regular file, unlike the device, gives all that it has at once.
	if err := os.WriteFile(kmsgFile, []byte("6,1,1000000,-;hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	fmt.Fprintln(logs.Get("apid"), "one\ntwo") //nolint:errcheck

	n.api = &api.Node{
		State: st, Logs: logs, Events: stream, Config: refusing{}, Persistent: func() bool { return true },
		Supervisor: supervisor.New(supervisor.Options{Logs: logs, Events: stream}),
		Power: func(ctx context.Context, a api.Action, _ bool) {
			n.power <- fmt.Sprint(a, " ", events.Actor(ctx) != "")
		},
		Logger: zap.NewNop(), Platform: "metal", Mode: "metal", Root: "/", Kmsg: kmsgFile,
	}

	if err := st.Create(t.Context(), config.NewMachineConfig([]byte("secret: yes\n"))); err != nil {
		t.Fatal(err)
	}

	if err := st.Create(t.Context(), runtime.NewVersion()); err != nil {
		t.Fatal(err)
	}

	sock := filepath.Join(dir, "m", "machine.sock")
	svc := &machined.Service{Sockets: machined.Local(n.api, sock, filepath.Join(dir, "s", "state.sock"), os.Getuid())}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	up := make(chan struct{})

	go func() { done <- svc.Run(ctx, io.Discard, func(int) { close(up) }) }()

	<-up

	server, err := ca.Issue(pki.Request{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Server: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	id, err := apid.NewIdentity(server, issue(t, ca, "os:impersonator"), [][]byte{caPEM})
	if err != nil {
		t.Fatal(err)
	}

	if n.server, err = apid.New(sock, id); err != nil {
		t.Fatal(err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	n.addr = l.Addr().String()

	go func() { done <- n.server.Serve(ctx, l, 0) }()

	t.Cleanup(func() {
		cancel()

		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})

	return n
}

func authority(t *testing.T) (*pki.Authority, []byte) {
	t.Helper()

	ca, pair, err := pki.NewAuthority("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}

	return ca, pair.Crt
}

// dial connects with a client certificate, or without one.
func (n *node) dial(t *testing.T, p *pki.Pair) *grpc.ClientConn {
	t.Helper()

	cfg := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AppendCertsFromPEM(n.caPEM)

	if p != nil {
		crt, err := p.TLS()
		if err != nil {
			t.Fatal(err)
		}

		cfg.Certificates = []tls.Certificate{crt}
	}

	conn, err := grpc.NewClient(n.addr, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { conn.Close() }) //nolint:errcheck

	return conn
}

func methods() []string {
	var out []string

	for _, file := range []protoreflect.FileDescriptor{machine.File_machine_machine_proto, v1alpha1.File_v1alpha1_state_proto} {
		for i := range file.Services().Len() {
			svc := file.Services().Get(i)
			for j := range svc.Methods().Len() {
				out = append(out, "/"+string(svc.FullName())+"/"+string(svc.Methods().Get(j).Name()))
			}
		}
	}

	slices.Sort(out)

	return out
}

// code calls a method with an empty request and returns how it went; a first
// answer is success.
func code(t *testing.T, conn *grpc.ClientConn, method string) codes.Code {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return status.Code(err)
	}

	if err = s.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return status.Code(err)
	}

	if err = s.CloseSend(); err != nil {
		return status.Code(err)
	}

	err = s.RecvMsg(&emptypb.Empty{})
	if errors.Is(err, io.EOF) {
		return codes.OK
	}

	return status.Code(err)
}

// TestRoles calls every method as every role over mTLS and compares who got
// through with a table that a person has read.
func TestRoles(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)

	// Followers need something to follow.
	go func() {
		for t.Context().Err() == nil {
			n.api.Events.Publish(t.Context(), &machine.TaskEvent{Task: "tick"})
			time.Sleep(time.Millisecond)
		}
	}()

	all := []string{"os:admin", "os:operator", "os:reader", "os:etcd:backup", "os:meta:writer", "os:impersonator", "os:unheard-of"}
	table := map[string][]string{}

	for _, role := range all {
		conn := n.dial(t, issue(t, ca, role))

		for _, method := range methods() {
			if code(t, conn, method) != codes.PermissionDenied {
				table[method] = append(table[method], role)
			}
		}
	}

	var b strings.Builder
	for _, method := range methods() {
		fmt.Fprintf(&b, "%s: %s\n", method, strings.Join(table[method], " "))
	}

	golden := filepath.Join("testdata", "roles.golden")

	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}

	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("who may call what (-want +got):\n%s", diff)
	}
}

func TestEveryMethodHasARule(t *testing.T) {
	for _, m := range methods() {
		if _, ok := authz.Node[m]; !ok {
			t.Errorf("%s has no rule", m)
		}
	}

	for m := range authz.Node {
		if !slices.Contains(methods(), m) {
			t.Errorf("rule for %s, which is no method", m)
		}
	}
}

func TestStrangers(t *testing.T) {
	ca, caPEM := authority(t)
	other, _ := authority(t)
	n := start(t, ca, caPEM)

	expired, err := ca.Issue(pki.Request{Organization: []string{"os:admin"}, Client: true, Lifetime: -time.Minute})
	if err != nil {
		t.Fatal(err)
	}

	server, err := ca.Issue(pki.Request{Organization: []string{"os:admin"}, Server: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	for name, pair := range map[string]*pki.Pair{
		"no certificate": nil, "foreign CA": issue(t, other, "os:admin"), "expired": &expired, "not for clients": &server,
	} {
		_, err := machine.NewMachineServiceClient(n.dial(t, pair)).Version(t.Context(), &emptypb.Empty{})
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%s: %v", name, err)
		}
	}

	// And without TLS.
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck

	if _, err = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}

	if data, _ := io.ReadAll(conn); strings.Contains(string(data), "HTTP") { //nolint:errcheck
		t.Errorf("answered without TLS: %q", data)
	}
}

func TestSensitiveResources(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)

	for role, want := range map[string]codes.Code{"os:admin": codes.OK, "os:operator": codes.PermissionDenied, "os:reader": codes.PermissionDenied} {
		st := v1alpha1.NewStateClient(n.dial(t, issue(t, ca, role)))

		_, err := st.Get(t.Context(), &v1alpha1.GetRequest{Namespace: string(config.Namespace), Type: config.MachineConfigType, Id: config.ActiveID})
		if status.Code(err) != want {
			t.Errorf("%s gets the configuration: %v", role, err)
		}

		w, err := st.Watch(t.Context(), &v1alpha1.WatchRequest{Namespace: string(secrets.Namespace), Type: secrets.OSRootType})
		if err == nil {
			_, err = w.Recv()
		}

		if status.Code(err) != want {
			t.Errorf("%s watches secrets: %v", role, err)
		}

		_, err = st.Get(t.Context(), &v1alpha1.GetRequest{Namespace: string(runtime.Namespace), Type: runtime.VersionType, Id: runtime.VersionID})
		if err != nil {
			t.Errorf("%s gets the version: %v", role, err)
		}

		_, err = st.Get(t.Context(), &v1alpha1.GetRequest{Namespace: "x", Type: "Unheards.of.dev", Id: "x"})
		if status.Code(err) != codes.NotFound {
			t.Errorf("%s gets an unknown type: %v", role, err)
		}
	}

	// Not even the administrator writes.
	err := client.NewAdapter(v1alpha1.NewStateClient(n.dial(t, issue(t, ca, "os:admin")))).Create(t.Context(), runtime.NewKernelCmdline())
	if err == nil || !strings.Contains(err.Error(), "written by controllers alone") {
		t.Errorf("writing a resource: %v", err)
	}
}

func TestImpersonation(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)

	for _, tc := range []struct {
		own, claimed string
		want         codes.Code
	}{
		{"os:reader", "os:admin", codes.PermissionDenied}, // a claim counts for nothing
		{"os:impersonator", "os:reader", codes.PermissionDenied},
		{"os:impersonator", "os:operator", codes.OK},
		{"os:impersonator", "", codes.PermissionDenied},
	} {
		ctx := t.Context()
		if tc.claimed != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, authz.MetadataKey, tc.claimed)
		}

		_, err := machine.NewMachineServiceClient(n.dial(t, issue(t, ca, tc.own))).Reboot(ctx, &machine.RebootRequest{})
		if status.Code(err) != tc.want {
			t.Errorf("%s as %q: %v", tc.own, tc.claimed, err)
		}
	}

	if got := <-n.power; got != "0 true" {
		t.Errorf("power %q", got)
	}
}

func TestNodes(t *testing.T) {
	ca, caPEM := authority(t)
	a, b := start(t, ca, caPEM), start(t, ca, caPEM)
	a.server.SetNames([]string{"10.0.0.1", "me"})

	conn := a.dial(t, issue(t, ca, "os:reader"))
	client := machine.NewMachineServiceClient(conn)
	nodes := func(names ...string) context.Context {
		return metadata.NewOutgoingContext(t.Context(), metadata.MD{"nodes": names})
	}

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}

	nobody := closed.Addr().String()
	closed.Close() //nolint:errcheck

	resp, err := client.Version(nodes("10.0.0.1", "me", b.addr, nobody), &emptypb.Empty{})
	if err != nil {
		t.Fatal(err)
	}

	got := map[string]string{}

	for _, m := range resp.GetMessages() {
		got[m.GetMetadata().GetHostname()] = m.GetPlatform().GetName()
		if m.GetMetadata().GetError() != "" {
			got[m.GetMetadata().GetHostname()] = codes.Code(m.GetMetadata().GetStatus().GetCode()).String()
		}
	}

	want := map[string]string{"10.0.0.1": "metal", "me": "metal", b.addr: "metal", nobody: "Unavailable"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// The roles of the caller go along: a reader does not reboot the other node.
	reboot, err := client.Reboot(nodes(b.addr), &machine.RebootRequest{})
	if err != nil || codes.Code(reboot.GetMessages()[0].GetMetadata().GetStatus().GetCode()) != codes.PermissionDenied {
		t.Errorf("reboot of another node: %v, %v", reboot, err)
	}

	// A stream says in each message where it is from.
	stream, err := client.Logs(nodes(b.addr), &machine.LogsRequest{Id: "apid", TailLines: 1})
	if err != nil {
		t.Fatal(err)
	}

	data, err := stream.Recv()
	if err != nil || data.GetMetadata().GetHostname() != b.addr || string(data.GetBytes()) != "two\n" {
		t.Errorf("log %v, %v", data, err)
	}

	// Resources are of one node; its name is `node`.
	st := v1alpha1.NewStateClient(conn)
	get := &v1alpha1.GetRequest{Namespace: string(runtime.Namespace), Type: runtime.VersionType, Id: runtime.VersionID}

	if _, err = st.Get(metadata.NewOutgoingContext(t.Context(), metadata.MD{"node": {b.addr}}), get); err != nil {
		t.Error(err)
	}

	if _, err = st.Get(nodes("me", b.addr), get); status.Code(err) != codes.InvalidArgument {
		t.Errorf("one resource of two nodes: %v", err)
	}
}

func TestDmesgAndRead(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)
	client := machine.NewMachineServiceClient(n.dial(t, issue(t, ca, "os:admin")))

	read := func(path string) (string, error) {
		s, err := client.Read(t.Context(), &machine.ReadRequest{Path: path})
		if err != nil {
			return "", err
		}

		var out []byte

		for {
			m, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return string(out), nil
			} else if err != nil {
				return "", err
			}

			out = append(out, m.GetBytes()...)
		}
	}

	if data, err := read("/proc/self/stat"); err != nil || !strings.Contains(data, "(") {
		t.Errorf("read: %q, %v", data, err)
	}

	for path, want := range map[string]codes.Code{"relative": codes.InvalidArgument, "/nowhere": codes.NotFound, "/dev/zero": codes.InvalidArgument, "/": codes.InvalidArgument} {
		if _, err := read(path); status.Code(err) != want {
			t.Errorf("read %s: %v", path, err)
		}
	}

	s, err := client.Dmesg(t.Context(), &machine.DmesgRequest{})
	if err != nil {
		t.Fatal(err)
	}

	m, err := s.Recv()
	if err != nil || !strings.HasSuffix(string(m.GetBytes()), "]: hello\n") {
		t.Errorf("dmesg %q, %v", m.GetBytes(), err)
	}

	stats, err := client.Memory(t.Context(), &emptypb.Empty{})
	if err != nil || stats.GetMessages()[0].GetMeminfo().GetMemtotal() == 0 {
		t.Errorf("memory %v, %v", stats, err)
	}

	system, err := client.SystemStat(t.Context(), &emptypb.Empty{})
	if err != nil || system.GetMessages()[0].GetBootTime() == 0 || len(system.GetMessages()[0].GetCpu()) == 0 {
		t.Errorf("system %v, %v", system, err)
	}

	if _, err = client.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{Mode: machine.ApplyConfigurationRequest_AUTO}); status.Code(err) != codes.InvalidArgument ||
		!strings.Contains(err.Error(), "a:1:1: bad") {
		t.Errorf("apply: %v", err)
	}
}

// TestHugeMessage sends more than the limit.
func TestHugeMessage(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)
	client := machine.NewMachineServiceClient(n.dial(t, issue(t, ca, "os:admin")))

	_, err := client.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{Data: make([]byte, api.MaxMessage+1)})
	if status.Code(err) != codes.ResourceExhausted && status.Code(err) != codes.Internal {
		t.Errorf("%v", err)
	}

	if _, err = client.Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestIdentityIsReplaced changes authorities under a running server.
func TestIdentityIsReplaced(t *testing.T) {
	ca, caPEM := authority(t)
	n := start(t, ca, caPEM)
	next, nextPEM := authority(t)

	server, err := ca.Issue(pki.Request{IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Server: true, Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}

	old := n.dial(t, issue(t, ca, "os:reader"))
	if _, err = machine.NewMachineServiceClient(old).Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Fatal(err)
	}

	id, err := apid.NewIdentity(server, nil, [][]byte{nextPEM})
	if err != nil {
		t.Fatal(err)
	}

	n.server.SetIdentity(id)

	if _, err = machine.NewMachineServiceClient(n.dial(t, issue(t, next, "os:reader"))).Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Errorf("a client of the new authority: %v", err)
	}

	if _, err = machine.NewMachineServiceClient(n.dial(t, issue(t, ca, "os:reader"))).Version(t.Context(), &emptypb.Empty{}); err == nil {
		t.Error("a client of the old authority was let in")
	}

	if _, err = machine.NewMachineServiceClient(old).Version(t.Context(), &emptypb.Empty{}); err != nil {
		t.Errorf("a connection that was there was cut: %v", err)
	}
}
