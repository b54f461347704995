package engine

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc"
)

// credentials answers a builder that asks for the user's registry credentials.
// They come from the Docker configuration and its credential helpers, and are
// asked for only when a registry is used.
type credentials struct {
	auth.UnimplementedAuthServer
}

// Register implements session.Attachable.
func (c credentials) Register(server *grpc.Server) { auth.RegisterAuthServer(server, c) }

// Credentials implements auth.AuthServer.
func (credentials) Credentials(ctx context.Context, request *auth.CredentialsRequest) (*auth.CredentialsResponse, error) {
	host := request.Host
	if host == "registry-1.docker.io" {
		host = authn.DefaultAuthKey
	}

	found, err := authn.Resolve(ctx, authn.DefaultKeychain, registry(host))
	if err != nil {
		return nil, fmt.Errorf("finding credentials for %s: %w", host, err)
	}

	config, err := authn.Authorization(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("reading credentials for %s: %w", host, err)
	}

	if config.IdentityToken != "" {
		return &auth.CredentialsResponse{Secret: config.IdentityToken}, nil
	}

	return &auth.CredentialsResponse{Username: config.Username, Secret: config.Password}, nil
}

// registry is a host name as a keychain wants it.
type registry string

func (r registry) String() string { return string(r) }

func (r registry) RegistryStr() string { return string(r) }
