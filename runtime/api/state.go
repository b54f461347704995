package api

import (
	"context"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/akmon-os/akmon/runtime/authz"
)

// Filter is the rule for access to resources over the API: nobody writes, and
// only the administrator reads a sensitive type. A type without a definition is
// not known, so not readable.
func Filter(st state.State) state.FilteringRule {
	return func(ctx context.Context, access state.Access) error {
		if !access.Verb.Readonly() {
			return status.Error(codes.PermissionDenied,
				"resources are written by controllers alone; change the machine configuration instead")
		}

		def, err := safe.StateGet[*meta.ResourceDefinition](ctx, st,
			resource.NewMetadata(meta.NamespaceName, meta.ResourceDefinitionType, strings.ToLower(access.ResourceType), resource.VersionUndefined))

		switch {
		case state.IsNotFoundError(err):
			return status.Errorf(codes.NotFound, "there is no resource type %q", access.ResourceType)
		case err != nil:
			return status.Errorf(codes.Internal, "get definition of %q: %v", access.ResourceType, err)
		case def.TypedSpec().Sensitivity == meta.Sensitive && !authz.FromContext(ctx).Has(authz.Admin):
			return status.Errorf(codes.PermissionDenied, "not authorized: %s is sensitive, which only the role %s may read",
				access.ResourceType, authz.Admin)
		}

		return nil
	}
}

// NewStateServer makes the server of the socket from which apid learns what it
// serves with: reads of the listed types and nothing else. Who may open the
// socket may read them, sensitive or not.
func NewStateServer(st state.State, types ...resource.Type) *grpc.Server {
	s := grpc.NewServer()

	v1alpha1.RegisterStateServer(s, server.NewState(state.Filter(st, func(_ context.Context, access state.Access) error {
		if !access.Verb.Readonly() || !slices.Contains(types, access.ResourceType) {
			return status.Errorf(codes.PermissionDenied, "%s is not served here", access.ResourceType)
		}

		return nil
	})))

	return s
}
