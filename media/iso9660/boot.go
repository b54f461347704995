package iso9660

import (
	"errors"
	"fmt"
	"math"
)

const catalogEntry = 32

// bootCatalog encodes the El Torito catalogue: validation entry, default
// entry, and a section of one entry for each further image.
func bootCatalog(boot []Boot, at []Range) ([]byte, error) {
	const most = (SectorSize/catalogEntry - 2) / 2
	if len(boot) > most {
		return nil, fmt.Errorf("%d boot images are more than %d", len(boot), most)
	}

	v := make([]byte, catalogEntry)
	v[0] = 1
	v[1] = byte(boot[0].Platform)
	copy(v[4:28], "AKMON")
	v[30], v[31] = 0x55, 0xaa

	var sum uint16
	for i := 0; i < catalogEntry; i += 2 {
		sum += le.Uint16(v[i:])
	}

	le.PutUint16(v[28:], -sum)

	out := v

	for i, b := range boot {
		if i > 0 {
			h := make([]byte, catalogEntry)
			h[0] = 0x90
			if i == len(boot)-1 {
				h[0] = 0x91
			}

			h[1] = byte(b.Platform)
			le.PutUint16(h[2:], 1)
			out = append(out, h...)
		}

		e := make([]byte, catalogEntry)
		e[0] = 0x88 // bootable; e[1] = 0: no emulation

		count, err := loadCount(&b, i == len(boot)-1)
		if err != nil {
			return nil, fmt.Errorf("boot image %d: %w", i, err)
		}

		le.PutUint16(e[6:], count)
		le.PutUint32(e[8:], uint32(at[i].Offset/SectorSize))
		out = append(out, e...)
	}

	return out, nil
}

// loadCount returns the entry's sector count; the package comment tells why
// it may be 0.
func loadCount(b *Boot, last bool) (uint16, error) {
	if b.Sectors != 0 {
		return b.Sectors, nil
	}

	if n := (b.Content.Size() + 511) / 512; n <= math.MaxUint16 {
		return uint16(n), nil
	}

	switch {
	case b.Platform != UEFI:
		return 0, errors.New("it is larger than 32 MiB and does not say how much of it to load")
	case !last:
		return 0, errors.New("a UEFI image above 32 MiB must be the last boot image")
	}

	return 0, nil
}
