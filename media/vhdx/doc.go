// Package vhdx reads and writes dynamic VHDX virtual disks, the form that
// Hyper-V takes.
//
// [New] lays a disk out as a list of extents: headers and tables, then the
// blocks that hold something, which stay ranges of their sources. [Open] reads
// files without a parent and with an empty log.
//
// Nothing is random: identifiers come from the caller.
//
// Format: [MS-VHDX] "Virtual Hard Disk v2 (VHDX) File Format" 8.0: 2.2 headers,
// 2.5 BAT, 2.6 metadata.
package vhdx
