package apid

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/siderolabs/talos/pkg/machinery/api/common"

	"github.com/akmon-os/akmon/runtime/authz"
)

// backend is one node that a call goes to.
type backend struct {
	name  string
	conn  func() (*grpc.ClientConn, error)
	roles authz.Roles
}

// String implements proxy.Backend.
func (b *backend) String() string { return b.name }

// dropped are the metadata that mean something to this process alone.
var dropped = []string{authz.MetadataKey, "nodes", "node", ":authority", "content-type", "user-agent", "grpc-accept-encoding"}

// GetConnection implements proxy.Backend.
func (b *backend) GetConnection(ctx context.Context, _ string) (context.Context, *grpc.ClientConn, error) {
	in, _ := metadata.FromIncomingContext(ctx)
	out := in.Copy()

	for _, key := range dropped {
		out.Delete(key)
	}

	out.Set(authz.MetadataKey, b.roles.Strings()...)

	conn, err := b.conn()

	return metadata.NewOutgoingContext(ctx, out), conn, err
}

// In every answer of the API the node's metadata is field 1; in the answers of
// unary calls that is inside each element of the repeated field 1.
const metadataField = 1

// AppendInfo implements proxy.Backend: it says in the answer which node it is
// from.
func (b *backend) AppendInfo(streaming bool, resp []byte) ([]byte, error) {
	info, err := proto.Marshal(&common.Metadata{Hostname: b.name})
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}

	if streaming {
		return appendField(resp, info), nil
	}

	return rewrite(resp, info)
}

func appendField(msg, value []byte) []byte {
	// Fields of a message that come twice are merged, so that a metadata that is
	// there already keeps its error.
	return protowire.AppendBytes(protowire.AppendTag(msg, metadataField, protowire.BytesType), value)
}

var errMessage = errors.New("the answer is not a message")

func rewrite(resp, info []byte) ([]byte, error) {
	var out []byte

	for len(resp) > 0 {
		num, typ, n := protowire.ConsumeTag(resp)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", errMessage, protowire.ParseError(n))
		}

		m := protowire.ConsumeFieldValue(num, typ, resp[n:])
		if m < 0 {
			return nil, fmt.Errorf("%w: %w", errMessage, protowire.ParseError(m))
		}

		if num == metadataField && typ == protowire.BytesType {
			msg, _ := protowire.ConsumeBytes(resp[n:])
			out = protowire.AppendTag(out, num, typ)
			out = protowire.AppendBytes(out, appendField(append([]byte(nil), msg...), info))
		} else {
			out = append(out, resp[:n+m]...)
		}

		resp = resp[n+m:]
	}

	return out, nil
}

// BuildError implements proxy.Backend: the error of one node of many is part of
// the answer.
func (b *backend) BuildError(streaming bool, err error) ([]byte, error) {
	st, _ := status.FromError(err)

	info, merr := proto.Marshal(&common.Metadata{Hostname: b.name, Error: err.Error(), Status: st.Proto()})
	if merr != nil {
		return nil, fmt.Errorf("encode error: %w", merr)
	}

	msg := appendField(nil, info)
	if streaming {
		return msg, nil
	}

	return appendField(nil, msg), nil
}
