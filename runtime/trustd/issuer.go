package trustd

import (
	"context"
	"crypto/subtle"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	securityapi "github.com/siderolabs/talos/pkg/machinery/api/security"

	"github.com/akmon-os/akmon/runtime/pki"
	"github.com/akmon-os/akmon/runtime/resources/secrets"
)

// tokenKey is the metadata key of the machine's token, as documented.
const tokenKey = "token"

// Issuer signs requests with the authority of the machine configuration. It is
// safe for concurrent use.
type Issuer struct {
	securityapi.UnimplementedSecurityServiceServer

	State  state.State
	Logger *zap.Logger
	// Lifetime is that of the certificates.
	Lifetime time.Duration
}

// Certificate implements securityapi.SecurityServiceServer. The certificate is a
// server's for the names and addresses of the request, whatever else the request
// asks for: who knows the token is a machine, never a user with roles.
func (i *Issuer) Certificate(ctx context.Context, req *securityapi.CertificateRequest) (*securityapi.CertificateResponse, error) {
	root, err := safe.StateGetByID[*secrets.OSRoot](ctx, i.State, secrets.OSRootID)
	if err != nil {
		return nil, status.Error(codes.Unavailable, "this machine has no authority yet")
	}

	spec := root.TypedSpec()
	md, _ := metadata.FromIncomingContext(ctx)

	token := md.Get(tokenKey)
	if spec.Token == "" || len(token) != 1 || subtle.ConstantTimeCompare([]byte(token[0]), []byte(spec.Token)) != 1 {
		i.Logger.Warn("a certificate was asked for with a wrong token")

		return nil, status.Error(codes.Unauthenticated, "the token is not that of this cluster (machine.token)")
	}

	if spec.IssuingCA == nil || len(spec.IssuingCA.Key) == 0 {
		return nil, status.Error(codes.FailedPrecondition, "this machine is no control plane: it has no authority's key")
	}

	authority, err := pki.LoadAuthority(pki.Pair{Crt: spec.IssuingCA.Crt, Key: spec.IssuingCA.Key})
	if err != nil {
		return nil, status.Errorf(codes.Internal, "load authority: %v", err)
	}

	crt, names, err := authority.SignServer(req.GetCsr(), i.Lifetime)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "sign: %v", err)
	}

	i.Logger.Info("certificate signed for a machine", zap.Strings("names", names))

	return &securityapi.CertificateResponse{Ca: spec.IssuingCA.Crt, Crt: crt}, nil
}
