// Package fat writes FAT12, FAT16 and FAT32 volumes from a list of files, and
// reads them back.
//
// The writer ([New]) lays a whole volume out at once: directories, then files
// in the order of their paths, each in one contiguous run. The result is a
// list of extents, so that file contents are neither read nor copied. There
// is no clock, no random serial number and no map order in it: the same input
// gives the same bytes.
//
// Files of 4 KiB and more start at a multiple of 4 KiB from the start of the
// volume, whatever the cluster size is, so that file systems that share
// blocks can do so.
//
// The reader ([Open]) is for inspection and tests. It accepts what other
// programs write (fragmented files, any cluster size), and refuses damaged
// volumes with an error instead of looping.
//
// The format is that of Microsoft's "FAT: General Overview of On-Disk
// Format", version 1.03, and of the UEFI specification 2.10, section 13.3,
// which allows FAT12 and FAT16 on removable media beside FAT32. Limits: a
// file is at most 4 GiB - 1 byte; names are at most 255 UTF-16 units; times
// count from 1980 to 2107 in steps of two seconds and are written as UTC.
package fat
