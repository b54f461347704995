package resources_test

import (
	"net/netip"
	"testing"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	filespb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/files"
	hardwarepb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/hardware"
	networkpb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/network"
	runtimepb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/runtime"
	secretspb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/secrets"
	v1alpha1pb "github.com/siderolabs/talos/pkg/machinery/api/resource/definitions/v1alpha1"

	"github.com/akmon-os/akmon/runtime/resources"
	"github.com/akmon-os/akmon/runtime/resources/files"
	"github.com/akmon-os/akmon/runtime/resources/hardware"
	"github.com/akmon-os/akmon/runtime/resources/network"
	"github.com/akmon-os/akmon/runtime/resources/runtime"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
	"github.com/akmon-os/akmon/runtime/resources/v1alpha1"
	"github.com/akmon-os/akmon/runtime/resources/wire"
)

func TestStateKnowsEveryType(t *testing.T) {
	st, err := resources.NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	defs, err := safe.StateListAll[*meta.ResourceDefinition](t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}

	aliases := map[string]string{}

	// Initials ("ls") are made by the client library and may be ambiguous; words may not.
	for def := range defs.All() {
		for _, a := range def.TypedSpec().AllAliases {
			if other, taken := aliases[a]; taken && len(a) > 3 {
				t.Errorf("alias %q names both %s and %s", a, other, def.TypedSpec().Type)
			}

			aliases[a] = def.TypedSpec().Type
		}
	}

	for _, want := range []string{"machineconfig", "mc", "services", "svc", "links", "addresses", "hostname", "machinestatus", "mounts"} {
		if aliases[want] == "" {
			t.Errorf("no type has the documented alias %q", want)
		}
	}
}

// TestWireForm decodes every spec with the published message, which refuses no
// byte: unknown fields and zero values there are our mistakes.
func TestWireForm(t *testing.T) {
	if err := resources.RegisterEncoders(); err != nil {
		t.Fatal(err)
	}

	ip, prefix := netip.MustParseAddr("10.0.2.15"), netip.MustParsePrefix("10.0.2.15/24")
	pair := &wire.KeyPair{Crt: wire.PEM("c"), Key: wire.PEM("k")}
	hw := network.HardwareAddr{2, 0, 0, 0, 0, 1}

	service := v1alpha1.NewService("apid")
	*service.TypedSpec() = v1alpha1.ServiceSpec{Running: true, Healthy: true, Unknown: true}

	machine := runtime.NewMachineStatus()
	*machine.TypedSpec() = runtime.MachineStatusSpec{Stage: runtime.StageRunning, Status: runtime.MachineStatusStatus{
		Ready: true, UnmetConditions: []runtime.UnmetCondition{{Name: "n", Reason: "r"}},
	}}

	cmdline := runtime.NewKernelCmdline()
	cmdline.TypedSpec().Cmdline = "console=ttyS0"

	mount := runtime.NewMountStatus("/var")
	*mount.TypedSpec() = runtime.MountStatusSpec{Source: "s", Target: "t", FilesystemType: "f", Options: []string{"o"}, Encrypted: true, EncryptionProviders: []string{"e"}}

	platform := runtime.NewPlatformMetadata()
	*platform.TypedSpec() = runtime.PlatformMetadataSpec{
		Platform: "a", Hostname: "b", Region: "c", Zone: "d", InstanceType: "e", InstanceID: "f", ProviderID: "g", Spot: true,
		InternalDNS: "h", ExternalDNS: "i", Tags: map[string]string{"j": "k"},
	}

	version := runtime.NewVersion()
	*version.TypedSpec() = runtime.VersionSpec{Name: "Akmon", Version: "v1"}

	maintenance := runtime.NewMaintenanceServiceConfig()
	*maintenance.TypedSpec() = runtime.MaintenanceServiceConfigSpec{ListenAddress: ":50000", ReachableAddresses: []netip.Addr{ip}}

	pid := runtime.NewServicePID("apid")
	*pid.TypedSpec() = runtime.ServicePIDSpec{PID: 7, MountNamespace: "m"}

	module := runtime.NewKernelModuleSpec("dummy")
	*module.TypedSpec() = runtime.KernelModuleSpecSpec{Name: "dummy", Parameters: []string{"p=1"}}

	loaded := runtime.NewLoadedKernelModule("dummy")
	*loaded.TypedSpec() = runtime.LoadedKernelModuleSpec{Size: 1, ReferenceCount: 2, Dependencies: []string{"d"}, State: "Live", Address: "0x0"}

	hostname := network.NewHostnameSpec(network.Namespace, network.HostnameID)
	*hostname.TypedSpec() = network.HostnameSpecSpec{Hostname: "h", Domainname: "d", ConfigLayer: network.LayerOperator}

	hostnameStatus := network.NewHostnameStatus()
	*hostnameStatus.TypedSpec() = network.HostnameStatusSpec{Hostname: "h", Domainname: "d"}

	resolver := network.NewResolverSpec(network.Namespace, network.ResolverID)
	*resolver.TypedSpec() = network.ResolverSpecSpec{DNSServers: []netip.Addr{ip}, ConfigLayer: network.LayerOperator, SearchDomains: []string{"s"}}

	resolverStatus := network.NewResolverStatus()
	*resolverStatus.TypedSpec() = network.ResolverStatusSpec{DNSServers: []netip.Addr{ip}, SearchDomains: []string{"s"}}

	linkSpec := network.NewLinkSpec(network.Namespace, "eth0")
	*linkSpec.TypedSpec() = network.LinkSpecSpec{
		Name: "eth0", Logical: true, Up: true, MTU: 1500, Kind: "vlan", Type: network.LinkEther, ConfigLayer: network.LayerCmdline,
	}

	link := network.NewLinkStatus("eth0")
	*link.TypedSpec() = network.LinkStatusSpec{
		AltNames: []string{"a"}, Index: 2, Type: network.LinkEther, LinkIndex: 3, Flags: 1, HardwareAddr: hw, PermanentAddr: hw,
		BroadcastAddr: hw, MTU: 1500, QueueDisc: "fq", MasterIndex: 4, OperationalState: network.OperStateUp, Kind: "k",
		SlaveKind: "s", BusPath: "b", PCIID: "p", Driver: "d", LinkState: true, SpeedMegabits: 1000,
	}

	operator := network.NewOperatorSpec(network.Namespace, "dhcp4/eth0")
	*operator.TypedSpec() = network.OperatorSpecSpec{
		LinkName: "eth0", RequireUp: true, ConfigLayer: network.LayerCmdline,
		DHCP4: network.DHCP4OperatorSpec{RouteMetric: 1024, SkipHostnameRequest: true},
	}

	addr := network.NewAddressSpec(network.Namespace, "eth0/10.0.2.15/24")
	*addr.TypedSpec() = network.AddressSpecSpec{
		Address: prefix, LinkName: "eth0", Family: network.FamilyInet4, Scope: network.ScopeLink, Flags: network.AddressPermanent,
		AnnounceWithARP: true, Priority: 5, ConfigLayer: network.LayerOperator,
	}

	addrStatus := network.NewAddressStatus("eth0/10.0.2.15/24")
	*addrStatus.TypedSpec() = network.AddressStatusSpec{
		Address: prefix, Local: ip, Broadcast: ip, LinkIndex: 2, LinkName: "eth0", Family: network.FamilyInet4,
		Scope: network.ScopeLink, Flags: network.AddressPermanent, Priority: 5,
	}

	route := network.NewRouteSpec(network.Namespace, "r")
	*route.TypedSpec() = network.RouteSpecSpec{
		Family: network.FamilyInet4, Destination: prefix, Source: ip, Gateway: ip, OutLinkName: "eth0", Table: network.TableMain,
		Priority: 1024, Scope: network.ScopeLink, Type: network.RouteUnicast, Flags: 256, Protocol: network.ProtocolBoot,
		ConfigLayer: network.LayerOperator, MTU: 1400,
	}

	routeStatus := network.NewRouteStatus("r")
	*routeStatus.TypedSpec() = network.RouteStatusSpec{
		Family: network.FamilyInet4, Destination: prefix, Source: ip, Gateway: ip, OutLinkIndex: 2, OutLinkName: "eth0",
		Table: network.TableMain, Priority: 1024, Scope: network.ScopeLink, Type: network.RouteUnicast, Flags: 256,
		Protocol: network.ProtocolBoot, MTU: 1400,
	}

	nodeAddress := network.NewNodeAddress("current")
	*nodeAddress.TypedSpec() = network.NodeAddressSpec{Addresses: []netip.Prefix{prefix}, SortAlgorithm: 1}

	status := network.NewStatus()
	*status.TypedSpec() = network.StatusSpec{AddressReady: true, ConnectivityReady: true, HostnameReady: true, EtcFilesReady: true}

	file := files.NewEtcFileSpec("hosts")
	*file.TypedSpec() = files.EtcFileSpecSpec{Contents: wire.Text("c"), Mode: 0o644, SelinuxLabel: "l"}

	fileStatus := files.NewEtcFileStatus("hosts")
	fileStatus.TypedSpec().SpecVersion = "1"

	system := hardware.NewSystemInformation()
	*system.TypedSpec() = hardware.SystemInformationSpec{
		Manufacturer: "a", ProductName: "b", Version: "c", SerialNumber: "d", UUID: "e", WakeUpType: "f", SKUNumber: "g",
	}

	root := secrets.NewOSRoot()
	*root.TypedSpec() = secrets.OSRootSpec{
		IssuingCA: pair, AcceptedCAs: []wire.Certificate{{Crt: wire.PEM("c")}}, CertSANIPs: []netip.Addr{ip},
		CertSANDNSNames: []string{"n"}, Token: "t",
	}

	api := secrets.NewAPI()
	*api.TypedSpec() = secrets.APISpec{AcceptedCAs: []wire.Certificate{{Crt: wire.PEM("c")}}, Client: pair, Server: pair}

	san := secrets.NewCertSAN()
	*san.TypedSpec() = secrets.CertSANSpec{IPs: []netip.Addr{ip}, DNSNames: []string{"n"}, FQDN: "f"}

	for _, tc := range []struct {
		res resource.Resource
		msg proto.Message
		// unset are fields of the message that our spec leaves out on purpose.
		unset []string
	}{
		{service, &v1alpha1pb.ServiceSpec{}, nil},
		{machine, &runtimepb.MachineStatusSpec{}, nil},
		{cmdline, &runtimepb.KernelCmdlineSpec{}, nil},
		{mount, &runtimepb.MountStatusSpec{}, nil},
		{platform, &runtimepb.PlatformMetadataSpec{}, nil},
		{version, &runtimepb.VersionSpec{}, nil},
		{maintenance, &runtimepb.MaintenanceServiceConfigSpec{}, nil},
		{pid, &runtimepb.ServicePIDSpec{}, nil},
		{module, &runtimepb.KernelModuleSpecSpec{}, nil},
		{loaded, &runtimepb.LoadedKernelModuleSpec{}, nil},
		{hostname, &networkpb.HostnameSpecSpec{}, nil},
		{hostnameStatus, &networkpb.HostnameStatusSpec{}, nil},
		{resolver, &networkpb.ResolverSpecSpec{}, nil},
		{resolverStatus, &networkpb.ResolverStatusSpec{}, nil},
		{linkSpec, &networkpb.LinkSpecSpec{}, []string{
			"parent_name", "bond_slave", "bridge_slave", "vlan", "bond_master", "bridge_master", "wireguard", "hardware_address",
			"multicast", "vrf_master", "vrf_slave",
		}},
		{link, &networkpb.LinkStatusSpec{}, []string{
			"driver_version", "firmware_version", "product_id", "vendor_id", "product", "vendor", "port", "duplex", "vlan",
			"bridge_master", "bond_master", "wireguard", "alias", "vrf_master",
		}},
		{operator, &networkpb.OperatorSpecSpec{}, []string{"operator", "dhcp6", "vip"}},
		{addr, &networkpb.AddressSpecSpec{}, nil},
		{addrStatus, &networkpb.AddressStatusSpec{}, []string{"anycast", "multicast"}},
		{route, &networkpb.RouteSpecSpec{}, nil},
		{routeStatus, &networkpb.RouteStatusSpec{}, nil},
		{nodeAddress, &networkpb.NodeAddressSpec{}, nil},
		{status, &networkpb.StatusSpec{}, nil},
		{file, &filespb.EtcFileSpecSpec{}, nil},
		{fileStatus, &filespb.EtcFileStatusSpec{}, nil},
		{system, &hardwarepb.SystemInformationSpec{}, nil},
		{root, &secretspb.OSRootSpec{}, nil},
		{api, &secretspb.APICertsSpec{}, []string{"skip_verifying_client_cert"}},
		{san, &secretspb.CertSANSpec{}, nil},
	} {
		t.Run(tc.res.Metadata().Type(), func(t *testing.T) {
			r, err := protobuf.FromResource(tc.res)
			if err != nil {
				t.Fatal(err)
			}

			m, err := r.Marshal()
			if err != nil {
				t.Fatal(err)
			}

			if err = proto.Unmarshal(m.GetSpec().GetProtoSpec(), tc.msg); err != nil {
				t.Fatalf("the published message does not decode ours: %v", err)
			}

			if unknown := tc.msg.ProtoReflect().GetUnknown(); len(unknown) > 0 {
				t.Errorf("fields that the published message does not know: %x", unknown)
			}

			var missing []string

			fields := tc.msg.ProtoReflect().Descriptor().Fields()
			for i := range fields.Len() {
				if fd := fields.Get(i); !tc.msg.ProtoReflect().Has(fd) {
					missing = append(missing, string(fd.Name()))
				}
			}

			if diff := cmp.Diff(byName(tc.unset), byName(missing)); diff != "" {
				t.Errorf("unset fields (-want +got):\n%s", diff)
			}

			// And back, through our own decoder.
			un, err := protobuf.Unmarshal(m)
			if err != nil {
				t.Fatal(err)
			}

			back, err := protobuf.UnmarshalResource(un)
			if err != nil {
				t.Fatal(err)
			}

			if !resource.Equal(tc.res, back) {
				t.Errorf("decoded %+v, want %+v", back.Spec(), tc.res.Spec())
			}
		})
	}
}

func byName(names []string) map[string]bool {
	out := map[string]bool{}
	for _, n := range names {
		out[n] = true
	}

	return out
}
