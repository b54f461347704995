package forge

import (
	"context"
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/akmon-os/akmon/forge/engine"
	"github.com/akmon-os/akmon/forge/publish"
	"github.com/akmon-os/akmon/forge/publish/contents"
	"github.com/akmon-os/akmon/forge/publish/provenance"
	"github.com/akmon-os/akmon/forge/publish/sbom"
	"github.com/akmon-os/akmon/forge/tree"
)

// publish describes and signs what the engine wrote. Only targets that their
// recipe makes an image of (`image:`) are described and signed; other packages
// are parts.
func (o *Options) publish(ctx context.Context, t *target, solved *engine.Result, key crypto.Signer, epoch time.Time) (TargetResult, error) {
	result := TargetResult{Name: t.name, Platforms: t.platforms(), Digest: solved.Digest}

	for _, output := range o.Outputs {
		result.Outputs = append(result.Outputs, output.Path(t.name))

		if !output.signed() || t.nodes[0].Package.Image == nil {
			continue
		}

		image, err := publish.Open(ctx, output.address(t.name), publish.Options{Insecure: output.Insecure})
		if err != nil {
			return result, err
		}

		p := publication{o: o, target: t, image: image, key: key}
		if output.Type == engine.OCILayout {
			p.beside = output.Path(t.name)
		}

		if err := p.describe(ctx, epoch); err != nil {
			return result, fmt.Errorf("describe %s: %w", t.name, err)
		}

		if err := p.prove(ctx, epoch); err != nil {
			return result, fmt.Errorf("state the provenance of %s: %w", t.name, err)
		}

		result.Outputs = append(result.Outputs, p.written...)

		if key == nil {
			continue
		}

		for _, signed := range append(p.attached, image) {
			if err := publish.Sign(ctx, signed, key, publish.SignOptions{}); err != nil {
				return result, err
			}
		}

		result.Signed = true
	}

	return result, nil
}

// publication is a target in one of its outputs.
type publication struct {
	o      *Options
	target *target
	image  *publish.Target
	key    crypto.Signer // nil: nothing is signed
	beside string        // where documents are written, too; "" is nowhere

	attached []*publish.Target // to be signed
	written  []string
}

// describe attaches the bills of materials. Each image of an index has its
// own: their files differ.
func (p *publication) describe(ctx context.Context, epoch time.Time) error {
	for i, node := range p.target.nodes {
		part := &target{name: p.target.name, nodes: p.target.nodes[i : i+1], graphs: p.target.graphs[i : i+1]}

		platform, err := v1.ParsePlatform(tree.FormatPlatform(node.Platform))
		if err != nil {
			return err
		}

		image, err := p.image.ForPlatform(ctx, *platform)
		if err != nil {
			return err
		}

		description, err := part.describe(image.Digest().String(), epoch)
		if err != nil {
			return err
		}

		if err := p.lookInto(ctx, image, &description); err != nil {
			return err
		}

		name := ""
		if p.image.IsIndex() {
			name = "-" + strings.ReplaceAll(tree.FormatPlatform(node.Platform), "/", "-")
		}

		for _, format := range []struct {
			kind, ending string
			write        func(sbom.Image) ([]byte, error)
		}{
			{publish.SPDXType, ".spdx.json", sbom.SPDX},
			{publish.CycloneDXType, ".cdx.json", sbom.CycloneDX},
		} {
			document, err := format.write(description)
			if err != nil {
				return err
			}

			attached, err := image.Attach(ctx, format.kind, document, nil)
			if err != nil {
				return err
			}

			p.attached = append(p.attached, attached)

			if err := p.write(name+format.ending, document); err != nil {
				return err
			}
		}
	}

	return nil
}

// lookInto adds what only the finished image tells.
func (p *publication) lookInto(ctx context.Context, image *publish.Target, description *sbom.Image) error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("find the cache directory: %w", err)
	}

	found, err := contents.Cached(ctx, image, filepath.Join(cache, "akmon", "contents"))
	if err != nil {
		return err
	}

	if found.Unread != nil {
		p.o.logf("The SBOM of %s may lack Go modules: %v", p.target.name, found.Unread)
	}

	description.Files, description.Programs = found.Files, found.Programs

	return nil
}

// prove attaches the provenance, to the index if there are several images.
func (p *publication) prove(ctx context.Context, epoch time.Time) error {
	statement, err := p.target.provenance(ctx, p.image.Digest().String(), p.o, epoch)
	if err != nil {
		return err
	}

	data, err := statement.Marshal()
	if err != nil {
		return err
	}

	if err := publish.Attest(ctx, p.image, data, provenance.PredicateType, p.key); err != nil {
		return err
	}

	return p.write(".provenance.json", data)
}

// write puts a document beside the output.
func (p *publication) write(ending string, document []byte) error {
	if p.beside == "" {
		return nil
	}

	path := p.beside + ending
	if err := writeFile(path, document, 0o644); err != nil {
		return err
	}

	p.written = append(p.written, path)

	return nil
}
