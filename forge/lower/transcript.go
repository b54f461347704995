package lower

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// Transcript writes a definition as text for people to read and compare: one
// block per operation, what is needed before what needs it, inputs by number.
// An instruction's environment is written as far as it differs from that of
// the instruction before.
func Transcript(def *llb.Definition) (string, error) {
	t := transcript{numbers: map[string]int{}}

	for i, raw := range def.Def {
		var op pb.Op
		if err := op.UnmarshalVT(raw); err != nil {
			return "", fmt.Errorf("read operation %d: %w", i, err)
		}

		dgst := digest.FromBytes(raw)
		t.numbers[dgst.String()] = i
		t.op(i, &op, def.Metadata[dgst], def.Source.GetLocations()[dgst.String()], def.Source.GetInfos())
	}

	return t.b.String(), nil
}

type transcript struct {
	b       strings.Builder
	numbers map[string]int
	env     []string
}

func (t *transcript) op(i int, op *pb.Op, md llb.OpMetadata, at *pb.Locations, infos []*pb.SourceInfo) {
	name := md.Description["llb.customname"]
	if name == "" {
		name = "result"
	}

	fmt.Fprintf(&t.b, "%d %s", i, name)

	for _, l := range at.GetLocations() {
		for _, r := range l.Ranges {
			fmt.Fprintf(&t.b, " @%s:%d", infos[l.SourceIndex].Filename, r.Start.Line)

			if r.End.Line != r.Start.Line {
				fmt.Fprintf(&t.b, "-%d", r.End.Line)
			}
		}
	}

	if md.IgnoreCache {
		t.b.WriteString(" no-cache")
	}

	if md.ProgressGroup != nil {
		fmt.Fprintf(&t.b, " group=%q", md.ProgressGroup.Id)
	}

	t.b.WriteString("\n")

	if p := op.Platform; p != nil {
		fmt.Fprintf(&t.b, "    on %s/%s%s\n", p.OS, p.Architecture, p.Variant)
	}

	switch o := op.Op.(type) {
	case *pb.Op_Source:
		t.source(o.Source)
	case *pb.Op_Exec:
		t.exec(op, o.Exec)
	case *pb.Op_File:
		t.file(op, o.File)
	case *pb.Op_Merge:
		for _, in := range o.Merge.Inputs {
			fmt.Fprintf(&t.b, "    merge %s\n", t.input(op, in.Input))
		}
	case nil:
		fmt.Fprintf(&t.b, "    %s\n", t.input(op, 0))
	}
}

// input names an input of an operation: its number, and which output it is if
// not the first.
func (t *transcript) input(op *pb.Op, index int64) string {
	if index < 0 || int(index) >= len(op.Inputs) {
		return "empty"
	}

	in := op.Inputs[index]
	if in.Index == 0 {
		return fmt.Sprint(t.numbers[in.Digest])
	}

	return fmt.Sprintf("%d.%d", t.numbers[in.Digest], in.Index)
}

func (t *transcript) source(s *pb.SourceOp) {
	fmt.Fprintf(&t.b, "    %s\n", s.Identifier)

	for _, key := range slices.Sorted(maps.Keys(s.Attrs)) {
		fmt.Fprintf(&t.b, "    %s=%s\n", key, s.Attrs[key])
	}
}

func (t *transcript) exec(op *pb.Op, e *pb.ExecOp) {
	fmt.Fprintf(&t.b, "    network=%s cwd=%s\n", strings.ToLower(e.Network.String()), e.Meta.Cwd)

	for _, variable := range e.Meta.Env {
		if !slices.Contains(t.env, variable) {
			fmt.Fprintf(&t.b, "    env %s\n", variable)
		}
	}

	for _, variable := range t.env {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.ContainsFunc(e.Meta.Env, func(v string) bool { return strings.HasPrefix(v, name+"=") }) {
			fmt.Fprintf(&t.b, "    env -%s\n", name)
		}
	}

	t.env = e.Meta.Env

	for _, s := range e.Secretenv {
		fmt.Fprintf(&t.b, "    env %s secret=%s%s\n", s.Name, s.ID, optional(s.Optional))
	}

	for _, m := range e.Mounts {
		fmt.Fprintf(&t.b, "    mount %s", m.Dest)

		switch {
		case m.CacheOpt != nil:
			fmt.Fprintf(&t.b, " cache=%s %s", m.CacheOpt.ID, strings.ToLower(m.CacheOpt.Sharing.String()))
		case m.SecretOpt != nil:
			fmt.Fprintf(&t.b, " secret=%s mode=%#o%s", m.SecretOpt.ID, m.SecretOpt.Mode, optional(m.SecretOpt.Optional))
		case m.SSHOpt != nil:
			fmt.Fprintf(&t.b, " ssh=%s mode=%#o%s", m.SSHOpt.ID, m.SSHOpt.Mode, optional(m.SSHOpt.Optional))
		default:
			fmt.Fprintf(&t.b, " from %s", t.input(op, m.Input))
		}

		if m.Selector != "" {
			fmt.Fprintf(&t.b, ":%s", m.Selector)
		}

		if m.Readonly {
			t.b.WriteString(" readonly")
		}

		if m.Output > 0 {
			fmt.Fprintf(&t.b, " output=%d", m.Output)
		}

		t.b.WriteString("\n")
	}

	args, _ := json.Marshal(e.Meta.Args) //nolint:errchkjson // a list of strings
	fmt.Fprintf(&t.b, "    run %s\n", args)
}

func optional(is bool) string {
	if is {
		return " optional"
	}

	return ""
}

func (t *transcript) file(op *pb.Op, f *pb.FileOp) {
	state := func(index int64) string {
		if index >= int64(len(op.Inputs)) {
			return fmt.Sprintf("action %d", index-int64(len(op.Inputs)))
		}

		return t.input(op, index)
	}

	for _, a := range f.Actions {
		switch o := a.Action.(type) {
		case *pb.FileAction_Copy:
			c := o.Copy
			fmt.Fprintf(&t.b, "    on %s: copy %s:%s → %s%s", state(a.Input), state(a.SecondaryInput), c.Src, c.Dest, times(c.Timestamp))

			if c.AttemptUnpackDockerCompatibility {
				t.b.WriteString(" unpack")
			}

			if c.Mode >= 0 {
				fmt.Fprintf(&t.b, " mode=%#o", c.Mode)
			}

			if c.Owner != nil {
				fmt.Fprintf(&t.b, " owner=%d:%d", c.Owner.User.GetByID(), c.Owner.Group.GetByID())
			}
		case *pb.FileAction_Mkdir:
			fmt.Fprintf(&t.b, "    on %s: mkdir %s mode=%#o%s", state(a.Input), o.Mkdir.Path, o.Mkdir.Mode, times(o.Mkdir.Timestamp))
		case *pb.FileAction_Mkfile:
			fmt.Fprintf(&t.b, "    on %s: write %s mode=%#o%s %q", state(a.Input), o.Mkfile.Path, o.Mkfile.Mode, times(o.Mkfile.Timestamp), o.Mkfile.Data)
		}

		t.b.WriteString("\n")
	}
}

// times is the time of a file action, in nanoseconds since 1970, as seconds.
func times(nanoseconds int64) string {
	if nanoseconds < 0 {
		return ""
	}

	return fmt.Sprintf(" time=%d", nanoseconds/1_000_000_000)
}
