// Package render executes the Go templates of a package tree, within bounds,
// and remembers where every byte of the output came from.
//
// A template gets the variables of its place in the tree as ".", and Sprig's
// hermetic functions (masterminds.github.io/sprig): those that depend on the
// environment, the network, the clock or chance are not there, and naming one
// is an error that says why.
//
// A variable that is printed but not set is an error. In a condition it is
// just empty, as text/template has it, and so is every build argument
// (BUILD_ARG_...) everywhere.
//
// Templates are written by people whose trees one may only want to look at,
// so that neither time nor memory may get out of hand: see [MaxOutput],
// [MaxSteps], [MaxDepth] and [MaxValue].
//
// [Map] translates places in the rendered text to places in the source. It is
// made by putting a marker before every action of the parsed template;
// executing a marker notes the place, and the writer then knows whose output it
// gets. Pieces of text it knows by themselves.
package render
