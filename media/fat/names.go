package fat

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxLongName is the longest name, in UTF-16 units.
const maxLongName = 255

// checkName says whether name may be a long name.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == "..":
		return fmt.Errorf("%q is not a file name", name)
	case !utf8.ValidString(name):
		return fmt.Errorf("the name %q is not valid UTF-8", name)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("the name %q ends in a dot or space, which FAT drops", name)
	case len(utf16.Encode([]rune(name))) > maxLongName:
		return fmt.Errorf("the name %.40q… is longer than %d UTF-16 units", name, maxLongName)
	}

	for _, r := range name {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`"*/:<>?\|`, r) {
			return fmt.Errorf("the name %q has the character %q, which FAT does not allow", name, r)
		}
	}

	return nil
}

// shortChar says whether c may stand in an 8.3 name as it is.
func shortChar(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'()-@^_`{}~", c) >= 0
}

// shortName returns the 11 bytes of name as an 8.3 name, and whether name is
// one exactly (so that no long entry is needed). Where it is not, used tells
// which short names the directory has already; a numeric tail makes it
// unique, as the specification describes ("basis-name generation").
func shortName(name string, used map[[11]byte]bool) (short [11]byte, exact bool, err error) {
	base, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		base, ext = name[:i], name[i+1:]
	}

	b, lossyBase := shortPart(base, 8)
	e, lossyExt := shortPart(ext, 3)

	pack := func(base string) (s [11]byte) {
		copy(s[:], "           ")
		copy(s[:8], base)
		copy(s[8:], e)

		return s
	}

	short = pack(b)
	exact = !lossyBase && !lossyExt && b != "" && b == base && e == ext

	if exact && !used[short] {
		return short, true, nil
	}

	// Only upper- and lower-case differ: no tail is needed.
	if !lossyBase && !lossyExt && b != "" && !used[short] {
		return short, false, nil
	}

	for n := 1; n < 1_000_000; n++ {
		tail := fmt.Sprintf("~%d", n)

		short = pack(b[:min(len(b), 8-len(tail))] + tail)
		if !used[short] {
			return short, false, nil
		}
	}

	return short, false, fmt.Errorf("no free short name for %q", name)
}

// shortPart turns one side of a name into upper-case 8.3 characters and tells
// whether something other than case was lost.
func shortPart(s string, limit int) (out string, lossy bool) {
	var sb strings.Builder

	for _, r := range s {
		switch {
		case r == ' ' || r == '.':
			lossy = true
			continue
		case r >= 'a' && r <= 'z':
			r -= 'a' - 'A'
		case r >= utf8.RuneSelf || !shortChar(byte(r)):
			r, lossy = '_', true
		}

		if sb.Len() == limit {
			return sb.String(), true
		}

		sb.WriteRune(r)
	}

	return sb.String(), lossy
}

// shortSum is the checksum that ties long entries to their short one.
func shortSum(short [11]byte) byte {
	var sum byte
	for _, c := range short {
		sum = sum>>1 | sum<<7
		sum += c
	}

	return sum
}

// longPositions are the offsets of a long entry's 13 UTF-16 units.
var longPositions = [13]int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30}

// longEntries returns the long-name entries of name, as they are stored
// before the short one: last part first.
func longEntries(name string, short [11]byte) []byte {
	units := utf16.Encode([]rune(name))
	sum := shortSum(short)
	n := (len(units) + 12) / 13
	out := make([]byte, n*entrySize)

	for part := range n {
		e := out[(n-1-part)*entrySize:][:entrySize]

		e[0] = byte(part + 1)
		if part == n-1 {
			e[0] |= 0x40
		}

		e[11] = attrLong
		e[13] = sum

		for i, pos := range longPositions {
			unit := uint16(0xffff)

			switch at := part*13 + i; {
			case at < len(units):
				unit = units[at]
			case at == len(units):
				unit = 0
			}

			le.PutUint16(e[pos:], unit)
		}
	}

	return out
}

// foldName is the form in which two names that FAT holds for the same are equal.
func foldName(name string) string { return strings.ToUpper(name) }

// packLabel returns the 11 bytes of a volume label.
func packLabel(label string) (out [11]byte, err error) {
	copy(out[:], "           ")

	up := strings.ToUpper(label)
	if len(up) > len(out) {
		return out, fmt.Errorf("the volume label %q is longer than 11 characters", label)
	}

	for i := range len(up) {
		if c := up[i]; !shortChar(c) && (c != ' ' || i == 0) {
			return out, fmt.Errorf("the volume label %q has the character %q, which FAT does not allow", label, c)
		}
	}

	copy(out[:], up)

	return out, nil
}
