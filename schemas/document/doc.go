// Package document decodes the YAML documents that people write for Akmon:
// package recipes, imager profiles, machine and client configurations.
//
// It stands at the left edge of the flow: every document enters through
// [Decode] or [Parse], so that every one of them is read with the same rules:
//
//   - a key that the Go type does not have is an error, as is a key given twice;
//   - all findings of a document are reported together, each with file, line,
//     column, the offending line with a caret, and a suggestion when one of the
//     known names is close;
//   - a scalar that is decoded into a string keeps the text as it was written:
//     1.10, 2024-01-01, 0x10 and yes stay what they look like;
//   - aliases are followed, but a document whose aliases expand to more than
//     [MaxNodes] nodes, or that contains itself, is refused.
//
// Positions count from one, columns in characters, as YAML 1.2.2 does.
package document
