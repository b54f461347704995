package lower

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"

	"github.com/akmon-os/akmon/forge/tree"
)

// patchScript applies one patch with the program that the step has: GNU's
// strictly, without backups, others (busybox, toybox) as they do. The name of
// the patch is in the message, the program names the hunk.
const patchScript = `patch=%[1]s
if ! command -v patch >/dev/null; then
  echo "patches need the program patch, and no dependency has it" >&2
  exit 127
fi
strict=
case "$(patch --version 2>&1 || true)" in *GNU*) strict="-F0 --no-backup-if-mismatch";; esac
if ! patch -p%[2]d -N $strict -i "$patch" </dev/null; then
  echo "patch %[3]s does not apply" >&2
  exit 1
fi
`

// patches applies the patches of a step, each as a vertex of its own that
// points at its line. They see the package directory and no network.
func (p *pkg) patches(root llb.State, index int, common *setting) (llb.State, error) {
	s := &p.Steps[index]
	all := p.Patches(index)

	for i, patch := range all {
		file := joinDir(s.Dir(), patch.Path)
		if patch.InPackage {
			file = joinDir(pkgDir, patch.Path)
		}

		opts := append(p.runOptions("patch %d/%d: %s", i+1, len(all), patch.Path), p.location(patch.Pos, patch.Pos),
			command{p.Tree.ShellOf(p.Package), "-c", prelude + fmt.Sprintf(patchScript, quoted(file), patch.Strip, escaped(patch))},
			networking(pb.NetMode_NONE))

		if !p.Tree.Compatible() {
			opts = append(opts, p.pkgMount())
		}

		var err error
		if root, _, err = p.run(root, common, "", opts...); err != nil {
			return llb.State{}, err
		}
	}

	return root, nil
}

// quoted makes a text one word of the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// escaped is the name of a patch within double quotes of the shell.
func escaped(p tree.Patch) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(p.Path)
}
