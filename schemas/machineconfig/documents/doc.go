// Package documents holds the further documents of a machine configuration:
// those that start with apiVersion and kind, such as HostnameConfig.
//
// Kinds and keys are those of the public reference (docs.siderolabs.com,
// Talos v1.13, reference/configuration: block, cri, extensions, hardware,
// network, runtime, security, siderolink). [New] gives the type of a kind.
package documents
