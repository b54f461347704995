package client

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// WithNode names the one machine that a call is for: the endpoint passes the
// call on as it is. An empty name means the endpoint itself.
func WithNode(ctx context.Context, node string) context.Context {
	return withMetadata(ctx, func(md metadata.MD) {
		if node != "" {
			md.Set("node", node)
		}
	})
}

// WithNodes names several machines: the endpoint asks all of them and answers
// with one message, or one stream, of all their answers.
func WithNodes(ctx context.Context, nodes ...string) context.Context {
	return withMetadata(ctx, func(md metadata.MD) {
		if len(nodes) > 0 {
			md.Set("nodes", nodes...)
		}
	})
}

func withMetadata(ctx context.Context, set func(metadata.MD)) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()

	if md == nil {
		md = metadata.MD{}
	}

	md.Delete("node")
	md.Delete("nodes")
	set(md)

	return metadata.NewOutgoingContext(ctx, md)
}
