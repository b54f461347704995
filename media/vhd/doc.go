// Package vhd reads and writes fixed virtual hard disks, the form that Azure
// takes: the disk as it is, and a footer of 512 bytes behind it.
//
// Nothing is random: the identifier comes from the caller, and the time is the
// format's earliest (2000-01-01) unless one is given.
//
// Format: "Virtual Hard Disk Image Format Specification" 1.0 (Microsoft, 2006),
// "Hard Disk Footer Format" and the appendix "CHS Calculation"; Azure's rules in
// "Prepare a Windows VHD or VHDX to upload to Azure": fixed, and the disk a
// multiple of 1 MiB.
package vhd
