package socketio

import "math/bits"

// MaxDepth is how many arrays and objects may be open at once in a payload, its
// own outermost one included. It is below the limits of all JSON decoders that
// may read the text afterwards, most of which recurse.
const MaxDepth = 512

// Valid reports whether data is one JSON value of any kind, with nothing but
// blanks around it: nil, or [ErrPayload], or as that [ErrDepth]. One pass, no
// recursion, no allocation. It agrees with encoding/json on everything but depth;
// like it, it does not look into the UTF-8 of strings.
//
// Source: RFC 8259.
func Valid(data []byte) error {
	i, err := value(data, blanks(data, 0), nil)
	if err == nil && blanks(data, i) != len(data) {
		err = ErrPayload
	}
	return err
}

// The functions below read data from index i on, which may be len(data) but not
// past it, and return the index after what they read. Those that return no error
// return 0, which is never such an index, when the text is not JSON. Each byte is
// looked at a bounded number of times.

// value reads one value, and tells args, if there are any, where the elements of
// that array or the values of that object are.
//
// What is open is kept as a stack of bits, 1 for an object, so nesting costs the
// peer a byte and us a bit, and never stack of the goroutine.
func value(data []byte, i int, args *Args) (int, error) {
	var (
		objects [MaxDepth / 64]uint64 // bit d: what encloses level d+1 is an object
		depth   uint                  // how many containers are open
		object  bool                  // the innermost of them is an object
		from    int                   // where the last value at depth 1 began
	)
	for {
		// A value begins at i, in an object after its name.
		if object {
			if i = key(data, i); i == 0 {
				return 0, ErrPayload
			}
		}
		if uint(i) >= uint(len(data)) {
			return 0, ErrPayload
		}
		if depth == 1 {
			from = i
		}
		switch c := data[i]; {
		case c == '"':
			i = text(data, i+1)
		case c-'0' <= 9 || c == '-':
			i = number(data, i)
		case c == '{' || c == '[':
			if depth == MaxDepth {
				return 0, ErrDepth
			}
			word, bit := &objects[depth/64%uint(len(objects))], uint64(1)<<(depth%64)
			*word &^= bit
			if object {
				*word |= bit
			}
			depth++
			object = c == '{'
			i = blanks(data, i+1)
			if i < len(data) && data[i] == c+2 { // the closing bracket, in ASCII
				i++
				depth--
				object = *word&bit != 0
				break
			}
			continue
		default:
			i = literal(data, i)
		}
		if i == 0 {
			return 0, ErrPayload
		}

		// A value has ended at i. Close what closes here, until another begins.
		for {
			if depth == 0 {
				return i, nil
			}
			if depth == 1 && args != nil {
				args.add(from, i)
			}
			i = blanks(data, i)
			if uint(i) >= uint(len(data)) {
				return 0, ErrPayload
			}
			c := data[i]
			if c == ',' {
				i = blanks(data, i+1)
				break
			}
			if object && c != '}' || !object && c != ']' {
				return 0, ErrPayload
			}
			i++
			depth--
			object = objects[depth/64%uint(len(objects))]>>(depth%64)&1 != 0
		}
	}
}

// key reads a member's name, its colon and the blanks around both.
func key(data []byte, i int) int {
	if i >= len(data) || data[i] != '"' {
		return 0
	}
	if i = text(data, i+1); i == 0 {
		return 0
	}
	i = blanks(data, i)
	if i >= len(data) || data[i] != ':' {
		return 0
	}
	return blanks(data, i+1)
}

// literal reads true, false or null.
func literal(data []byte, i int) int {
	switch rest := data[i:]; {
	case len(rest) >= 4 && (string(rest[:4]) == "true" || string(rest[:4]) == "null"):
		return i + 4
	case len(rest) >= 5 && string(rest[:5]) == "false":
		return i + 5
	}
	return 0
}

// number reads a number: no leading zeros, digits on both sides of a point.
// data[i] is a digit or a minus sign.
func number(data []byte, i int) int {
	if data[i] == '-' {
		i++
	}
	switch n := digits(data, i); {
	case n == i:
		return 0
	case data[i] == '0':
		i++ // the end of the integer, whatever follows
	default:
		i = n
	}
	if i < len(data) && data[i] == '.' {
		n := digits(data, i+1)
		if n == i+1 {
			return 0
		}
		i = n
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		n := digits(data, i)
		if n == i {
			return 0
		}
		i = n
	}
	return i
}

func digits(data []byte, i int) int {
	for uint(i) < uint(len(data)) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

func blanks(data []byte, i int) int {
	for uint(i) < uint(len(data)) && data[i] <= ' ' && isBlank>>data[i]&1 != 0 {
		i++
	}
	return i
}

// isBlank has a bit for each of the four characters that may stand between tokens.
const isBlank uint64 = 1<<' ' | 1<<'\t' | 1<<'\n' | 1<<'\r'

// text reads a string from behind its opening quote to behind its closing one.
func text(data []byte, i int) int {
	for i > 0 {
		// Eight bytes at a time up to one that does not stand for itself.
		for ; i < len(data)-7; i += 8 {
			if m := special(load8(data, i)); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
		}
		for uint(i) < uint(len(data)) && data[i] != '"' && data[i] != '\\' && data[i] >= 0x20 {
			i++
		}
		if uint(i) >= uint(len(data)) || data[i] < 0x20 {
			return 0
		}
		if data[i] == '"' {
			return i + 1
		}
		i = escape(data, i)
	}
	return 0
}

// escape reads the escape sequence at i, where there is a backslash.
func escape(data []byte, i int) int {
	s := data[i+1:]
	if len(s) == 0 {
		return 0
	}
	switch s[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if len(s) >= 5 && isHex[s[1]] && isHex[s[2]] && isHex[s[3]] && isHex[s[4]] {
			return i + 6
		}
	}
	return 0
}

// load8 is the eight bytes of s at i as one number, the first the lowest. Written
// out like this the compiler makes it one load, for strings too, and no check of
// bounds where it sees i between 0 and len(s)-8.
func load8[T string | []byte](s T, i int) uint64 {
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks, by its top bit, the first of eight bytes (from the lowest) that
// is a quote, a backslash or a control character; bytes above it may be marked
// wrongly. It is 0 if there is none.
//
// Why: a byte minus n sets its top bit when it is under n, and so may one of 0x80
// and more, which &^ x removes. The borrow that spoils the next byte comes only
// out of a byte that was marked rightly. Under 0x21 after an exclusive or with
// 0x02 are the control characters, which stay among themselves, and the quote,
// which changes places with the blank; under 1 after one with a backslash is the
// backslash.
func special(x uint64) uint64 {
	return ((x ^ ones*0x02 - ones*0x21) | (x ^ ones*'\\' - ones)) &^ x & highs
}

var isHex = func() (t [256]bool) {
	for _, c := range "0123456789abcdefABCDEF" {
		t[c] = true
	}
	return t
}()
