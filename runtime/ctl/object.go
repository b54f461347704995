package ctl

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"go.yaml.in/yaml/v3"
)

// object is a resource as it is printed, in the order of its keys.
type object struct {
	Node     string         `yaml:"node"`
	Event    string         `yaml:"event,omitempty"`
	Metadata objectMetadata `yaml:"metadata"`
	Spec     yaml.Node      `yaml:"spec"`
}

type objectMetadata struct {
	Namespace   string            `yaml:"namespace"`
	Type        string            `yaml:"type"`
	ID          string            `yaml:"id"`
	Version     yaml.Node         `yaml:"version"`
	Owner       string            `yaml:"owner"`
	Phase       string            `yaml:"phase"`
	Created     yaml.Node         `yaml:"created"`
	Updated     yaml.Node         `yaml:"updated"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
	Finalizers  []string          `yaml:"finalizers,omitempty"`
}

// newObject takes a resource as it came over the wire: with its spec as YAML.
func newObject(node, event string, r resource.Resource) (*object, error) {
	wire, err := protobuf.FromResource(r)
	if err != nil {
		return nil, fmt.Errorf("read resource %s: %w", resource.String(r), err)
	}

	message, err := wire.Marshal()
	if err != nil {
		return nil, fmt.Errorf("read resource %s: %w", resource.String(r), err)
	}

	md := message.GetMetadata()
	o := &object{
		Node:  node,
		Event: event,
		Metadata: objectMetadata{
			Namespace:   md.GetNamespace(),
			Type:        md.GetType(),
			ID:          md.GetId(),
			Version:     plain(md.GetVersion()), // a number, or "undefined"
			Owner:       md.GetOwner(),
			Phase:       md.GetPhase(),
			Created:     plain(md.GetCreated().AsTime().UTC().Format(time.RFC3339)),
			Updated:     plain(md.GetUpdated().AsTime().UTC().Format(time.RFC3339)),
			Labels:      md.GetLabels(),
			Annotations: md.GetAnnotations(),
			Finalizers:  md.GetFinalizers(),
		},
		Spec: yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"},
	}

	var spec yaml.Node
	if err := yaml.Unmarshal([]byte(message.GetSpec().GetYamlSpec()), &spec); err != nil {
		return nil, fmt.Errorf("read the spec of resource %s: %w", resource.String(r), err)
	}

	if len(spec.Content) > 0 {
		o.Spec = *spec.Content[0]
	}

	return o, nil
}

// plain is a scalar without quotes.
func plain(text string) yaml.Node { return yaml.Node{Kind: yaml.ScalarNode, Value: text} }

// spec is the spec for JSONPath.
func (o *object) spec() any {
	var value any
	if err := o.Spec.Decode(&value); err != nil {
		return nil
	}

	return stringKeys(value)
}

// stringKeys makes every mapping one with text as keys, as JSON has it.
func stringKeys(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key := range v {
			v[key] = stringKeys(v[key])
		}
	case map[any]any:
		m := make(map[string]any, len(v))
		for key := range v {
			m[fmt.Sprint(key)] = stringKeys(v[key])
		}

		return m
	case []any:
		for i := range v {
			v[i] = stringKeys(v[i])
		}
	case time.Time:
		return v.Format(time.RFC3339Nano)
	}

	return value
}

func (o *object) writeYAML(out io.Writer) error {
	var b strings.Builder

	b.WriteString("---\n")

	encoder := yaml.NewEncoder(&b)
	if err := encoder.Encode(o); err != nil {
		return fmt.Errorf("write resource %s: %w", o.Metadata.ID, err)
	}

	_, err := io.WriteString(out, b.String())

	return err
}

func (o *object) writeJSON(out io.Writer) error {
	var node yaml.Node
	if err := node.Encode(o); err != nil {
		return fmt.Errorf("write resource %s: %w", o.Metadata.ID, err)
	}

	var value any
	if err := node.Decode(&value); err != nil {
		return fmt.Errorf("write resource %s: %w", o.Metadata.ID, err)
	}

	data, err := json.MarshalIndent(stringKeys(value), "", "    ")
	if err != nil {
		return fmt.Errorf("write resource %s: %w", o.Metadata.ID, err)
	}

	_, err = fmt.Fprintf(out, "%s\n", data)

	return err
}
