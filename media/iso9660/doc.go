// Package iso9660 writes ISO 9660 images with Rock Ridge names and El Torito
// boot entries, and reads them back.
//
// The writer ([New]) lays the image out as a list of extents without reading
// any content. A file may share its bytes with a part of a boot image
// ([File.Shared]): a UEFI boot image is a FAT volume, and what lies on it can
// be shown in the ISO 9660 tree too without being stored twice. Boot images
// come last, so that [Image.Boot] ranges can also become partitions of a
// hybrid disk: [Image.WithSystemArea] puts a partition table in front.
//
// The same input gives the same bytes: no clock, no random numbers.
//
// Formats: ECMA-119 (ISO 9660) level 3 with upper-case 8.3 names; IEEE P1281
// (SUSP) and P1282 (Rock Ridge 1.10) for the real names, modes and times; "El
// Torito" Bootable CD-ROM Format Specification 1.0; UEFI specification 2.10,
// section 13.3.2.1, for entries of platform 0xEF.
//
// The sector count of an El Torito entry has 16 bits and counts 512 bytes,
// which is 32 MiB at most, less than a boot image with a kernel in it. For a
// larger image the count is 0: the UEFI specification then takes everything
// from the image's start to the end of the medium, and EDK2 does so for 0 and
// 1. The FAT volume knows its own size. That is why a large UEFI image must
// be the last one.
//
// Limits: 8 levels of directories, names of at most 128 bytes, no symbolic
// links. Files above 4 GiB are stored in several sections.
package iso9660
