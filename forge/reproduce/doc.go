// Package reproduce proves that a target's image does not depend on where and
// when it was built.
//
// [Twice] builds from nothing two times, each with an engine of its own. The
// second build runs under other [Conditions]: another host name, user name,
// time zone, number of CPUs, order of files in directories, and date. What
// could not be varied on this machine is said, with the reason. If the images
// differ, the packages in which the difference begins are found by comparing
// the outputs of what the target needs, from the target downwards.
//
// [Against] compares an image that was published with what the tree gives.
// Differing files are then attributed to the package whose output has them.
//
// Package diff looks into the files. The slot of a kernel's module signing key
// is known: what differs only there counts as explained, not as different.
package reproduce
