package xz

// coder is LZMA's range decoder over one chunk. Every method that decodes
// several bits keeps range and code in local variables: that is where the
// speed comes from.
type coder struct {
	in   *[packedCap]byte
	pos  int
	rng  uint32
	code uint32
}

const (
	top      = 1 << 24
	probBits = 11
	probMove = 5
)

// newCoder begins a chunk: one byte of zero and four of code.
func newCoder(in *[packedCap]byte) (coder, bool) {
	code := uint32(in[1])<<24 | uint32(in[2])<<16 | uint32(in[3])<<8 | uint32(in[4])

	return coder{in: in, pos: 5, rng: 0xffffffff, code: code}, in[0] == 0
}

// finished tells whether the chunk's input was used up exactly.
func (c *coder) finished(size int) bool {
	if c.rng < top {
		c.rng <<= 8
		c.code = c.code<<8 | uint32(c.in[c.pos&(packedCap-1)])
		c.pos++
	}

	return c.pos == size && c.code == 0
}

// bit decodes one bit with an adaptive probability.
func (c *coder) bit(p *uint16) uint32 {
	rng, code := c.rng, c.code
	if rng < top {
		rng <<= 8
		code = code<<8 | uint32(c.in[c.pos&(packedCap-1)])
		c.pos++
	}

	v := uint32(*p)
	bound := rng >> probBits * v

	if code < bound {
		c.rng, c.code = bound, code
		*p = uint16(v + (1<<probBits-v)>>probMove)

		return 0
	}

	c.rng, c.code = rng-bound, code-bound
	*p = uint16(v - v>>probMove)

	return 1
}

// literal decodes a byte from its tree of 255 probabilities.
func (c *coder) literal(probs *[literalTop]uint16) byte {
	rng, code, pos, in := c.rng, c.code, c.pos, c.in
	symbol := uint32(1)

	for symbol < 0x100 {
		if rng < top {
			rng <<= 8
			code = code<<8 | uint32(in[pos&(packedCap-1)])
			pos++
		}

		p := &probs[symbol&0xff]
		v := uint32(*p)
		bound := rng >> probBits * v

		if code < bound {
			rng = bound
			*p = uint16(v + (1<<probBits-v)>>probMove)
			symbol <<= 1
		} else {
			rng -= bound
			code -= bound
			*p = uint16(v - v>>probMove)
			symbol = symbol<<1 | 1
		}
	}

	c.rng, c.code, c.pos = rng, code, pos

	return byte(symbol)
}

// matched decodes a byte after a match: as long as its bits are those of the
// byte at the last distance, that byte chooses the tree.
func (c *coder) matched(probs *[literalTop]uint16, match uint32) byte {
	rng, code, pos, in := c.rng, c.code, c.pos, c.in
	symbol, offset := uint32(1), uint32(0x100)

	for symbol < 0x100 {
		match <<= 1
		bit := match & offset

		if rng < top {
			rng <<= 8
			code = code<<8 | uint32(in[pos&(packedCap-1)])
			pos++
		}

		// offset, bit ≤ 0x100 and symbol ≤ 0xff: the sum is below literalTop.
		p := &probs[min(offset+bit+symbol, literalTop-1)]
		v := uint32(*p)
		bound := rng >> probBits * v

		if code < bound {
			rng = bound
			*p = uint16(v + (1<<probBits-v)>>probMove)
			symbol <<= 1
			offset &^= bit
		} else {
			rng -= bound
			code -= bound
			*p = uint16(v - v>>probMove)
			symbol = symbol<<1 | 1
			offset &= bit
		}
	}

	c.rng, c.code, c.pos = rng, code, pos

	return byte(symbol)
}

// tree decodes n bits, the highest first.
func (c *coder) tree(probs []uint16, n int) uint32 {
	rng, code, pos, in := c.rng, c.code, c.pos, c.in
	symbol := uint32(1)

	for range n {
		if rng < top {
			rng <<= 8
			code = code<<8 | uint32(in[pos&(packedCap-1)])
			pos++
		}

		p := &probs[symbol]
		v := uint32(*p)
		bound := rng >> probBits * v

		if code < bound {
			rng = bound
			*p = uint16(v + (1<<probBits-v)>>probMove)
			symbol <<= 1
		} else {
			rng -= bound
			code -= bound
			*p = uint16(v - v>>probMove)
			symbol = symbol<<1 | 1
		}
	}

	c.rng, c.code, c.pos = rng, code, pos

	return symbol - 1<<n
}

// reverse decodes n bits, the lowest first.
func (c *coder) reverse(probs []uint16, n int) uint32 {
	symbol, result := uint32(1), uint32(0)

	for i := range n {
		bit := c.bit(&probs[symbol])
		symbol = symbol<<1 | bit
		result |= bit << i
	}

	return result
}

// direct decodes n bits without probabilities.
func (c *coder) direct(n int) uint32 {
	rng, code, pos, in := c.rng, c.code, c.pos, c.in
	result := uint32(0)

	for range n {
		if rng < top {
			rng <<= 8
			code = code<<8 | uint32(in[pos&(packedCap-1)])
			pos++
		}

		rng >>= 1
		code -= rng
		sign := -(code >> 31) // all ones if it was less
		code += rng & sign
		result = result<<1 + sign + 1
	}

	c.rng, c.code, c.pos = rng, code, pos

	return result
}

// length decodes a match length.
func (c *coder) length(l *lengths, posState int) int {
	switch {
	case c.bit(&l.choice[0]) == 0:
		return matchMin + int(c.tree(l.low[posState&15][:], 3))
	case c.bit(&l.choice[1]) == 0:
		return matchMin + 8 + int(c.tree(l.mid[posState&15][:], 3))
	default:
		return matchMin + 16 + int(c.tree(l.high[:], 8))
	}
}
