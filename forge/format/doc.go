// Package format gives the documents of a package tree one form: two spaces
// for each level, lists one level deeper than their key, one space after a
// colon or a dash, no trailing space, at most one blank line in a row, and one
// line end at the end.
//
// It works on lines, because a document with templates is not YAML before it
// is rendered: comments, templates, quotes and the text of scripts stay as they
// are, and keys keep their order. Formatting twice gives the same as once.
//
// A result is only given when it means the same: both texts are read as YAML,
// templates stood in for by words, and compared. What can't be read that way is
// left alone.
package format
