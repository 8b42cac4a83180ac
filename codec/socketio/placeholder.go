package socketio

import (
	"bytes"
	"math"
	"strconv"
)

// A placeholder is an object that stands in a payload where an attachment
// belongs: {"_placeholder":true,"num":0}. As to the reference server, an object
// is one if its member "_placeholder" is true, wherever that member stands and
// whatever members are beside it; of members with the same name the last counts,
// and names may be spelled with escapes. The number is stricter here: digits
// only, where the reference takes any number ("0.5", "-0", "1e0") and may then
// find no attachment under it.

const (
	placeholderKey = "_placeholder"
	numKey         = "num"
)

// AppendPlaceholder appends to dst the JSON that stands for attachment num, the
// first being 0.
func AppendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// Placeholder reports whether the JSON value raw is a placeholder, and for which
// attachment. A placeholder without a usable number is none; in a payload that
// passed [CheckPlaceholders] there are no such.
//
// num is 0 to 2^31-1, and not held against anything. Members beside the two are
// ignored. raw is expected without blanks around it, as [Args.At] gives it; text
// that is not JSON is no placeholder.
//
// It does not allocate. Its time is linear in len(raw), short for what
// [AppendPlaceholder] writes and for all that is not an object; a reader that
// descends should ask once per object.
//
// Source: Socket.IO protocol 5, "Packet encoding", and the reference server's parser.
func Placeholder(raw []byte) (num int, ok bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return 0, false
	}
	const usual = `{"_placeholder":true,"num":`
	if len(raw) == len(usual)+len("0}") && string(raw[:len(usual)]) == usual &&
		raw[len(usual)]-'0' <= 9 && raw[len(usual)+1] == '}' {
		return int(raw[len(usual)] - '0'), true
	}
	is, num := false, -1
	for i := blanks(raw, 1); ; {
		from := i
		i = key(raw, i)
		if i == 0 {
			return 0, false
		}
		member := memberOf(raw[from:i])
		end, err := value(raw, i, nil)
		if err != nil {
			return 0, false
		}
		switch member {
		case placeholderKey:
			is = string(raw[i:end]) == "true"
		case numKey:
			num = numAt(raw, i, math.MaxInt32)
		}
		i = blanks(raw, end)
		if i == len(raw) {
			return 0, false
		}
		switch {
		case raw[i] == ',':
			i = blanks(raw, i+1)
		case raw[i] == '}' && i == len(raw)-1 && is && num >= 0:
			return num, true
		default:
			return 0, false
		}
	}
}

// memberOf tells which of the two members of a placeholder is named by the JSON
// string that s begins with, and returns "" if neither is. The string was checked.
func memberOf(s []byte) string {
	if c := s[1]; c != placeholderKey[0] && c != numKey[0] && c != '\\' {
		return "" // however it goes on
	}
	// Up to the first quote: all of the name, or at least one of its escapes.
	name := s[1 : 1+bytes.IndexByte(s[1:], '"')]
	if bytes.IndexByte(name, '\\') >= 0 {
		var buf wordBuffer
		name = wordOf(&buf, s[:text(s, 1)])
	}
	switch string(name) {
	case placeholderKey:
		return placeholderKey
	case numKey:
		return numKey
	}
	return ""
}

// CheckPlaceholders holds the payload of a binary packet against the number of
// its attachments: each placeholder names one of them, by a number from 0 to
// attachments-1, and each of them is named once.
//
// A placeholder inside another one is refused: the reference server drops it
// with the members around it. Placeholders under a name that its object uses
// again, and so loses, are held to the rules like all others.
//
// data is JSON that [Args.Parse] or [Valid] accepted; on other text it returns
// some answer, in linear time as well. It does not recurse. It allocates a bit for
// each attachment if there are more than 256, and 16 bytes for each level of data
// that is nested deeper than 16.
//
// Errors: [ErrPlaceholder]; [ErrDepth] only for text that was not checked.
//
// Why the second half of the rule: an attachment that nothing names is memory that the
// peer holds without using it, and one that thousands of placeholders name is thousands of
// attachments as soon as somebody encodes the event anew. The reference server takes such a
// packet; no client sends one, for each gives every buffer a number of its own, also one
// that it has sent before. CVE-2022-2421 is about the first half.
func CheckPlaceholders(data []byte, attachments int) error {
	// What cannot be named in so little text is refused before there is a bit for it.
	if attachments < 0 || attachments > len(data)/len(`{"_placeholder":true,"num":0}`) {
		return ErrPlaceholder
	}
	var few [4]uint64
	named := few[:]
	if attachments > 64*len(few) {
		named = make([]uint64, (attachments+63)/64)
	}
	missing := attachments

	var (
		shallow [16]level
		open    = shallow[:0] // what is open around the innermost container
		this    level         // the innermost container
	)
	for i := 0; i < len(data); {
		switch data[i] {
		case '"':
			end := text(data, i+1)
			if end == 0 {
				return ErrPlaceholder
			}
			colon := blanks(data, end)
			if colon >= len(data) || data[colon] != ':' {
				i = end
				continue
			}
			name := memberOf(data[i:end])
			i = blanks(data, colon+1)
			switch name {
			case placeholderKey:
				this.placeholder = bytes.HasPrefix(data[i:], []byte("true"))
			case numKey:
				this.num1 = numAt(data, i, attachments-1) + 1
			}
		case '[', '{':
			if len(open) == MaxDepth {
				return ErrDepth
			}
			open = append(open, this)
			this = level{}
			i++
		case ']', '}':
			if len(open) == 0 {
				return ErrPlaceholder
			}
			inside := this.inside
			if this.placeholder {
				if this.inside || this.num1 == 0 {
					return ErrPlaceholder
				}
				inside = true
				n := this.num1 - 1
				bit := uint64(1) << (n % 64)
				if named[n/64]&bit != 0 {
					return ErrPlaceholder
				}
				named[n/64] |= bit
				missing--
			}
			this, open = open[len(open)-1], open[:len(open)-1]
			this.inside = this.inside || inside
			i++
		default:
			i++
		}
	}
	if missing > 0 || len(open) > 0 {
		return ErrPlaceholder
	}
	return nil
}

// A level is what CheckPlaceholders knows of one open container. Arrays have no
// members, so they are never a placeholder.
type level struct {
	num1        int  // the attachment that "num" names, plus 1; 0 if there is none
	placeholder bool // "_placeholder" is true
	inside      bool // there is a placeholder somewhere inside
}

// numAt is the number from 0 to limit that data spells at i in digits alone, or -1
// if there is another value.
func numAt(data []byte, i, limit int) int {
	n, digits := leadingInt(data[i:])
	if digits == 0 || n > int64(limit) {
		return -1
	}
	if i += digits; i < len(data) && (data[i] == '.' || data[i]|0x20 == 'e') {
		return -1
	}
	return int(n)
}
