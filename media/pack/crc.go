package pack

import "hash/crc32"

// shift is what n zero bytes do to a CRC-32: a 32 by 32 matrix over GF(2),
// by columns. With it the CRC of a whole follows from those of its parts, which
// can be computed apart from one another, and once for all that are the same.
type shift [32]uint32

// newShift makes the matrix for n bytes, by squaring that for one bit.
func newShift(n int64) *shift {
	var bit, result shift

	bit[0] = crc32.IEEE
	for i := 1; i < 32; i++ {
		bit[i] = 1 << (i - 1)
	}

	for i := range result {
		result[i] = 1 << i
	}

	power := &bit
	for bits := uint64(n) * 8; bits > 0; bits >>= 1 {
		if bits&1 != 0 {
			result = power.times(&result)
		}

		next := power.times(power)
		power = &next
	}

	return &result
}

// apply multiplies the matrix with a vector.
func (s *shift) apply(v uint32) (sum uint32) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= s[i]
		}
	}

	return sum
}

func (s *shift) times(m *shift) (out shift) {
	for i := range m {
		out[i] = s.apply(m[i])
	}

	return out
}

// append returns the CRC of two parts, the second of which has the length that
// the shift was made for.
func (s *shift) append(first, second uint32) uint32 { return s.apply(first) ^ second }
