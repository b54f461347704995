// Package ova writes virtual appliances for VMware: a tar archive with a
// description of the machine (OVF), the digests of the files, and the disk as
// a stream-optimised VMDK.
//
// The description stands before the disk and yet says how long it is. [Write]
// therefore leaves room, writes the disk to its place, and then fills in what
// stands before: the disk is written once and nothing is buffered.
//
// The same disk and options give the same bytes.
//
// Format: DMTF DSP0243 "Open Virtualization Format Specification" 1.1: 5 (the
// package), 7 (the envelope), 8 (virtual hardware, with the numbers of DSP0004's
// CIM_ResourceAllocationSettingData).
package ova
