// Package ctl is what the commands of akmonctl do: it asks machines by package
// client and prints what they answer. Programs that want the same output can
// use it as a library.
//
// Every command is for one or more targets, see [Open]. Targets are asked at
// the same time; what one can't do is reported with its name and does not stop
// the others. Results go to [Session.Out], everything else to [Session.Err].
package ctl
