// Package machineconfig reads, checks and writes machine configurations: the
// one thing that a person gives to a machine.
//
// A configuration is a stream of YAML documents: at most one main document
// (`version: v1alpha1`, package v1alpha1) and any number of further ones
// (apiVersion and kind, package documents). [Decode] is strict: a key or a kind
// that the documentation does not have is an error with its position. A key
// that it has, but that this version of Akmon does not act on, is named in a
// [Warning]; nothing is dropped silently.
//
// [Config.Validate] checks what types can't say, for the [Mode] of the platform
// that the machine runs on, and reports every finding at once. Findings never
// repeat the value of a secret.
//
// The text that was decoded is kept ([Config.Source]), so that comments and
// order survive; [Config.Encode] writes one from the values alone.
package machineconfig
