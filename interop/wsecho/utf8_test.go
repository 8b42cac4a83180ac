package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/e6a90ca8/sio/codec/websocket"
)

// sequences are texts, valid and not, of the kinds that 6.5 to 6.23 go through: the borders
// of each length, of surrogates, noncharacters, overlong and unfinished forms.
func sequences() (all []string) {
	all = []string{
		"", "plain", "h\u00e9llo \u03ba\u03cc\u03c3\u03bc\u03b5 \U0001f600", // of each length
		"\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff", // first and last of each
		"\ud7ff", "\ue000", "\ufffd", "\ufeff", "\ufdd0", "\ufdef", "\ufffe",
		"\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", // past the last
		"\xf8\x88\x80\x80\x80", "\xfb\xbf\xbf\xbf\xbf", "\xfc\x84\x80\x80\x80\x80", "\xfd\xbf\xbf\xbf\xbf\xbf", // five and six
		"\xfe", "\xff", "\xfe\xfe\xff\xff",
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf", // overlong
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80",
		"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xbf\xbf", "\xed\xa0\x80\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf", // surrogates
	}
	for n := 1; n <= 7; n++ { // continuations of nothing
		all = append(all, strings.Repeat("\x80", n), strings.Repeat("\xbf", n))
	}
	for c := 0x80; c <= 0xff; c++ { // alone, and before a blank
		all = append(all, string([]byte{byte(c)}), string([]byte{byte(c), ' '}))
	}
	for _, s := range []string{"\u07ff", "\uffff", "\U0010ffff", "\xe0\xa0\x80", "\xed\x9f\xbf"} { // unfinished
		for n := 1; n < len(s); n++ {
			all = append(all, s[:n], "before"+s[:n], s[:n]+"after")
		}
	}
	for plane := 1; plane <= 16; plane++ { // noncharacters
		all = append(all, string(rune(plane<<16|0xfffe))+string(rune(plane<<16|0xffff)))
	}
	return all
}

// TestUTF8 is 6.1 to 6.3 and 6.5 to 6.23.
func TestUTF8(t *testing.T) {
	all := []wsCase{
		{"6.1.1: nothing", frame(websocket.Text, ""), messages{text("")}, 0},
		{"6.1.2: nothing in three", join(part(websocket.Text, false, ""), part(websocket.Continuation, false, ""), part(websocket.Continuation, true, "")), messages{text("")}, 0},
		{"6.1.3: something between nothing", join(part(websocket.Text, false, ""), part(websocket.Continuation, false, "x"), part(websocket.Continuation, true, "")), messages{text("x")}, 0},
	}
	for i, s := range sequences() {
		c := wsCase{want: messages{text(s)}}
		if !utf8.ValidString(s) {
			c.want, c.code = nil, noText
		}
		for kind, send := range map[string][]byte{"whole": frame(websocket.Text, s), "byte by byte": parts(websocket.Text, s, 1), "in halves": parts(websocket.Text, s, max(1, len(s)/2))} {
			c.name, c.send = fmt.Sprintf("6.5: %d %+q, %s", i, s, kind), send
			all = append(all, c)
		}
	}
	play(t, plainAddr, all)
}

// TestUTF8FailsFast is 6.4: the connection is failed by the byte that breaks the text. What
// would follow it is never sent, so nothing else can have done it.
func TestUTF8FailsFast(t *testing.T) {
	valid := strings.Repeat("\u03ba\u1f79\u03c3\u03bc\u03b5", 30)
	for _, bad := range []string{"\xf4\x90", "\xff", "\xed\xa0", "\xc0", "\u20ac"[:2] + "x"} {
		head := func(n int) []byte { // a frame's head for more than will come
			f := frame(websocket.Text, strings.Repeat("x", n))
			return f[:len(f)-n]
		}
		masked := func(s string) []byte {
			b := []byte(s)
			for i := range b {
				b[i] ^= mask[i%4]
			}
			return b
		}
		for name, send := range map[string][]byte{
			"6.4.1: in a fragment that is not the last":              join(part(websocket.Text, false, valid), part(websocket.Continuation, false, bad)),
			"6.4.2: at the end of a fragment that is not the last":   part(websocket.Text, false, valid+bad),
			"6.4.3: in the middle of a frame":                        join(head(2000), masked(valid+bad)),
			"6.4.4: in the middle of a long frame":                   join(head(1_000_000), masked(strings.Repeat(valid, 400)+bad)),
			"6.4: in the middle of a fragment":                       join(part(websocket.Text, false, valid+"\xe2"), func() []byte { h := head(500); h[0] = 0; return h }(), masked("\x82\xac"+valid+bad)),
			"6.4: a character begun in a fragment, broken by a next": join(part(websocket.Text, false, valid+"\xf4"), func() []byte { h := head(500); h[0] = 0; return h }(), masked("\x90")),
		} {
			for _, chop := range []int{0, 1, 13} {
				if chop == 1 && len(send) > 20_000 {
					chop = 1021
				}
				t.Run(fmt.Sprintf("%s, %q, in pieces of %d", name, bad, chop), func(t *testing.T) {
					t.Parallel()
					p := dial(t, plainAddr, "")
					p.chop = chop
					p.write(send)
					p.failed(noText)
				})
			}
		}
	}
}
