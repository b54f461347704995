// Package gpt reads and writes GUID partition tables.
//
// A [Table] is laid out in memory ([New], [Table.Add]) and then written to a
// disk ([Table.WriteAt]) or taken as bytes for a list of extents
// ([Table.Primary], [Table.Backup]). [Read] accepts a disk whose primary table
// is damaged as long as the backup is whole.
//
// Writing orders its steps so that a disk never shows a table that is only
// partly there: the backup first, then the primary entries, then the primary
// header, and the protective MBR last.
//
// Nothing is random: GUIDs come from the caller, who may derive them from a
// seed with [NewGUID]. Sector sizes of 512 and 4096 bytes are supported.
// Partitions start at multiples of 1 MiB.
//
// Format: UEFI specification 2.10, chapter 5 ("GUID Partition Table (GPT)
// Disk Layout"): 5.2.3 protective MBR, 5.3.2 header, 5.3.3 entry array.
package gpt
