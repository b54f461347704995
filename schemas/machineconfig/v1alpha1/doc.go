// Package v1alpha1 holds the types of the main document of a machine
// configuration: the one that starts with `version: v1alpha1`.
//
// The keys, their meaning and their defaults are those of the public reference
// "MachineConfig" (docs.siderolabs.com, Talos v1.13, reference/configuration/v1alpha1),
// deprecated keys included, so that configurations that people already own
// load. The Go names are ours.
//
// Sub-documents are values, not pointers: reading a key that nobody set needs
// no nil check. Where the documentation gives an absent boolean another meaning
// than false the field is a *bool with an accessor. Types only say what is
// written; package machineconfig decodes, validates and encodes them.
package v1alpha1
