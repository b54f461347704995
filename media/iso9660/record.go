package iso9660

import (
	"encoding/binary"
	"time"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// both32 stores v in both byte orders (ECMA-119 7.3.3).
func both32(b []byte, v uint32) {
	le.PutUint32(b, v)
	be.PutUint32(b[4:], v)
}

func both16(b []byte, v uint16) {
	le.PutUint16(b, v)
	be.PutUint16(b[2:], v)
}

// defaultTime is the time of entries that have none.
var defaultTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// recordTime is the 7-byte form of ECMA-119 9.1.5, in UTC.
func recordTime(t time.Time) (b [7]byte) {
	t = t.UTC()
	if t.Year() < 1900 || t.Year() > 2155 {
		t = defaultTime
	}

	return [7]byte{byte(t.Year() - 1900), byte(t.Month()), byte(t.Day()), byte(t.Hour()), byte(t.Minute()), byte(t.Second()), 0}
}

// volumeTime is the 17-byte form of ECMA-119 8.4.26.1, in UTC.
func volumeTime(t time.Time) []byte {
	if t.IsZero() {
		return append([]byte("0000000000000000"), 0)
	}

	return append([]byte(t.UTC().Format("2006010215040500")), 0)
}

const (
	flagDir   = 0x02
	flagMulti = 0x80
)

// record encodes a directory record (ECMA-119 9.1) with system use fields.
func record(id []byte, sector, size int64, flags byte, t time.Time, use []byte) []byte {
	n := 33 + len(id)
	n += n % 2
	b := make([]byte, n, n+len(use)+1)
	stamp := recordTime(t)

	both32(b[2:], uint32(sector))
	both32(b[10:], uint32(size))
	copy(b[18:], stamp[:])
	b[25] = flags
	both16(b[28:], 1)
	b[32] = byte(len(id))
	copy(b[33:], id)

	b = append(b, use...)
	if len(b)%2 == 1 {
		b = append(b, 0)
	}

	b[0] = byte(len(b))

	return b
}

// susp encodes a System Use field: two letters, length, version 1, data.
func susp(sig string, data []byte) []byte {
	return append([]byte{sig[0], sig[1], byte(4 + len(data)), 1}, data...)
}

// rockRidge returns the fields PX, TF and, with a name, NM.
func rockRidge(n *node, name string) []byte {
	mode := uint32(n.mode.Perm())
	links := uint32(1)

	if n.dir {
		mode |= 0o040000
		links = 2

		for _, c := range n.children {
			if c.dir {
				links++
			}
		}
	} else {
		mode |= 0o100000
	}

	px := make([]byte, 32) // mode, links, uid 0, gid 0
	both32(px, mode)
	both32(px[8:], links)

	stamp := recordTime(n.time)
	out := append(susp("PX", px), susp("TF", append([]byte{0x02}, stamp[:]...))...) // 0x02: modification

	if name != "" {
		out = append(out, susp("NM", append([]byte{0}, name...))...)
	}

	return out
}

// extensionText are the identifier, description and source of Rock Ridge
// 1.10, which readers compare.
const (
	rripID     = "RRIP_1991A"
	rripText   = "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
	rripSource = "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR FOR CONTACT INFORMATION."
)

// extensionReference is the ER field that says that Rock Ridge is in use.
func extensionReference() []byte {
	data := []byte{byte(len(rripID)), byte(len(rripText)), byte(len(rripSource)), 1}

	return susp("ER", append(data, rripID+rripText+rripSource...))
}

// directory encodes the records of n. area is the sector of the continuation
// area that holds the extension reference. Records don't cross sectors.
func directory(n *node, area int64) []byte {
	var out []byte

	add := func(r []byte) {
		if room := SectorSize - len(out)%SectorSize; len(r) > room {
			out = append(out, make([]byte, room)...)
		}

		out = append(out, r...)
	}

	self := rockRidge(n, "")

	if n.parent == n {
		ce := make([]byte, 24)
		both32(ce, uint32(area))
		both32(ce[16:], uint32(len(extensionReference())))

		// SP must come first: it says that System Use fields are here at all.
		self = append(append(susp("SP", []byte{0xbe, 0xef, 0}), self...), susp("CE", ce)...)
	}

	add(record([]byte{0}, n.sector, n.size, flagDir, n.time, self))
	add(record([]byte{1}, n.parent.sector, n.parent.size, flagDir, n.parent.time, rockRidge(n.parent, "")))

	for _, c := range n.children {
		use := rockRidge(c, c.name)

		if c.dir {
			add(record(c.id, c.sector, c.size, flagDir, c.time, use))
			continue
		}

		sector, left := c.sector, c.size
		for left > maxSection {
			add(record(c.id, sector, maxSection, flagMulti, c.time, use))
			sector += maxSection / SectorSize
			left -= maxSection
		}

		add(record(c.id, sector, left, 0, c.time, use))
	}

	return append(out, make([]byte, -len(out)&(SectorSize-1))...)
}
