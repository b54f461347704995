package fat

// mediaByte says "fixed disk"; nobody looks at other values any more.
const mediaByte = 0xf8

// bootSectors returns the reserved area up to its last byte that is not zero:
// the boot sector and, for FAT32, the information sector and their copies.
func (w *writer) bootSectors() ([]byte, error) {
	g := &w.g

	label := [11]byte([]byte("NO NAME    "))
	if w.o.Label != "" {
		var err error
		if label, err = packLabel(w.o.Label); err != nil {
			return nil, err
		}
	}

	b := make([]byte, g.sector)

	// Jump over the parameters; INT 18h then tells a BIOS to try the next
	// device, and the machine halts where that returns.
	copy(b, []byte{0xeb, 0x58, 0x90})
	copy(b[0x5a:], []byte{0xcd, 0x18, 0xf4, 0xeb, 0xfd})
	copy(b[3:], "AKMON   ")
	le.PutUint16(b[11:], uint16(g.sector))
	b[13] = byte(g.cluster / g.sector)
	le.PutUint16(b[14:], uint16(g.reserved/g.sector))
	b[16] = 2
	le.PutUint16(b[17:], uint16(g.rootDir/entrySize))

	if sectors := g.size / g.sector; sectors < 1<<16 && g.typ != FAT32 {
		le.PutUint16(b[19:], uint16(sectors))
	} else {
		le.PutUint32(b[32:], uint32(sectors))
	}

	b[21] = mediaByte
	le.PutUint16(b[24:], 63)  // sectors per track and
	le.PutUint16(b[26:], 255) // heads: what BIOSes assume for large disks
	le.PutUint32(b[28:], w.o.HiddenSectors)
	le.PutUint16(b[510:], 0xaa55)

	ext := b[36:]

	if g.typ == FAT32 {
		le.PutUint32(b[36:], uint32(g.table/g.sector))
		le.PutUint32(b[44:], uint32(w.root.first))
		le.PutUint16(b[48:], infoSector)
		le.PutUint16(b[50:], backupSector)
		ext = b[64:]
	} else {
		le.PutUint16(b[22:], uint16(g.table/g.sector))
	}

	ext[0] = 0x80
	ext[2] = 0x29
	le.PutUint32(ext[3:], w.o.Serial)
	copy(ext[7:18], label[:])
	copy(ext[18:26], g.typ.String()+"   ")

	if g.typ != FAT32 {
		return b, nil
	}

	info := make([]byte, g.sector)
	le.PutUint32(info, 0x41615252)
	le.PutUint32(info[484:], 0x61417272)
	le.PutUint32(info[488:], uint32(w.free))
	le.PutUint32(info[492:], uint32(min(w.end, g.clusters+firstData-1)))
	le.PutUint32(info[508:], 0xaa550000)

	out := make([]byte, (backupSector+2)*g.sector)
	for _, at := range []int64{0, backupSector} {
		copy(out[at*g.sector:], b)
		copy(out[(at+infoSector)*g.sector:], info)
	}

	return out, nil
}

const (
	infoSector   = 1
	backupSector = 6
)

// directory returns the entries of n, without padding.
func (w *writer) directory(n *node) []byte {
	out := make([]byte, 0, n.entries*entrySize)

	add := func(name [11]byte, attr byte, m *node, size int64) {
		var e [entrySize]byte

		date, clock := dosTime(m.time)
		copy(e[:], name[:])
		e[11] = attr
		le.PutUint16(e[14:], clock)
		le.PutUint16(e[16:], date)
		le.PutUint16(e[18:], date)
		le.PutUint16(e[22:], clock)
		le.PutUint16(e[24:], date)

		if attr != attrVolume {
			// The root is cluster 0 in "..", whatever its real cluster is.
			first := m.first
			if m == w.root {
				first = 0
			}

			le.PutUint16(e[20:], uint16(first>>16))
			le.PutUint16(e[26:], uint16(first))
		}

		le.PutUint32(e[28:], uint32(size))
		out = append(out, e[:]...)
	}

	switch {
	case n.parent != nil:
		add([11]byte([]byte(".          ")), attrDir, n, 0)
		add([11]byte([]byte("..         ")), attrDir, n.parent, 0)
	case w.o.Label != "":
		label, _ := packLabel(w.o.Label) // checked with the boot sector
		add(label, attrVolume, n, 0)
	}

	for _, c := range n.children {
		if !c.exact {
			out = append(out, longEntries(c.name, c.short)...)
		}

		if c.dir {
			add(c.short, attrDir|byte(c.attr), c, 0)
		} else {
			add(c.short, attrArchive|byte(c.attr), c, c.content.Size())
		}
	}

	return out
}
