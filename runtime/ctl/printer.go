package ctl

import (
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"

	"github.com/akmon-os/akmon/runtime/ctl/jsonpath"
)

// printer writes resources in one of the formats; it may be used for several
// targets at the same time.
type printer struct {
	session  *Session
	format   string
	watch    bool
	template *jsonpath.Template

	table   *table // made when the first resource tells the columns
	columns []*jsonpath.Template
}

func newPrinter(s *Session, opts GetOptions) (*printer, error) {
	p := &printer{session: s, format: opts.Output, watch: opts.Watch}

	template, isPath := strings.CutPrefix(opts.Output, "jsonpath=")

	switch {
	case isPath:
		parsed, err := jsonpath.Parse(template)
		if err != nil {
			return nil, err
		}

		p.format, p.template = "jsonpath", parsed
	case p.format == "":
		p.format = "table"
	case p.format != "table" && p.format != "yaml" && p.format != "json":
		return nil, fmt.Errorf("output %q is not one of %s and jsonpath=TEMPLATE", p.format, strings.Join(OutputFormats(), ", "))
	}

	return p, nil
}

func (p *printer) print(t target, definition *meta.ResourceDefinition, event string, r resource.Resource) error {
	o, err := newObject(t.name, event, r)
	if err != nil {
		return err
	}

	p.session.print.Lock()
	defer p.session.print.Unlock()

	switch p.format {
	case "yaml":
		return o.writeYAML(p.session.Out)
	case "json":
		return o.writeJSON(p.session.Out)
	case "jsonpath":
		_, err := fmt.Fprintln(p.session.Out, p.template.Execute(map[string]any{
			"node": o.Node, "metadata": metadataMap(o), "spec": o.spec(),
		}))

		return err
	default:
		return p.row(definition, o)
	}
}

func metadataMap(o *object) map[string]any {
	m := o.Metadata

	return map[string]any{
		"namespace": m.Namespace, "type": m.Type, "id": m.ID, "version": m.Version.Value, "owner": m.Owner,
		"phase": m.Phase, "created": m.Created.Value, "updated": m.Updated.Value,
	}
}

// changes are the marks of a watch's first column.
var changes = map[string]string{"created": "+", "updated": "", "destroyed": "-"}

func (p *printer) row(definition *meta.ResourceDefinition, o *object) error {
	spec := definition.TypedSpec()

	if p.table == nil {
		header := []string{"NODE"}
		if p.watch {
			header = append(header, "*")
		}

		header = append(header, "NAMESPACE", "TYPE", "ID", "VERSION")

		for _, column := range spec.PrintColumns {
			template, err := jsonpath.Parse(column.JSONPath)
			if err != nil {
				return fmt.Errorf("column %s of %s: %w", column.Name, spec.Type, err)
			}

			header = append(header, strings.ToUpper(column.Name))
			p.columns = append(p.columns, template)
		}

		p.table = newTable(p.session.Out, header...)
	}

	cells := []string{o.Node}
	if p.watch {
		cells = append(cells, changes[o.Event])
	}

	cells = append(cells, o.Metadata.Namespace, spec.DisplayType, o.Metadata.ID, o.Metadata.Version.Value)

	value := o.spec()
	for _, column := range p.columns {
		cells = append(cells, column.Execute(value))
	}

	p.table.row(cells...)

	return nil
}

func (p *printer) flush() error {
	p.session.print.Lock()
	defer p.session.print.Unlock()

	if p.table == nil {
		return nil
	}

	return p.table.flush()
}
