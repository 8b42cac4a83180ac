package msgpack

// The first bytes of values.
//
// Source: the MessagePack specification, "Formats".
const (
	fixmap   = 0x80 // to 0x8f
	fixarray = 0x90 // to 0x9f
	fixstr   = 0xa0 // to 0xbf
	null     = 0xc0
	no       = 0xc2
	yes      = 0xc3
	bin8     = 0xc4
	bin16    = 0xc5
	bin32    = 0xc6
	ext8     = 0xc7
	ext16    = 0xc8
	ext32    = 0xc9
	float32_ = 0xca
	float64_ = 0xcb
	uint8_   = 0xcc
	uint16_  = 0xcd
	uint32_  = 0xce
	uint64_  = 0xcf
	int8_    = 0xd0
	int16_   = 0xd1
	int32_   = 0xd2
	int64_   = 0xd3
	fixext1  = 0xd4
	fixext2  = 0xd5
	fixext4  = 0xd6
	fixext8  = 0xd7
	fixext16 = 0xd8
	str8     = 0xd9
	str16    = 0xda
	str32    = 0xdb
	array16  = 0xdc
	array32  = 0xdd
	map16    = 0xde
	map32    = 0xdf
	negative = 0xe0 // to 0xff: -32 to -1
)

// A shape is how values with a first byte go on: size bytes that say how long they are,
// then extra bytes (of an ext the type), then as many as was said. What contains values
// counts those.
type shape struct {
	size  uint8
	extra uint8
	fixed uint8 // size is 0: the length
	holds uint8 // values for each of the length: 1 in arrays, 2 in maps
	legal bool
}

var shapes = func() (t [256]shape) {
	for c := range t {
		s := shape{legal: true}
		switch {
		case c < fixmap || c >= negative:
		case c < fixarray:
			s.holds, s.fixed = 2, uint8(c&15)
		case c < fixstr:
			s.holds, s.fixed = 1, uint8(c&15)
		case c < null:
			s.fixed = uint8(c & 31)
		}
		switch c {
		case 0xc1:
			s.legal = false
		case bin8, str8:
			s.size = 1
		case bin16, str16:
			s.size = 2
		case bin32, str32:
			s.size = 4
		case ext8, ext16, ext32:
			s.size, s.extra = 1<<(c-ext8), 1
		case uint8_, int8_:
			s.fixed = 1
		case uint16_, int16_:
			s.fixed = 2
		case float32_, uint32_, int32_:
			s.fixed = 4
		case float64_, uint64_, int64_:
			s.fixed = 8
		case fixext1, fixext2, fixext4, fixext8, fixext16:
			s.extra, s.fixed = 1, 1<<(c-fixext1)
		case array16, array32:
			s.size, s.holds = 2<<(c-array16), 1
		case map16, map32:
			s.size, s.holds = 2<<(c-map16), 2
		}
		t[c] = s
	}
	return t
}()

// head reads the head of the value at i: its shape, the length that it tells, and where
// that begins. What is announced is known to fit into the message, were every value in it
// a byte.
func head(b []byte, i int) (s shape, n, next int, err error) {
	if uint(i) >= uint(len(b)) {
		return s, 0, 0, ErrShort
	}
	s = shapes[b[i]]
	if !s.legal {
		return s, 0, 0, ErrSyntax
	}
	i++
	rest := uint64(len(b) - i)
	if rest < uint64(s.size)+uint64(s.extra) {
		return s, 0, 0, ErrShort
	}
	length := uint64(s.fixed)
	for range s.size {
		length = length<<8 | uint64(b[i])
		i++
	}
	i += int(s.extra)
	rest = uint64(len(b) - i)
	if need := length * max(uint64(s.holds), 1); need > rest {
		return s, 0, 0, ErrShort
	}
	return s, int(length), i, nil
}

// skip reads past the value at i, without recursion and without a stack.
func skip(b []byte, i int) (next int, err error) {
	for left := 1; left > 0; left-- {
		s, n, at, err := head(b, i)
		if err != nil {
			return 0, err
		}
		i = at
		if s.holds > 0 {
			if left += n * int(s.holds); left > len(b) {
				return 0, ErrShort
			}
		} else {
			i += n
		}
	}
	return i, nil
}

// mapLen is the number of members of the map at i, and where the first one begins; not
// ok if there is no map that could be whole.
func mapLen(b []byte, i int) (n, next int, ok bool) {
	s, n, next, err := head(b, i)
	return n, next, err == nil && s.holds == 2
}

// stringAt is the string at i; not ok if there is none.
func stringAt(b []byte, i int) (s []byte, next int, ok bool) {
	_, n, next, err := head(b, i)
	if err != nil || !isString(b[i]) {
		return nil, i, false
	}
	return b[next : next+n : next+n], next + n, true
}

func isString(c byte) bool { return c&0xe0 == fixstr || c >= str8 && c <= str32 }
