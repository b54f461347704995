// Package vmdk reads and writes stream-optimised VMDK disks: one file of
// compressed pieces ("grains") of 64 KiB, as OVF packages hold it and as
// hypervisors import it.
//
// [Write] needs no more than an io.Writer: tables follow what they are of.
// Grains are compressed on all processors; those that are all zeros are left
// out. [Open] reads such files.
//
// The same disk gives the same bytes.
//
// Format: "Virtual Disk Format 5.0" (VMware, 2011): "Hosted Sparse Extent
// Header", "Stream-Optimized Compressed Sparse Extents".
package vmdk
