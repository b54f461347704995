// Package authz decides who may call what.
//
// A caller's roles come from the Organization of its certificate, which apid has
// checked, and travel to machined as gRPC metadata over a socket that only apid
// can open. machined decides: the table below has every method of every service
// that it serves, and a method that is not in it is the administrator's alone.
package authz

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Role is a documented role.
type Role string

// The roles.
const (
	Admin        Role = "os:admin"
	Operator     Role = "os:operator"
	Reader       Role = "os:reader"
	EtcdBackup   Role = "os:etcd:backup"
	MetaWriter   Role = "os:meta:writer"
	Impersonator Role = "os:impersonator"
)

// Roles is a set of roles.
type Roles []Role

// Has says whether any of the wanted roles is in the set.
func (r Roles) Has(wanted ...Role) bool {
	for _, w := range wanted {
		if slices.Contains(r, w) {
			return true
		}
	}

	return false
}

// MetadataKey carries the roles from apid to machined, one value for each.
const MetadataKey = "talos-role"

// Parse keeps the texts that name roles.
func Parse(texts []string) Roles {
	var out Roles

	for _, t := range texts {
		r := Role(strings.TrimSpace(t))
		if slices.Contains([]Role{Admin, Operator, Reader, EtcdBackup, MetaWriter, Impersonator}, r) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}

	return out
}

// Strings is the set as texts.
func (r Roles) Strings() []string {
	out := make([]string, 0, len(r))
	for _, role := range r {
		out = append(out, string(role))
	}

	return out
}

type rolesKey struct{}

// WithRoles puts the caller's roles in the context.
func WithRoles(ctx context.Context, r Roles) context.Context {
	return context.WithValue(ctx, rolesKey{}, r)
}

// FromContext returns the caller's roles.
func FromContext(ctx context.Context) Roles {
	r, _ := ctx.Value(rolesKey{}).(Roles)

	return r
}

// Rules says which roles may call a method, by full name.
type Rules map[string]Roles

var (
	read    = Roles{Admin, Operator, Reader}
	operate = Roles{Admin, Operator}
	admin   = Roles{Admin}
	meta    = Roles{Admin, MetaWriter}
	backup  = Roles{Admin, Operator, EtcdBackup}
	// nobody is for what only the machine's own controllers do.
	nobody = Roles{}
)

// Node are the rules of a machine with a configuration. Reading resources is
// decided once more by type: see api.Filter.
var Node = build(map[string]map[string]Roles{
	"/machine.MachineService/": {
		"ApplyConfiguration": admin, "Bootstrap": admin, "Copy": admin, "GenerateClientConfiguration": admin, "Kubeconfig": admin,
		"Read": admin, "Reset": admin, "Rollback": admin, "Upgrade": admin,
		"EtcdRemoveMemberByID": admin, "EtcdLeaveCluster": admin, "EtcdForfeitLeadership": admin, "EtcdRecover": admin,
		"EtcdDowngradeValidate": operate, "EtcdDowngradeEnable": operate, "EtcdDowngradeCancel": operate,
		"EtcdAlarmDisarm": operate, "EtcdDefragment": operate, "EtcdSnapshot": backup,
		"ImagePull": operate, "PacketCapture": operate, "Reboot": operate, "Restart": operate, "Shutdown": operate,
		"ServiceRestart": operate, "ServiceStart": operate, "ServiceStop": operate,
		"MetaWrite": meta, "MetaDelete": meta,
		"CPUFreqStats": read, "CPUInfo": read, "Containers": read, "DiskStats": read, "DiskUsage": read, "Dmesg": read,
		"EtcdAlarmList": read, "EtcdMemberList": read, "EtcdStatus": read, "Events": read, "Hostname": read, "ImageList": read,
		"List": read, "LoadAvg": read, "Logs": read, "LogsContainers": read, "Memory": read, "Mounts": read, "Netstat": read,
		"NetworkDeviceStats": read, "Processes": read, "ServiceList": read, "Stats": read, "SystemStat": read, "Version": read,
	},
	"/cosi.resource.State/": {
		"Get": read, "List": read, "Watch": read,
		"Create": nobody, "Update": nobody, "Destroy": nobody, "Teardown": nobody, "TeardownAndDestroy": nobody,
	},
})

// Maintenance are the rules of a machine without a configuration, where callers
// can't be known: what is needed to see the machine and to give it one.
var Maintenance = build(map[string]map[string]Roles{
	"/machine.MachineService/": {"ApplyConfiguration": {anyone}, "Version": {anyone}},
	"/cosi.resource.State/":    {"Get": {anyone}, "List": {anyone}, "Watch": {anyone}},
})

// anyone is a role that every caller has.
const anyone Role = "*"

func build(services map[string]map[string]Roles) Rules {
	out := Rules{}

	for service, methods := range services {
		for name, roles := range methods {
			out[service+name] = roles
		}
	}

	return out
}

// Check returns nil when a caller with the roles may call the method.
func (rules Rules) Check(method string, roles Roles) error {
	allowed, ok := rules[method]
	if !ok {
		allowed = admin
	}

	if allowed.Has(anyone) || roles.Has(allowed...) {
		return nil
	}

	if len(allowed) == 0 {
		return status.Errorf(codes.PermissionDenied,
			"%s is not available: resources are written by controllers alone; change the machine configuration instead", short(method))
	}

	if _, node := rules["/machine.MachineService/Reboot"]; !node {
		return status.Errorf(codes.PermissionDenied,
			"%s is not available in maintenance mode: the machine has no configuration yet; apply one first", short(method))
	}

	return status.Errorf(codes.PermissionDenied, "not authorized: %s wants one of the roles %s, the certificate has %s",
		short(method), strings.Join(allowed.Strings(), ", "), orNone(roles))
}

func short(method string) string {
	return strings.TrimPrefix(strings.ReplaceAll(method, "/", "."), ".")
}

func orNone(r Roles) string {
	if len(r) == 0 {
		return "none"
	}

	return strings.Join(r.Strings(), ", ")
}

// incoming reads the roles that apid has put in the metadata.
func incoming(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)

	return WithRoles(ctx, Parse(md.Get(MetadataKey)))
}

// Unary checks unary calls.
func (rules Rules) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	ctx = incoming(ctx)
	if err := rules.Check(info.FullMethod, FromContext(ctx)); err != nil {
		return nil, err
	}

	return next(ctx, req)
}

// Stream checks streams.
func (rules Rules) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	ctx := incoming(ss.Context())
	if err := rules.Check(info.FullMethod, FromContext(ctx)); err != nil {
		return err
	}

	return next(srv, &stream{ServerStream: ss, ctx: ctx})
}

type stream struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx
}

func (s *stream) Context() context.Context { return s.ctx }
