// Package console reads a machine's serial console: lines that the kernel has
// put the time of its own clock before.
package console

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Line is one line of the kernel's log.
type Line struct {
	// At is the kernel's clock, which starts with the kernel.
	At   time.Duration
	Text string
}

// line is what printk writes with CONFIG_PRINTK_TIME: "[    1.234567] text",
// with CONFIG_PRINTK_CALLER "[    1.234567][    T1] text". Firmware may leave
// other characters in front of the first one.
var line = regexp.MustCompile(`\[ *([0-9]{1,9})\.([0-9]{6})\](?:\[ *[TC][0-9]+\])? (.*)$`)

// Parse reads one line of the console, with or without its end. It is false
// for what is not of the kernel's log.
func Parse(text string) (Line, bool) {
	m := line.FindStringSubmatch(strings.TrimRight(text, "\r\n"))
	if m == nil {
		return Line{}, false
	}

	// Both fit, as the expression bounds them.
	seconds, _ := strconv.ParseInt(m[1], 10, 64)
	micros, _ := strconv.ParseInt(m[2], 10, 64)

	return Line{At: time.Duration(seconds)*time.Second + time.Duration(micros)*time.Microsecond, Text: m[3]}, true
}

// Event is a point in a machine's start that its console shows.
type Event int

// The events, in the order in which they come.
const (
	None Event = iota
	// Kernel is the kernel's first line.
	Kernel
	// Init is the kernel starting the first program.
	Init
	// Plain is the line of the small program.
	Plain
	// Machined is machined's first line.
	Machined
	// Listening is the maintenance service, whose port is open by then.
	Listening
)

// PlainText is the line that the small program prints.
const PlainText = "akmon-bench: the program runs"

// Event tells what the line shows.
func (l Line) Event() Event {
	switch {
	case strings.HasPrefix(l.Text, "Linux version "):
		return Kernel
	case strings.HasPrefix(l.Text, "Run /init as init process"):
		return Init
	case l.Text == PlainText:
		return Plain
	case strings.HasPrefix(l.Text, "[akmon] ") && strings.Contains(l.Text, "it is in maintenance mode"):
		return Listening
	case strings.HasPrefix(l.Text, "[akmon] "):
		return Machined
	}

	return None
}

// Release is the kernel's release in its first line, "" in others.
func (l Line) Release() string {
	rest, ok := strings.CutPrefix(l.Text, "Linux version ")
	if !ok {
		return ""
	}

	release, _, _ := strings.Cut(rest, " ")

	return release
}
