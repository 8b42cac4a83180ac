package socketio

import (
	"bytes"
	"cmp"
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tc := range wireCases {
		t.Run(tc.name, func(t *testing.T) {
			wire := []byte(tc.wire)
			got, err := Parse(wire, DefaultMaxAttachments)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.wire, err)
			}
			if !equal(got, tc.want) {
				t.Errorf("Parse(%q)\n got %+v\nwant %+v", tc.wire, got, tc.want)
			}
			if got := Append(nil, got); string(got) != tc.wire {
				t.Errorf("Append(Parse(%q)) = %q", tc.wire, got)
			}
			if string(wire) != tc.wire {
				t.Errorf("Parse changed its input %q to %q", tc.wire, wire)
			}

			var args Args
			if err := got.Check(&args); err != nil {
				t.Errorf("Check(%q): %v", tc.wire, err)
			}
			if isArray := bytes.HasPrefix(tc.want.Data, []byte("[")); !isArray && args.Len() != 0 {
				t.Errorf("Check(%q) leaves %d arguments", tc.wire, args.Len())
			}
		})
	}
}

// Spellings that Parse takes and Append does not make.
func TestParseTakes(t *testing.T) {
	for _, tc := range []struct{ name, wire, same string }{
		{"main namespace by name", `2/,["a"]`, `2["a"]`},
		{"main namespace at the end", `0/`, `0`},
		{"namespace at the end", `0/admin`, `0/admin,`},
		{"ack id with leading zeros", `2007["a"]`, `27["a"]`},
		{"ack id of many zeros", `2` + strings.Repeat("0", 40) + `["a"]`, `20["a"]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Parse([]byte(tc.wire), DefaultMaxAttachments)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tc.wire, err)
			}
			if got := Append(nil, p); string(got) != tc.same {
				t.Errorf("Append(Parse(%q)) = %q, want %q", tc.wire, got, tc.same)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	for _, tc := range refusedCases {
		t.Run(tc.name, func(t *testing.T) {
			p, args, err := decode(tc.wire)
			if err != tc.want {
				t.Errorf("%q: %v, want %v", tc.wire, err, tc.want)
			}
			if args.Len() != 0 {
				t.Errorf("%q: refused, but leaves %d arguments", tc.wire, args.Len())
			}
			if _, parseErr := Parse([]byte(tc.wire), DefaultMaxAttachments); parseErr != nil && !equal(p, Packet{}) {
				t.Errorf("Parse(%q) leaves %+v beside its error", tc.wire, p)
			}
		})
	}
}

// Every beginning of a packet is a packet of its own or refused with one of our
// errors, and whatever is refused leaves nothing behind.
func TestEveryPrefix(t *testing.T) {
	for _, tc := range wireCases {
		for n := range len(tc.wire) {
			_, args, err := decode(tc.wire[:n])
			if err == nil {
				continue
			}
			if args.Len() != 0 {
				t.Errorf("%q: refused, but leaves %d arguments", tc.wire[:n], args.Len())
			}
			if !isOurs(err) {
				t.Errorf("%q: error %v is none of ours", tc.wire[:n], err)
			}
		}
	}
}

func TestMaxAttachments(t *testing.T) {
	for _, tc := range []struct {
		wire string
		max  int
		want error
	}{
		{`53-["hello",` + tenPlaceholders + `]`, 2, ErrTooManyAttachments}, // reference
		{`53-["hello"]`, 3, nil},
		{`51-["hello"]`, 0, ErrTooManyAttachments},
		{`51-["hello"]`, -1, ErrTooManyAttachments},
		{`51000-["hello"]`, 1000, nil},
		{`51001-["hello"]`, 1000, ErrTooManyAttachments},
	} {
		if _, err := Parse([]byte(tc.wire), tc.max); err != tc.want {
			t.Errorf("Parse(%q, %d): %v, want %v", tc.wire, tc.max, err, tc.want)
		}
	}
}

// An append to a view must not reach the bytes behind it.
func TestViewsAreCut(t *testing.T) {
	wire := []byte(`2/admin,12["a",1]`)
	whole := bytes.Clone(wire)
	p, err := Parse(wire[:len(wire)-1], DefaultMaxAttachments)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(p.Namespace, 'X')
	_ = append(p.Data, 'X')

	var args Args
	if err := args.Parse(wire[len(`2/admin,12`):]); err != nil {
		t.Fatal(err)
	}
	name, _, err := args.EventName()
	if err != nil {
		t.Fatal(err)
	}
	_ = append(name, 'X')
	_ = append(args.At(0), 'X')
	if !bytes.Equal(wire, whole) {
		t.Errorf("an append to a view wrote to the packet: %q", wire)
	}

	p, _ = Parse([]byte(`2["a"]`), DefaultMaxAttachments)
	if cap(p.Namespace) != 1 {
		t.Errorf("the shared %q has room for %d bytes", p.Namespace, cap(p.Namespace))
	}
}

// Check also holds packets that did not come from Parse.
func TestCheckByHand(t *testing.T) {
	for _, tc := range []struct {
		p    Packet
		want error
	}{
		{Packet{Type: 7}, ErrType},
		{Packet{Type: Connect, Data: []byte(`[]`)}, ErrPayload},
		{Packet{Type: Connect, Data: []byte(`{} `)}, nil},
		{Packet{Type: Disconnect, Data: []byte(` `)}, ErrPayload},
		{Packet{Type: Event}, ErrPayload},
		{Packet{Type: Event, Data: []byte(`{}`)}, ErrPayload},
		{Packet{Type: BinaryAck, Data: []byte(`[]`)}, nil},
		{Packet{Type: BinaryAck, Attachments: -1, Data: []byte(`[]`)}, ErrPlaceholder},
	} {
		var args Args
		if err := tc.p.Check(&args); err != tc.want {
			t.Errorf("Check(%+v): %v, want %v", tc.p, err, tc.want)
		}
	}
}

func TestAppendHead(t *testing.T) {
	for _, tc := range []struct {
		t    Type
		n    int
		nsp  string
		id   int64
		want string
	}{
		{Connect, 0, "", -1, `0`},
		{Connect, 0, "/", -1, `0`},
		{Disconnect, 0, "/admin", -1, `1/admin,`},
		{Event, 0, "/admin", 0, `2/admin,0`},
		{Event, 3, "", 12, `212`}, // the count is for the binary types only
		{Ack, 0, "/", MaxAckID, `39007199254740991`},
		{BinaryEvent, 1, "", -1, `51-`},
		{BinaryAck, 10, "/a", 7, `610-/a,7`},
	} {
		if got := AppendHead([]byte("kept "), tc.t, tc.n, tc.nsp, tc.id); string(got) != "kept "+tc.want {
			t.Errorf("AppendHead(%v, %d, %q, %d) = %q, want %q", tc.t, tc.n, tc.nsp, tc.id, got, tc.want)
		}
	}
}

func TestType(t *testing.T) {
	for typ, want := range []string{"CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK", "Type(7)"} {
		if got := Type(typ).String(); got != want {
			t.Errorf("Type(%d).String() = %q, want %q", typ, got, want)
		}
		if got, want := Type(typ).Binary(), strings.HasPrefix(want, "BINARY"); got != want {
			t.Errorf("%v.Binary() = %v", Type(typ), got)
		}
	}
}

func TestErrorsThatArePayloadErrors(t *testing.T) {
	for _, err := range []error{ErrDepth, ErrReserved} {
		if !errors.Is(err, ErrPayload) {
			t.Errorf("%v is not ErrPayload", err)
		}
	}
}

// FuzzParse holds Parse and Check to these promises on any input: no panic, the
// input is unchanged, an error leaves nothing, views lie inside the input, and
// what is accepted survives a round trip.
func FuzzParse(f *testing.F) {
	for _, tc := range wireCases {
		f.Add([]byte(tc.wire))
	}
	for _, tc := range refusedCases {
		f.Add([]byte(tc.wire))
	}

	f.Fuzz(func(t *testing.T, wire []byte) {
		before := bytes.Clone(wire)
		p, err := Parse(wire, DefaultMaxAttachments)
		var args Args
		checkErr := p.Check(&args)
		if !bytes.Equal(wire, before) {
			t.Fatalf("the input was changed: %q became %q", before, wire)
		}
		if err != nil {
			if !equal(p, Packet{}) || !isOurs(err) {
				t.Fatalf("Parse(%q) = %+v, %v", wire, p, err)
			}
			return
		}
		if p.Type.Binary() != (p.Attachments > 0) || p.Attachments > DefaultMaxAttachments || p.ID < -1 || p.ID > MaxAckID || p.Namespace[0] != '/' {
			t.Fatalf("Parse(%q) = %+v", wire, p)
		}
		if !bytes.HasSuffix(wire, p.Data) || cap(p.Data) != len(p.Data) || cap(p.Namespace) != len(p.Namespace) {
			t.Fatalf("Parse(%q): views of %+v are not cut", wire, p)
		}
		again, err := Parse(Append(nil, p), DefaultMaxAttachments)
		if err != nil {
			t.Fatalf("Parse refuses what Append made of %+v: %v", p, err)
		}
		if !equal(again, p) {
			t.Fatalf("round trip of %q\nfirst  %+v\nsecond %+v", wire, p, again)
		}

		if checkErr != nil {
			if !isOurs(checkErr) || args.Len() != 0 {
				t.Fatalf("Check(%q): %v, %d arguments", wire, checkErr, args.Len())
			}
			return
		}
		if p.Type == Event || p.Type == BinaryEvent {
			name, escaped, err := args.EventName()
			if err != nil || (!escaped && Reserved(name)) {
				t.Fatalf("Check accepts %q, EventName says %q, %v", wire, name, err)
			}
		}
	})
}

// decode is Parse and Check.
func decode(wire string) (p Packet, args Args, err error) {
	if p, err = Parse([]byte(wire), DefaultMaxAttachments); err == nil {
		err = p.Check(&args)
	}
	return p, args, err
}

// equal compares packets, with "/" for a namespace that is not given.
func equal(a, b Packet) bool {
	nsp := func(p Packet) string { return cmp.Or(string(p.Namespace), "/") }
	return a.Type == b.Type && a.Attachments == b.Attachments && nsp(a) == nsp(b) && a.ID == b.ID && string(a.Data) == string(b.Data)
}

func isOurs(err error) bool {
	switch err {
	case ErrType, ErrAttachments, ErrTooManyAttachments, ErrAckID, ErrPayload, ErrDepth, ErrReserved, ErrPlaceholder:
		return true
	}
	return false
}
