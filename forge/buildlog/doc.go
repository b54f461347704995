// Package buildlog keeps what the steps of a target's last build printed, for
// `akmon log`.
//
// A log is a file of JSON lines below $XDG_CACHE_HOME/akmon/logs, in a
// directory for each tree, named after the target: a header, then what happened
// in the order in which it did, then a trailer. It grows while the build runs,
// under a name of its own, and takes the place of the one before only if
// anything ran: a build with nothing to do keeps the last log that says
// something.
//
// Of each step the beginning and the end of the output are kept ([HeadBytes],
// [TailBytes]), of a build [BuildBytes], and of all logs [TotalBytes]: the
// oldest go first.
package buildlog
