package xz

// Sizes of the model, as in the LZMA specification.
const (
	states     = 12
	posStates  = 16
	lenStates  = 4  // match lengths 2, 3, 4, 5 and more have their own slot trees
	startSlot  = 4  // slots from here on have bits beside the slot
	endSlot    = 14 // slots from here on have direct bits
	alignBits  = 4
	matchMin   = 2
	literalTop = 0x300
	half       = 1 << 10 // a probability of one half in 11 bits
)

type lengths struct {
	choice [2]uint16
	low    [posStates][8]uint16
	mid    [posStates][8]uint16
	high   [256]uint16
}

// lzma is the state that goes on from chunk to chunk.
type lzma struct {
	lc     uint
	lpMask int
	pbMask int

	state int
	rep   [4]uint32 // distances less one, the latest first

	isMatch   [states][posStates]uint16
	isRep     [states]uint16
	isRep0    [states]uint16
	isRep1    [states]uint16
	isRep2    [states]uint16
	isRepLong [states][posStates]uint16
	slot      [lenStates][64]uint16
	special   [128]uint16
	align     [1 << alignBits]uint16
	match     lengths
	repeat    lengths
	literal   [literalTop << 4]uint16
}

// reset is a state reset: all probabilities to one half.
func (z *lzma) reset() {
	z.state, z.rep = 0, [4]uint32{}

	for i := range z.isMatch {
		fill(z.isMatch[i][:])
		fill(z.isRepLong[i][:])
	}

	fill(z.isRep[:])
	fill(z.isRep0[:])
	fill(z.isRep1[:])
	fill(z.isRep2[:])

	for i := range z.slot {
		fill(z.slot[i][:])
	}

	fill(z.special[:])
	fill(z.align[:])
	z.match.reset()
	z.repeat.reset()
	fill(z.literal[:])
}

func (l *lengths) reset() {
	fill(l.choice[:])

	for i := range l.low {
		fill(l.low[i][:])
		fill(l.mid[i][:])
	}

	fill(l.high[:])
}

func fill(p []uint16) {
	for i := range p {
		p[i] = half
	}
}

// decode unpacks one chunk from the first size bytes of in to out[pos:]. All
// of out before pos is the dictionary.
func (z *lzma) decode(in *[packedCap]byte, size int, out []byte, pos, dict int) error {
	// A symbol takes at most about 20 bytes of input, so checking once per
	// symbol is enough as long as there are so many bytes after the end.
	clear(in[size : size+64])

	c, ok := newCoder(in)
	if !ok {
		return errData
	}

	state, rep0 := z.state, z.rep[0]

	for pos < len(out) {
		if c.pos > size {
			return errData
		}

		posState := pos & z.pbMask

		if c.bit(&z.isMatch[state][posState&15]) == 0 {
			var prev int
			if pos > 0 {
				prev = int(out[pos-1])
			}

			context := (pos&z.lpMask)<<z.lc + prev>>(8-z.lc)
			probs := (*[literalTop]uint16)(z.literal[literalTop*context:])

			if state < 7 {
				out[pos] = c.literal(probs)
			} else {
				if int(rep0) >= pos {
					return errData
				}

				out[pos] = c.matched(probs, uint32(out[pos-int(rep0)-1]))
			}

			pos++

			switch {
			case state < 4:
				state = 0
			case state < 10:
				state -= 3
			default:
				state -= 6
			}

			continue
		}

		var length int

		if c.bit(&z.isRep[state]) == 0 {
			z.rep[3], z.rep[2], z.rep[1] = z.rep[2], z.rep[1], rep0
			length = c.length(&z.match, posState)
			rep0 = z.distance(&c, min(length-matchMin, lenStates-1))

			if state < 7 {
				state = 7
			} else {
				state = 10
			}
		} else {
			switch {
			case c.bit(&z.isRep0[state]) == 0:
				if c.bit(&z.isRepLong[state][posState&15]) == 0 {
					length = 1
				}
			case c.bit(&z.isRep1[state]) == 0:
				rep0, z.rep[1] = z.rep[1], rep0
			case c.bit(&z.isRep2[state]) == 0:
				rep0, z.rep[1], z.rep[2] = z.rep[2], rep0, z.rep[1]
			default:
				rep0, z.rep[1], z.rep[2], z.rep[3] = z.rep[3], rep0, z.rep[1], z.rep[2]
			}

			switch {
			case length == 1 && state < 7:
				state = 9
			case length == 1:
				state = 11
			default:
				length = c.length(&z.repeat, posState)

				if state < 7 {
					state = 8
				} else {
					state = 11
				}
			}
		}

		// Also refuses the end marker, which LZMA2 does not have.
		if int(rep0) >= pos || int(rep0) >= dict || length > len(out)-pos {
			return errData
		}

		copyMatch(out, pos, int(rep0)+1, length)
		pos += length
	}

	z.state, z.rep[0] = state, rep0

	if !c.finished(size) {
		return errData
	}

	return nil
}

// copyMatch copies n bytes from dist before pos to pos; they may overlap.
func copyMatch(out []byte, pos, dist, n int) {
	from, to := out[pos-dist:pos-dist+n], out[pos:pos+n]

	if dist >= n {
		copy(to, from)

		return
	}

	if dist == 1 {
		b := from[0]
		for i := range to {
			to[i] = b
		}

		return
	}

	for i := range to {
		to[i] = from[i]
	}
}

// distance decodes a distance less one.
func (z *lzma) distance(c *coder, lenState int) uint32 {
	slot := c.tree(z.slot[lenState&3][:], 6)
	if slot < startSlot {
		return slot
	}

	bits := int(slot>>1) - 1
	dist := (2 | slot&1) << bits

	if slot < endSlot {
		return dist + c.reverse(z.special[dist-slot:], bits)
	}

	dist += c.direct(bits-alignBits) << alignBits

	return dist + c.reverse(z.align[:], alignBits)
}
