package socketio

import (
	"strings"
	"testing"
)

// TestNoAllocations keeps the promises in the comments: what is not said to
// allocate does not, on the shapes that traffic has.
func TestNoAllocations(t *testing.T) {
	var (
		args      Args
		event     = []byte(event64)
		ack       = []byte(`2/admin,31["message","hello"]`)
		binary    = []byte(`52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
		escaped   = []byte(`["caf\u00e9"]`)
		many      = []byte("[" + repeatTo(1000, "0", ",") + "]")
		deep      = []byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth))
		refused   = []byte(`2["connect"]`)
		slow      = []byte(`{"num":12,"\u005fplaceholder":true,"a":{}}`)
		state     = []byte(stateOf(1000))
		quoted    = []byte(`"line\none 汉字 \ud83d\ude00"`)
		dst       = make([]byte, 0, 256)
		wholeText = "a name with \"quotes\", 汉字 and \xff"
	)
	if err := args.Parse(many); err != nil { // room for elements, from here on
		t.Fatal(err)
	}
	packet, _ := Parse(binary, DefaultMaxAttachments)

	for _, tc := range []struct {
		name string
		f    func() bool
	}{
		{"Parse", func() bool { _, err := Parse(ack, DefaultMaxAttachments); return err == nil }},
		{"Check, event", func() bool { p, _ := Parse(event, DefaultMaxAttachments); return p.Check(&args) == nil }},
		{"Check, binary event", func() bool { p, _ := Parse(binary, DefaultMaxAttachments); return p.Check(&args) == nil }},
		{"Check, refused", func() bool { p, _ := Parse(refused, DefaultMaxAttachments); return p.Check(&args) == ErrReserved }},
		{"Args.Parse, many", func() bool { return args.Parse(many) == nil && args.Len() == 500 }},
		{"Args.Parse, deep", func() bool { return args.Parse(deep) == nil }},
		{"EventName, escaped", func() bool {
			if args.Parse(escaped) != nil {
				return false
			}
			_, esc, err := args.EventName()
			return esc && err == nil
		}},
		{"Valid", func() bool { return Valid(state) == nil }},
		{"Placeholder", func() bool { n, ok := Placeholder(slow); return ok && n == 12 }},
		{"Placeholder, none", func() bool { _, ok := Placeholder(state); return !ok }},
		{"Append", func() bool { dst = Append(dst[:0], packet); return len(dst) == len(binary) }},
		{"AppendHead", func() bool { dst = AppendHead(dst[:0], BinaryAck, 2, "/admin", 31); return len(dst) > 0 }},
		{"AppendPlaceholder", func() bool { dst = AppendPlaceholder(dst[:0], 3); return len(dst) > 0 }},
		{"AppendString", func() bool { dst = AppendString(dst[:0], wholeText); return len(dst) > 0 }},
		{"Unquote", func() bool { var err error; dst, err = Unquote(dst[:0], quoted); return err == nil }},
	} {
		if !tc.f() {
			t.Errorf("%s: wrong result", tc.name)
		}
		if n := testing.AllocsPerRun(100, func() { tc.f() }); n != 0 {
			t.Errorf("%s allocates %v times a call, want 0", tc.name, n)
		}
	}
}
