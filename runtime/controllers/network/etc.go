package network

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/controller"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"

	"github.com/akmon-os/akmon/runtime/controllers/base"
	"github.com/akmon-os/akmon/runtime/controllers/config"
	"github.com/akmon-os/akmon/runtime/resources/files"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// EtcFileController writes /etc/hosts, /etc/hostname and /etc/resolv.conf as
// resources; the files domain puts them in place.
type EtcFileController struct{}

// Name implements controller.Controller.
func (*EtcFileController) Name() string { return "network.EtcFileController" }

// Inputs implements controller.Controller.
func (*EtcFileController) Inputs() []controller.Input {
	return []controller.Input{
		config.Input(),
		base.WeakID(network.Namespace, network.HostnameStatusType, network.HostnameID),
		base.WeakID(network.Namespace, network.ResolverStatusType, network.ResolverID),
		base.WeakID(network.Namespace, network.NodeAddressType, network.NodeAddressDefault),
	}
}

// Outputs implements controller.Controller.
func (*EtcFileController) Outputs() []controller.Output { return base.Shared(files.EtcFileSpecType) }

// Run implements controller.Controller.
func (*EtcFileController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	write := func(name, contents string) error {
		return safe.WriterModify(ctx, r, files.NewEtcFileSpec(name), func(out *files.EtcFileSpec) error {
			out.TypedSpec().Contents, out.TypedSpec().Mode = []byte(contents), 0o644

			return nil
		})
	}

	return base.Each(ctx, r, func() error {
		cfg, err := config.Active(ctx, r)
		if err != nil {
			return err
		}

		var extra []v1alpha1.HostEntry
		if cfg != nil {
			extra = cfg.Machine.Network.ExtraHostEntries
		}

		if resolvers, err := safe.ReaderGetByID[*network.ResolverStatus](ctx, r, network.ResolverID); err == nil {
			if err = write("resolv.conf", resolvConf(resolvers.TypedSpec())); err != nil {
				return fmt.Errorf("write resolv.conf: %w", err)
			}
		} else if !state.IsNotFoundError(err) {
			return fmt.Errorf("get resolvers: %w", err)
		}

		name, err := safe.ReaderGetByID[*network.HostnameStatus](ctx, r, network.HostnameID)
		if state.IsNotFoundError(err) {
			return nil
		} else if err != nil {
			return fmt.Errorf("get host name: %w", err)
		}

		if err = write("hostname", name.TypedSpec().Hostname+"\n"); err != nil {
			return fmt.Errorf("write hostname: %w", err)
		}

		addr := ""
		if def, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressDefault); err == nil && len(def.TypedSpec().Addresses) > 0 {
			addr = def.TypedSpec().Addresses[0].Addr().String()
		}

		if err = write("hosts", hosts(addr, *name.TypedSpec(), extra)); err != nil {
			return fmt.Errorf("write hosts: %w", err)
		}

		return nil
	}, base.Kind(files.Namespace, files.EtcFileSpecType))
}

// maxNameservers is how many the C library reads (MAXNS).
const maxNameservers = 3

func resolvConf(s *network.ResolverStatusSpec) string {
	var b strings.Builder

	for i, a := range s.DNSServers {
		if i == maxNameservers {
			break
		}

		fmt.Fprintf(&b, "nameserver %s\n", a)
	}

	if len(s.SearchDomains) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(s.SearchDomains, " "))
	}

	return b.String()
}

func hosts(addr string, name network.HostnameStatusSpec, extra []v1alpha1.HostEntry) string {
	var b bytes.Buffer

	line := func(ip string, names ...string) { fmt.Fprintf(&b, "%-15s %s\n", ip, strings.Join(names, " ")) }

	line("127.0.0.1", "localhost")

	if addr != "" {
		names := []string{name.FQDN()}
		if name.Domainname != "" {
			names = append(names, name.Hostname)
		}

		line(addr, names...)
	}

	line("::1", "localhost", "ip6-localhost", "ip6-loopback")
	line("ff02::1", "ip6-allnodes")
	line("ff02::2", "ip6-allrouters")

	for _, e := range extra {
		line(e.IP, e.Aliases...)
	}

	return b.String()
}

// StatusController says how far the network has come.
type StatusController struct{}

// Name implements controller.Controller.
func (*StatusController) Name() string { return "network.StatusController" }

// Inputs implements controller.Controller.
func (*StatusController) Inputs() []controller.Input {
	return []controller.Input{
		base.Weak(network.Namespace, network.NodeAddressType),
		base.Weak(network.Namespace, network.RouteStatusType),
		base.Weak(network.Namespace, network.HostnameStatusType),
		base.Weak(files.Namespace, files.EtcFileStatusType),
	}
}

// Outputs implements controller.Controller.
func (*StatusController) Outputs() []controller.Output { return base.Exclusive(network.StatusType) }

// Run implements controller.Controller.
func (*StatusController) Run(ctx context.Context, r controller.Runtime, _ *zap.Logger) error {
	return base.Each(ctx, r, func() error {
		var now network.StatusSpec

		_, err := safe.ReaderGetByID[*network.NodeAddress](ctx, r, network.NodeAddressDefault)
		now.AddressReady = err == nil

		_, err = safe.ReaderGetByID[*network.HostnameStatus](ctx, r, network.HostnameID)
		now.HostnameReady = err == nil

		routes, err := safe.ReaderListAll[*network.RouteStatus](ctx, r)
		if err != nil {
			return fmt.Errorf("list routes: %w", err)
		}

		for route := range routes.All() {
			s := route.TypedSpec()
			if s.Gateway.IsValid() && !s.Destination.IsValid() && s.Table == network.TableMain {
				now.ConnectivityReady = true
			}
		}

		now.EtcFilesReady = true

		for _, name := range []resource.ID{"hosts", "resolv.conf"} {
			if _, err := safe.ReaderGetByID[*files.EtcFileStatus](ctx, r, name); err != nil {
				now.EtcFilesReady = false
			}
		}

		return safe.WriterModify(ctx, r, network.NewStatus(), func(out *network.Status) error {
			*out.TypedSpec() = now

			return nil
		})
	}, base.Kind(network.Namespace, network.StatusType))
}
