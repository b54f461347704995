package api

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// cpuKeys are the keys of /proc/cpuinfo (show_cpuinfo of x86 and of arm64) that
// don't become a field's name by lower case and "_" for a space.
var cpuKeys = map[string]string{
	"apicid": "apic_id", "initial apicid": "initial_apic_id", "cpuid level": "cpu_id_level", "clflush size": "cl_flush_size",
	"bogomips": "bogo_mips", "cache_alignment": "cache_alignment", "vendor_id": "vendor_id",
	"CPU implementer": "vendor_id", "CPU architecture": "cpu_family", "CPU part": "model", "CPU revision": "stepping", "Features": "flags",
}

// CPUInfo implements machine.MachineServiceServer.
func (m *Machine) CPUInfo(context.Context, *emptypb.Empty) (*machine.CPUInfoResponse, error) {
	data, err := m.proc("cpuinfo")
	if err != nil {
		return nil, err
	}

	return &machine.CPUInfoResponse{Messages: []*machine.CPUsInfo{{CpuInfo: parseCPUs(string(data))}}}, nil
}

func parseCPUs(text string) []*machine.CPUInfo {
	var out []*machine.CPUInfo

	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)

		if ok && key == "processor" {
			out = append(out, &machine.CPUInfo{})
		}

		// What comes before the first processor or after an empty line is not one's.
		if !ok || len(out) == 0 {
			continue
		}

		name, named := cpuKeys[key]
		if !named {
			name = strings.ReplaceAll(strings.ToLower(key), " ", "_")
		}

		cpu := out[len(out)-1].ProtoReflect()
		if fd := cpu.Descriptor().Fields().ByName(protoreflect.Name(name)); fd != nil {
			setText(cpu, fd, value)
		}
	}

	return out
}

// setText sets a field to what a text says; one that does not say it is left.
func setText(msg protoreflect.Message, fd protoreflect.FieldDescriptor, text string) {
	switch {
	case fd.IsList() && fd.Kind() == protoreflect.StringKind:
		list := msg.Mutable(fd).List()
		for _, word := range strings.Fields(text) {
			list.Append(protoreflect.ValueOfString(word))
		}
	case fd.Kind() == protoreflect.StringKind:
		msg.Set(fd, protoreflect.ValueOfString(text))
	case fd.Kind() == protoreflect.Uint32Kind:
		if v, err := strconv.ParseUint(text, 10, 32); err == nil {
			msg.Set(fd, protoreflect.ValueOfUint32(uint32(v)))
		}
	case fd.Kind() == protoreflect.DoubleKind:
		if v, err := strconv.ParseFloat(text, 64); err == nil {
			msg.Set(fd, protoreflect.ValueOfFloat64(v))
		}
	}
}

// counters reads fields of numbers into pointers, in order. Fields that an older
// kernel does not write stay 0.
func counters(fields []string, into ...*uint64) error {
	for i, p := range into {
		if i >= len(fields) {
			return nil
		}

		v, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			return fmt.Errorf("field %d: %w", i+1, err)
		}

		*p = v
	}

	return nil
}

// addUp adds the numbers of one message to those of another of its type.
func addUp(total, one any) {
	t, o := reflect.ValueOf(total).Elem(), reflect.ValueOf(one).Elem()

	for i := range t.NumField() {
		if f := t.Field(i); f.Kind() == reflect.Uint64 && f.CanSet() {
			f.SetUint(f.Uint() + o.Field(i).Uint())
		}
	}
}

// DiskStats implements machine.MachineServiceServer: the counters of whole disks
// and of partitions (Documentation/admin-guide/iostats.rst); a sector has 512
// bytes. The total is of everything listed.
func (m *Machine) DiskStats(context.Context, *emptypb.Empty) (*machine.DiskStatsResponse, error) {
	data, err := m.proc("diskstats")
	if err != nil {
		return nil, err
	}

	out := &machine.DiskStats{Total: &machine.DiskStat{}}

	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 14 {
			return nil, status.Errorf(codes.Internal, "parse diskstats: %q has too few fields", line)
		}

		d := &machine.DiskStat{Name: f[2]}
		if err := counters(f[3:],
			&d.ReadCompleted, &d.ReadMerged, &d.ReadSectors, &d.ReadTimeMs,
			&d.WriteCompleted, &d.WriteMerged, &d.WriteSectors, &d.WriteTimeMs,
			&d.IoInProgress, &d.IoTimeMs, &d.IoTimeWeightedMs,
			&d.DiscardCompleted, &d.DiscardMerged, &d.DiscardSectors, &d.DiscardTimeMs); err != nil {
			return nil, status.Errorf(codes.Internal, "parse diskstats of %s: %v", d.Name, err)
		}

		addUp(out.Total, d)
		out.Devices = append(out.Devices, d)
	}

	return &machine.DiskStatsResponse{Messages: []*machine.DiskStats{out}}, nil
}

// NetworkDeviceStats implements machine.MachineServiceServer: /proc/net/dev.
func (m *Machine) NetworkDeviceStats(context.Context, *emptypb.Empty) (*machine.NetworkDeviceStatsResponse, error) {
	data, err := m.proc("net/dev")
	if err != nil {
		return nil, err
	}

	out := &machine.NetworkDeviceStats{Total: &machine.NetDev{}}

	for line := range strings.Lines(string(data)) {
		// The two lines of headings have no colon after a name.
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}

		d := &machine.NetDev{Name: strings.TrimSpace(name)}
		if err := counters(strings.Fields(rest),
			&d.RxBytes, &d.RxPackets, &d.RxErrors, &d.RxDropped, &d.RxFifo, &d.RxFrame, &d.RxCompressed, &d.RxMulticast,
			&d.TxBytes, &d.TxPackets, &d.TxErrors, &d.TxDropped, &d.TxFifo, &d.TxCollisions, &d.TxCarrier, &d.TxCompressed); err != nil {
			return nil, status.Errorf(codes.Internal, "parse counters of %s: %v", d.Name, err)
		}

		addUp(out.Total, d)
		out.Devices = append(out.Devices, d)
	}

	return &machine.NetworkDeviceStatsResponse{Messages: []*machine.NetworkDeviceStats{out}}, nil
}
