// Package compare tells what packages depend on, and what of that differs
// between two states of a tree: which packages a change makes build again, and
// why. It reads files and recipes; nothing is fetched or built.
package compare
