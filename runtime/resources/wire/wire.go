// Package wire teaches the resource encoder the field types that several
// resources share: addresses, prefixes and key pairs travel as the messages of
// the published common.proto.
package wire

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"sync"

	"github.com/siderolabs/protoenc"
	"go.yaml.in/yaml/v4"
	"google.golang.org/protobuf/proto"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
)

var once sync.Once

// Register makes netip.Addr and netip.Prefix encodable. It is idempotent.
func Register() {
	once.Do(func() {
		protoenc.RegisterEncoderDecoder(encodeAddr, decodeAddr)
		protoenc.RegisterEncoderDecoder(encodePrefix, decodePrefix)
	})
}

func encodeAddr(a netip.Addr) ([]byte, error) {
	ip, err := a.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode address: %w", err)
	}

	return proto.Marshal(&common.NetIP{Ip: ip})
}

func decodeAddr(b []byte) (netip.Addr, error) {
	var m common.NetIP

	if err := proto.Unmarshal(b, &m); err != nil {
		return netip.Addr{}, fmt.Errorf("decode address: %w", err)
	}

	var a netip.Addr

	err := a.UnmarshalBinary(m.GetIp())

	return a, err
}

func encodePrefix(p netip.Prefix) ([]byte, error) {
	ip, err := p.Addr().WithZone("").MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("encode prefix: %w", err)
	}

	// An unset prefix travels as length 0; Bits() is -1 for it.
	return proto.Marshal(&common.NetIPPrefix{Ip: ip, PrefixLength: int32(max(p.Bits(), 0))})
}

func decodePrefix(b []byte) (netip.Prefix, error) {
	var m common.NetIPPrefix

	if err := proto.Unmarshal(b, &m); err != nil {
		return netip.Prefix{}, fmt.Errorf("decode prefix: %w", err)
	}

	var a netip.Addr

	if err := a.UnmarshalBinary(m.GetIp()); err != nil {
		return netip.Prefix{}, fmt.Errorf("decode prefix: %w", err)
	}

	if !a.IsValid() {
		return netip.Prefix{}, nil
	}

	return netip.PrefixFrom(a, int(m.GetPrefixLength())), nil
}

// PEM is a PEM block that prints as base64, as certificates and keys do in
// configuration documents.
type PEM []byte

// MarshalYAML implements yaml.Marshaler.
func (p PEM) MarshalYAML() (any, error) { return base64.StdEncoding.EncodeToString(p), nil }

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *PEM) UnmarshalYAML(n *yaml.Node) error {
	b, err := base64.StdEncoding.DecodeString(n.Value)
	if err != nil {
		return fmt.Errorf("decode base64: %w", err)
	}

	*p = b

	return nil
}

// KeyPair is a certificate with its private key, both PEM. A nil Key means that
// only the certificate is known.
type KeyPair struct {
	Crt PEM `yaml:"crt" protobuf:"1"`
	Key PEM `yaml:"key" protobuf:"2"`
}

// Certificate is a PEM certificate alone.
type Certificate struct {
	Crt PEM `yaml:"crt" protobuf:"1"`
}

// Text is a file's contents: bytes on the wire, a readable string in YAML.
type Text []byte

// MarshalYAML implements yaml.Marshaler.
func (t Text) MarshalYAML() (any, error) { return string(t), nil }

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *Text) UnmarshalYAML(n *yaml.Node) error {
	*t = []byte(n.Value)

	return nil
}
