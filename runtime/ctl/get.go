package ctl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"

	"github.com/akmon-os/akmon/schemas/document"
)

// OutputFormats are the values of GetOptions.Output; there is also
// jsonpath=TEMPLATE.
func OutputFormats() []string { return []string{"table", "yaml", "json"} }

// GetOptions say which resources to write, and how.
type GetOptions struct {
	// Type is a resource type or one of its aliases.
	Type string
	// ID is one resource; empty means all of the type.
	ID string
	// Namespace is where to look; empty means the type's default.
	Namespace string
	// Output is one of OutputFormats, or jsonpath=TEMPLATE.
	Output string
	// Watch goes on with every change until the context ends.
	Watch bool
}

// Get writes resources of the machines.
func (s *Session) Get(ctx context.Context, opts GetOptions) error {
	out, err := newPrinter(s, opts)
	if err != nil {
		return err
	}

	err = s.each(ctx, func(ctx context.Context, t target) error {
		definition, err := resolveType(ctx, t, opts.Type)
		if err != nil {
			return err
		}

		namespace := opts.Namespace
		if namespace == "" {
			namespace = definition.TypedSpec().DefaultNamespace
		}

		md := resource.NewMetadata(namespace, definition.TypedSpec().Type, opts.ID, resource.VersionUndefined)

		switch {
		case opts.Watch:
			return s.watch(ctx, t, out, definition, md)
		case opts.ID != "":
			found, err := t.client.State().Get(ctx, md, state.WithGetUnmarshalOptions(state.WithSkipProtobufUnmarshal()))
			if state.IsNotFoundError(err) {
				return fmt.Errorf("there is no %s with the ID %q in namespace %q", definition.TypedSpec().DisplayType, opts.ID, namespace)
			}

			if err != nil {
				return err
			}

			return out.print(t, definition, "", found)
		default:
			list, err := t.client.State().List(ctx, md, state.WithListUnmarshalOptions(state.WithSkipProtobufUnmarshal()))
			if err != nil {
				return err
			}

			for _, item := range list.Items {
				if err := out.print(t, definition, "", item); err != nil {
					return err
				}
			}

			return nil
		}
	})

	if flushErr := out.flush(); err == nil {
		err = flushErr
	}

	return err
}

func (s *Session) watch(ctx context.Context, t target, out *printer, definition *meta.ResourceDefinition, md resource.Metadata) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	events := make(chan state.Event)

	var err error

	if md.ID() != "" {
		err = t.client.State().Watch(ctx, md, events, state.WithWatchUnmarshalOptions(state.WithSkipProtobufUnmarshal()))
	} else {
		err = t.client.State().WatchKind(ctx, md, events, state.WithBootstrapContents(true),
			state.WithWatchKindUnmarshalOptions(state.WithSkipProtobufUnmarshal()))
	}

	if err != nil {
		return err
	}

	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-events:
			switch event.Type {
			case state.Errored:
				return event.Error
			case state.Created, state.Updated, state.Destroyed:
				// A watch of one resource that isn't there tells so by a
				// destroyed event without a version.
				if event.Type == state.Destroyed && event.Resource.Metadata().Version().String() == resource.VersionUndefined.String() {
					continue
				}

				if err := out.print(t, definition, strings.ToLower(event.Type.String()), event.Resource); err != nil {
					return err
				}

				if err := out.flush(); err != nil {
					return err
				}
			case state.Bootstrapped, state.Noop:
			}
		}
	}
}

// resolveType finds the definition of a type by its name or an alias.
func resolveType(ctx context.Context, t target, name string) (*meta.ResourceDefinition, error) {
	definitions, err := safe.StateListAll[*meta.ResourceDefinition](ctx, t.client.State())
	if err != nil {
		return nil, err
	}

	var (
		found []*meta.ResourceDefinition
		known []string
	)

	for definition := range definitions.All() {
		spec := definition.TypedSpec()
		names := append([]string{spec.Type, definition.Metadata().ID()}, spec.AllAliases...)
		known = append(known, names...)

		if slices.ContainsFunc(names, func(candidate string) bool { return strings.EqualFold(candidate, name) }) {
			found = append(found, definition)
		}
	}

	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		message := fmt.Sprintf("the machine has no resource type %q", name)
		if hint := document.Suggest(name, known); hint != "" {
			return nil, fmt.Errorf("%s; %s", message, hint)
		}

		return nil, fmt.Errorf("%s: `get resourcedefinitions` lists them", message)
	default:
		types := make([]string, len(found))
		for i, definition := range found {
			types[i] = definition.TypedSpec().Type
		}

		return nil, fmt.Errorf("%q may be any of %s", name, strings.Join(types, ", "))
	}
}
