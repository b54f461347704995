package frontend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/akmon-os/akmon/forge/bootstrap"
	"github.com/akmon-os/akmon/forge/frontend/step"
	"github.com/akmon-os/akmon/forge/lower"
)

// self is the image that the frontend runs from. The build graph runs its
// program as steps that make what akmon build makes before a build.
type self struct {
	image   llb.State
	program string
	// none says why there is no image to run.
	none error
}

var errNoImage = errors.New("the frontend does not know the image that it runs from, which makes Debian root file systems and " +
	"fetches Go modules; name it as the build's `source`, or use `akmon build`")

// newSelf finds the image. What the gateway frontend was told to run is also
// ours to run.
func newSelf(ctx context.Context, ui *dockerui.Client) (self, error) {
	source := ui.BuildOpts().Opts["source"]
	if source == "" {
		return self{none: errNoImage}, nil
	}

	program, err := os.Executable()
	if err != nil {
		return self{none: errNoImage}, nil //nolint:nilerr // it is needed by some trees only
	}

	platform := ui.BuildPlatforms[0]

	named, err := ui.NamedContext(source, dockerui.ContextOpt{Platform: &platform})
	if err != nil {
		return self{}, fmt.Errorf("look for the frontend's image: %w", err)
	}

	if named != nil {
		state, _, err := named.Load(ctx)
		if err != nil {
			return self{}, fmt.Errorf("look for the frontend's image: %w", err)
		}

		return self{image: llb.Scratch().WithOutput(state.Output()).Platform(platform), program: program}, nil
	}

	image := llb.Image(source, llb.Platform(platform), dockerui.WithInternalName("the frontend's own image"))

	return self{image: image, program: program}, nil
}

// check points at what of the inputs can't be had without the image.
func (s self) check(in *lower.InputSet) error {
	switch {
	case s.none == nil:
		return nil
	case len(in.Debian) > 0:
		return in.Debian[0].Errorf("%v", s.none)
	case len(in.Go) > 0:
		return in.Go[0].Errorf("%v", s.none)
	default:
		return nil
	}
}

// run is the program as a step without anything but its mounts; what it leaves
// in /out is the result.
func (s self) run(network pb.NetMode, args []string, opts []llb.ConstraintsOpt, mounts ...llb.RunOption) llb.State {
	run := []llb.RunOption{
		llb.Args(append([]string{s.program}, args...)), llb.Network(network), llb.ReadonlyRootFS(),
		llb.AddMount(step.Scratch, llb.Scratch(), llb.ForceNoOutput),
	}

	for _, o := range opts {
		run = append(run, o)
	}

	return s.image.Run(append(run, mounts...)...).AddMount(step.Output, llb.Scratch())
}

// bootstrap makes the root file system of a lock: BuildKit downloads the
// packages, the step unpacks them.
func (s self) bootstrap(name string, text []byte, platform ocispecs.Platform, files *buildContext, address func(string) string, opts []llb.ConstraintsOpt) (llb.State, error) {
	lock, err := bootstrap.ParseLock(name, text)
	if err != nil {
		return llb.State{}, err
	}

	arch := bootstrap.DebianArch(platform.Architecture, platform.Variant)

	sources, err := lock.Sources(arch)
	if err != nil {
		return llb.State{}, err
	}

	include := files.files(lower.Files{Include: []string{name}, Hint: "lock-" + name}, dockerui.WithInternalName("load "+name))
	mounts := []llb.RunOption{llb.AddMount(step.Lock, include, llb.Readonly, llb.SourcePath(path.Join("/", name)))}

	for _, p := range sources {
		file := llb.HTTP(address(p.URL), llb.Checksum(digest.NewDigestFromEncoded(digest.SHA256, p.SHA256)),
			llb.Filename(step.PackageFile), llb.Chmod(0o644), llb.WithCustomName("["+name+"] download "+path.Base(p.URL)))
		mounts = append(mounts, llb.AddMount(step.PackageDir(p.SHA256), file, llb.Readonly))
	}

	return s.run(pb.NetMode_NONE, []string{step.BootstrapCommand, arch}, opts, mounts...), nil
}

// CASecret is the ID of the secret with further certificate authorities to
// trust, as one PEM file, when Go modules are fetched.
const CASecret = "ca-certificates"

// modules fetches what a go.sum names. Its sums are not those of the files, so
// that BuildKit can't check them: the step does, and so needs the network.
func (s self) modules(goSum []byte, proxy string, opts []llb.ConstraintsOpt) llb.State {
	file := llb.Scratch().File(llb.Mkfile("/go.sum", 0o644, goSum), dockerui.WithInternalName("go.sum"))

	return s.run(pb.NetMode_UNSET, []string{step.ModulesCommand, proxy}, opts,
		llb.AddMount(step.GoSum, file, llb.Readonly, llb.SourcePath("/go.sum")),
		llb.AddMount(step.Cache, llb.Scratch(), llb.AsPersistentCacheDir("akmon-frontend-modules", llb.CacheMountShared)),
		llb.AddSecret(step.CA, llb.SecretID(CASecret), llb.SecretOptional))
}
