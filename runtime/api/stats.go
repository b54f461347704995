package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"

	"github.com/akmon-os/akmon/runtime/mounts"
)

func (m *Machine) proc(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(m.node.Root, "proc", name))
	if err != nil {
		return nil, status.Errorf(codes.Internal, "%v", err)
	}

	return data, nil
}

// Memory implements machine.MachineServiceServer; sizes are in KiB.
func (m *Machine) Memory(context.Context, *emptypb.Empty) (*machine.MemoryResponse, error) {
	data, err := m.proc("meminfo")
	if err != nil {
		return nil, err
	}

	info := &machine.MemInfo{}
	fields := info.ProtoReflect().Descriptor().Fields()
	clean := strings.NewReplacer("(", "", ")", "", "_", "")

	// The message's fields are the file's keys, in lower case and without signs.
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")

		fd := fields.ByName(protoreflect.Name(strings.ToLower(clean.Replace(key))))
		if fd == nil {
			continue
		}

		number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if v, err := strconv.ParseUint(number, 10, 64); err == nil {
			info.ProtoReflect().Set(fd, protoreflect.ValueOfUint64(v))
		}
	}

	return &machine.MemoryResponse{Messages: []*machine.Memory{{Meminfo: info}}}, nil
}

// LoadAvg implements machine.MachineServiceServer.
func (m *Machine) LoadAvg(context.Context, *emptypb.Empty) (*machine.LoadAvgResponse, error) {
	data, err := m.proc("loadavg")
	if err != nil {
		return nil, err
	}

	load := &machine.LoadAvg{}
	if _, err := fmt.Sscan(string(data), &load.Load1, &load.Load5, &load.Load15); err != nil {
		return nil, status.Errorf(codes.Internal, "parse loadavg: %v", err)
	}

	return &machine.LoadAvgResponse{Messages: []*machine.LoadAvg{load}}, nil
}

// userHZ is the unit of /proc/stat, the same on every architecture.
const userHZ = 100

// SystemStat implements machine.MachineServiceServer; CPU times are in seconds.
func (m *Machine) SystemStat(context.Context, *emptypb.Empty) (*machine.SystemStatResponse, error) {
	data, err := m.proc("stat")
	if err != nil {
		return nil, err
	}

	st := &machine.SystemStat{}
	sc := bufio.NewScanner(bytes.NewReader(data))
	sc.Buffer(nil, 1<<20) // the line of interrupts is long

	for sc.Scan() {
		f := strings.Fields(sc.Text())
		if len(f) < 2 {
			continue
		}

		number := func(i int) uint64 {
			if i >= len(f) {
				return 0
			}

			v, _ := strconv.ParseUint(f[i], 10, 64) //nolint:errcheck // 0 for what is not a number

			return v
		}

		switch {
		case f[0] == "cpu":
			st.CpuTotal = cpu(number)
		case strings.HasPrefix(f[0], "cpu"):
			st.Cpu = append(st.Cpu, cpu(number))
		case f[0] == "intr":
			st.IrqTotal = number(1)
		case f[0] == "ctxt":
			st.ContextSwitches = number(1)
		case f[0] == "btime":
			st.BootTime = number(1)
		case f[0] == "processes":
			st.ProcessCreated = number(1)
		case f[0] == "procs_running":
			st.ProcessRunning = number(1)
		case f[0] == "procs_blocked":
			st.ProcessBlocked = number(1)
		case f[0] == "softirq":
			st.SoftIrqTotal = number(1)
			st.SoftIrq = &machine.SoftIRQStat{
				Hi: number(2), Timer: number(3), NetTx: number(4), NetRx: number(5), Block: number(6), BlockIoPoll: number(7),
				Tasklet: number(8), Sched: number(9), Hrtimer: number(10), Rcu: number(11),
			}
		}
	}

	return &machine.SystemStatResponse{Messages: []*machine.SystemStat{st}}, nil
}

func cpu(number func(int) uint64) *machine.CPUStat {
	s := func(i int) float64 { return float64(number(i)) / userHZ }

	return &machine.CPUStat{
		User: s(1), Nice: s(2), System: s(3), Idle: s(4), Iowait: s(5), Irq: s(6), SoftIrq: s(7), Steal: s(8), Guest: s(9), GuestNice: s(10),
	}
}

// Mounts implements machine.MachineServiceServer; sizes are in bytes.
func (m *Machine) Mounts(context.Context, *emptypb.Empty) (*machine.MountsResponse, error) {
	data, err := m.proc("self/mountinfo")
	if err != nil {
		return nil, err
	}

	all, err := mounts.Parse(data)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "%v", err)
	}

	out := &machine.Mounts{}

	for _, mnt := range all {
		var fs unix.Statfs_t

		stat := &machine.MountStat{Filesystem: mnt.Source, MountedOn: mnt.Target}
		if err := unix.Statfs(mnt.Target, &fs); err == nil {
			stat.Size = fs.Blocks * uint64(fs.Bsize)
			stat.Available = fs.Bavail * uint64(fs.Bsize)
		}

		out.Stats = append(out.Stats, stat)
	}

	return &machine.MountsResponse{Messages: []*machine.Mounts{out}}, nil
}
