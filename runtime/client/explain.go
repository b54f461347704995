package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is a call that failed, in words.
type Error struct {
	// Code is the gRPC status of the call.
	Code codes.Code
	// Message says what happened and what to do about it.
	Message string
	err     error
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Unwrap gives what the call returned.
func (e *Error) Unwrap() error { return e.err }

// Explain turns the error of a call into one that says what to do about it.
// What has nothing to do with a call is returned as it is.
func (c *Client) Explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}

	var known *Error
	if errors.As(err, &known) {
		return err
	}

	// A status may be wrapped; status.FromError would add the wrapping to its message.
	s, ok := status.FromError(err)
	if !ok || s.Code() == codes.OK {
		return err
	}

	return &Error{Code: s.Code(), Message: c.sentence(s), err: err}
}

func (c *Client) sentence(s *status.Status) string {
	message := s.Message()

	switch s.Code() { //nolint:exhaustive // the others speak for themselves
	case codes.Unavailable:
		return c.unavailable(message)
	case codes.DeadlineExceeded:
		return fmt.Sprintf("%s did not answer in time: %s", c.where(), message)
	case codes.PermissionDenied:
		roles := "it has no roles"
		if len(c.roles) > 0 {
			roles = "its roles are " + strings.Join(c.roles, ", ")
		}

		if c.insecure {
			roles = "there is none in maintenance mode"
		}

		return fmt.Sprintf("the client certificate does not allow this (%s): %s", roles, message)
	case codes.Unauthenticated:
		return "the machine does not accept who you are: " + message
	case codes.Unimplemented:
		return "the machine does not offer this call in its mode or version: " + message
	case codes.InvalidArgument, codes.NotFound, codes.FailedPrecondition, codes.AlreadyExists:
		return message
	default:
		return fmt.Sprintf("the machine reports %s: %s", s.Code(), message)
	}
}

// reasons maps what the TLS and network layers say to what it means. gRPC
// passes their errors on as text only. The first match wins.
var reasons = []struct {
	part    string
	secure  string // with a client certificate
	without string // in maintenance mode; empty means as secure
}{
	{
		part:   "certificate signed by unknown authority",
		secure: "%s is not a machine of this cluster: its certificate is not signed by the ca of the client configuration (a machine in maintenance mode needs --insecure)",
	},
	{
		part:   "certificate has expired or is not yet valid",
		secure: "%s has a certificate that is not valid now: compare its clock with this computer's",
	},
	{
		part:   "cannot validate certificate for",
		secure: "%s has a certificate that does not name this address: use one that it names, or add this one to machine.certSANs",
	},
	{
		part:   "certificate is valid for",
		secure: "%s has a certificate that does not name this address: use one that it names, or add this one to machine.certSANs",
	},
	{
		part:    "tls: certificate required",
		secure:  "%s wants a client certificate, and the client configuration has none",
		without: "%s is not in maintenance mode: it wants a client certificate (leave out --insecure)",
	},
	{part: "tls: expired certificate", secure: "%s refuses the client certificate: it has expired"},
	{part: "tls: unknown certificate authority", secure: "%s refuses the client certificate: it is not of this cluster"},
	{
		part:    "tls: bad certificate",
		secure:  "%s refuses the client certificate",
		without: "%s is not in maintenance mode: it wants a client certificate (leave out --insecure)",
	},
	{part: "broken pipe", secure: "%s ended the connection: it may not accept the client certificate"},
	{part: "connection reset by peer", secure: "%s ended the connection: it may not accept the client certificate"},
	{part: "first record does not look like a TLS handshake", secure: "%s does not speak TLS: is this the port of the machine API?"},
	{part: "connection refused", secure: "%s refuses connections: is the machine up, and is this the port of its API?"},
	{part: "no such host", secure: "the name in %s is not known"},
	{part: "no route to host", secure: "there is no route to %s"},
	{part: "network is unreachable", secure: "there is no route to %s"},
	{part: "i/o timeout", secure: "%s does not answer: is the machine up, and does a firewall let you through?"},
	{part: "deadline exceeded", secure: "%s does not answer: is the machine up, and does a firewall let you through?"},
}

func (c *Client) unavailable(message string) string {
	for _, reason := range reasons {
		if !strings.Contains(message, reason.part) {
			continue
		}

		sentence := reason.secure
		if c.insecure && reason.without != "" {
			sentence = reason.without
		}

		return fmt.Sprintf(sentence+": %s", c.where(), cause(message))
	}

	return fmt.Sprintf("the connection to %s failed: %s", c.where(), cause(message))
}

func (c *Client) where() string { return strings.Join(c.endpoints, ", ") }

// cause takes gRPC's wrappings off a message, for what is left says it all.
func cause(message string) string {
	for _, mark := range []string{`desc = "transport: `, "transport: ", "desc = "} {
		if i := strings.LastIndex(message, mark); i >= 0 {
			message = message[i+len(mark):]
		}
	}

	return strings.Trim(message, `"`)
}
