package msgpack

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// event is a message: an event packet whose data is [value].
func event(value string) string { return "\x83\xa4type\x02\xa4data\x91" + value + "\xa3nsp\xa1/" }

// TestDecode: forms that the reference's encoder does not use, as others do.
func TestDecode(t *testing.T) {
	for _, tc := range []struct {
		name  string
		value string
		want  string
	}{
		{"float 32", "\xca\x3f\x80\x00\x00", "1"},
		{"float 32 with a fraction", "\xca\x3d\xcc\xcc\xcd", "0.10000000149011612"},
		{"float 64 without a fraction", "\xcb\x40\x14\x00\x00\x00\x00\x00\x00", "5"},
		{"float 64, large", "\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50", "1e+21"},
		{"float 64, small", "\xcb\x3e\x11\x2e\x0b\xe8\x26\xd6\x95", "1e-9"},
		{"float 64, -0", "\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "-0"},
		{"uint 64, the largest", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"},
		{"int 64, the smallest", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"},
		{"integers longer than need be", "\x95\xcc\x01\xcd\x00\x01\xce\x00\x00\x00\x01\xd0\x01\xd1\x00\x01", "[1,1,1,1,1]"},
		{"lengths longer than need be", "\xdd\x00\x00\x00\x02\xdb\x00\x00\x00\x01a\xdf\x00\x00\x00\x01\xd9\x01k\xda\x00\x00", `["a",{"k":""}]`},
		{"integers as names", "\x83\x01\x02\xff\x03\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x04", `{"1":2,"-1":3,"18446744073709551615":4}`},
		{"a name twice", "\x82\xa1a\x01\xa1a\x02", `{"a":1,"a":2}`},
		{"no UTF-8", "\xa3a\xffb", "\"a\ufffdb\""},
		{"half a character", "\xa2\xe6\xb1", "\"\ufffd\ufffd\""},
		{"control characters in a name", "\x81\xa2\x00\"\xc0", `{"\u0000\"":null}`},
		{"undefined in the middle", "\x83\xa1a\x01\xa1b\xd4\x00\x00\xa1c\x02", `{"a":1,"c":2}`},
		{"undefined, whatever its byte", "\xd4\x00\x2a", "null"},
		{"timestamp 32", "\xd6\xff\x00\x00\x00\x01", `[-1,{"_placeholder":true,"num":0}]`},
		{"fixext 2 of type 0", "\xd5\x00\x01\x02", `[0,{"_placeholder":true,"num":0}]`},
		{"ext 8 of another type", "\xc7\x00\x7f", `[127,{"_placeholder":true,"num":0}]`},
		{"no such date", "\xd7\x00\x7f\xff\xff\xff\xff\xff\xff\xff", "null"},
		{"the year 0", "\xd7\x00\xff\xff\xc7\x75\x90\xfb\xa0\x00", `"0000-01-01T00:00:00.000Z"`},
		{"empty containers", "\x92\x90\x80", "[[],{}]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d Decoder
			p, err := d.Packet([]byte(event(tc.value)), 10)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(p.Data), "["+tc.want+"]"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestPacketHead (S11): what a packet may be beside its data.
func TestPacketHead(t *testing.T) {
	for _, tc := range []struct {
		name    string
		message string
		want    Packet
	}{
		{"no data", "\x82\xa4type\x01\xa3nsp\xa1/", Packet{Type: 1, Namespace: []byte("/"), ID: -1}},
		{"undefined data", "\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/", Packet{Namespace: []byte("/"), ID: -1}},
		{"undefined id", "\x83\xa2id\xd4\x00\x00\xa4type\x01\xa3nsp\xa1/", Packet{Type: 1, Namespace: []byte("/"), ID: -1}},
		{"numbers as float 64", "\x83\xa2id\xcb\x40\x14\x00\x00\x00\x00\x00\x00\xa4type\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/",
			Packet{Type: 1, Namespace: []byte("/"), ID: 5}},
		{"the largest id", "\x83\xa2id\xcf\x00\x1f\xff\xff\xff\xff\xff\xff\xa4type\x01\xa3nsp\xa1/", Packet{Type: 1, Namespace: []byte("/"), ID: 1<<53 - 1}},
		{"the last of members counts", "\x86\xa4data\x91\xc4\x01x\xa4type\x01\xa3nsp\xa2/a\xa4type\x03\xa4data\x91\x07\xa3nsp\xa2/b",
			Packet{Type: 3, Namespace: []byte("/b"), ID: -1, Data: []byte("[7]")}},
		{"other members", "\x84\xa4type\x01\xa3nsp\xa1/\xa3foo\x92\x81\xc0\x01\xc4\x02ab\x05\xc3", Packet{Type: 1, Namespace: []byte("/"), ID: -1}},
		{"a long head", "\xdf\x00\x00\x00\x02\xa4type\x01\xa3nsp\xa1/", Packet{Type: 1, Namespace: []byte("/"), ID: -1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d Decoder
			p, err := d.Packet([]byte(tc.message), 10)
			if err != nil {
				t.Fatal(err)
			}
			same(t, &p, &tc.want)
		})
	}
}

// TestRefuses (S11): what is no packet, and the error for it.
func TestRefuses(t *testing.T) {
	deep := func(n int) string {
		return "\x83\xa4type\x02\xa4data" + strings.Repeat("\x91", n) + "\xc0\xa3nsp\xa1/"
	}
	for _, tc := range []struct {
		name    string
		message string
		want    error
	}{
		{"nothing", "", ErrShort},
		{"the byte that is never used", "\xc1", ErrSyntax},
		{"not used, within", event("\xc1"), ErrSyntax},
		{"not used, in what is skipped", "\x83\xa4type\x01\xa3nsp\xa1/\xa1x\xc1", ErrSyntax},
		{"bytes behind", event("\x01") + "\x00", ErrSyntax},
		{"cut off", event("\x01")[:10], ErrShort},
		{"a string that is cut off", event("\xdb\xff\xff\xff\xff"), ErrShort},
		{"a head that is cut off", "\x81\xa4data\xdb\x00", ErrShort},
		{"more elements than bytes", event("\xdd\xff\xff\xff\xff"), ErrShort},
		{"more members than bytes", event("\xdf\x80\x00\x00\x00"), ErrShort},
		{"more elements than bytes, in what is skipped", "\x82\xa1x\x92\xdd\x00\x00\x00\x01\x01\x92\xdd\x00\x00\x00\x08", ErrShort},
		{"many that are empty promises", "\x81\xa1x" + strings.Repeat("\x9f", 100), ErrShort},
		{"too deep", deep(MaxDepth + 1), ErrDepth},
		{"a name that is null", event("\x81\xc0\x01"), ErrKey},
		{"a name that is an array", event("\x81\x90\x01"), ErrKey},
		{"a name that is bytes", "\x81\xc4\x01x\x01", ErrKey},
		{"too many buffers", event("\x9b" + strings.Repeat("\xc4\x00", 11)), ErrBuffers},
		{"no map", "\x93\x02\x01\x01", ErrType},
		{"no map, and cut off", "\x93\x02\x01", ErrShort},
		{"a number", "\x02", ErrType},
		{"a string, as text messages are", "\xa10", ErrType},
		{"no type", "\x81\xa3nsp\xa1/", ErrType},
		{"a type that is a string", "\x82\xa4type\xa11\xa3nsp\xa1/", ErrType},
		{"a type past the last", "\x82\xa4type\x05\xa3nsp\xa1/", ErrType},
		{"a type below the first", "\x82\xa4type\xff\xa3nsp\xa1/", ErrType},
		{"a type with a fraction", "\x82\xa4type\xca\x3f\x00\x00\x00\xa3nsp\xa1/", ErrType},
		{"no namespace", "\x81\xa4type\x01", ErrNamespace},
		{"a namespace that is a number", "\x82\xa4type\x01\xa3nsp\x01", ErrNamespace},
		{"a namespace that is empty", "\x82\xa4type\x01\xa3nsp\xa0", ErrNamespace},
		{"a namespace without a slash", "\x82\xa4type\x01\xa3nsp\xa1a", ErrNamespace},
		{"a namespace with a comma", "\x82\xa4type\x01\xa3nsp\xa3/a,", ErrNamespace},
		{"a namespace that is not UTF-8", "\x82\xa4type\x01\xa3nsp\xa2/\xff", ErrNamespace},
		{"an id that is null", "\x83\xa2id\xc0\xa4type\x01\xa3nsp\xa1/", ErrAckID},
		{"an id that is a string", "\x83\xa2id\xa11\xa4type\x01\xa3nsp\xa1/", ErrAckID},
		{"an id with a fraction", "\x83\xa2id\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00\xa4type\x01\xa3nsp\xa1/", ErrAckID},
		{"an id that is infinite", "\x83\xa2id\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00\xa4type\x01\xa3nsp\xa1/", ErrAckID},
		{"an id below 0", "\x83\xa2id\xff\xa4type\x01\xa3nsp\xa1/", ErrAckID},
		{"an id past the last", "\x83\xa2id\xcf\x00\x20\x00\x00\x00\x00\x00\x00\xa4type\x01\xa3nsp\xa1/", ErrAckID},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var d Decoder
			if p, err := d.Packet([]byte(tc.message), 10); !errors.Is(err, tc.want) {
				t.Errorf("got %+v, %v; want error %v", p, err, tc.want)
			}
		})
	}
	var d Decoder
	if _, err := d.Packet([]byte(deep(MaxDepth)), 10); err != nil {
		t.Errorf("nested %d deep: %v", MaxDepth, err)
	}
}

// TestAppend: JSON text that JSON.stringify does not write.
func TestAppend(t *testing.T) {
	one := [][]byte{[]byte("x")}
	for _, tc := range []struct {
		name        string
		text        string
		attachments [][]byte
		want        string
	}{
		{"blanks", " [ 1 , { \"a\" : [ ] , \"b\" : { } } ]\n", nil, "\x92\x01\x82\xa1a\x90\xa1b\x80"},
		{"1.0", "1.0", nil, "\x01"},
		{"1e3", "1e3", nil, "\xcd\x03\xe8"},
		{"-0", "-0", nil, "\x00"},
		{"-0.0", "-0.0", nil, "\x00"},
		{"1e400", "1e400", nil, "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"},
		{"all digits of 2^53+1", "9007199254740993", nil, "\xcf\x00\x20\x00\x00\x00\x00\x00\x01"},
		{"all digits of the largest", "18446744073709551615", nil, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"all digits of the smallest", "-9223372036854775808", nil, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"past them", "18446744073709551616", nil, "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00"},
		{"below them", "-9223372036854775809", nil, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"far past them", "1e20", nil, "\xcb\x44\x15\xaf\x1d\x78\xb5\x8c\x40"},
		{"escapes", `"\u0041\u00e9\u6c49\ud83d\ude00\/\""`, nil, "\xacAé汉😀/\""},
		{"escapes in 32 bytes of text for 27", `"\u0041aaaaaaaaaaaaaaaaaaaaaaaaaa"`, nil, "\xbbA" + strings.Repeat("a", 26)},
		{"escapes, long", `"\n` + strings.Repeat("a", 300) + `"`, nil, "\xda\x01\x2d\n" + strings.Repeat("a", 300)},
		{"half a pair", `"\ud83dx\ude00"`, nil, "\xa7\ufffdx\ufffd"},
		{"no UTF-8", "\"a\xff\"", nil, "\xa4a\ufffd"},
		{"a member twice", `{"a":1,"a":2}`, nil, "\x82\xa1a\x01\xa1a\x02"},
		{"a placeholder", `{"_placeholder":true,"num":0}`, one, "\xc4\x01x"},
		{"one attachment twice", `[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, one, "\x92\xc4\x01x\x82\xac_placeholder\xc3\xa3num\x00"},
		{"members in another order, and more", `[{"num" : 0,"a":[1,2,3],"\u005fplaceholder" : true}]`, one, "\x91\xc4\x01x"},
		{"no attachments", `{"_placeholder":true,"num":0}`, nil, "\x82\xac_placeholder\xc3\xa3num\x00"},
		{"no such attachment", `{"_placeholder":true,"num":1}`, one, "\x82\xac_placeholder\xc3\xa3num\x01"},
		{"another number", `{"_placeholder":true,"num":0.0}`, one, "\x82\xac_placeholder\xc3\xa3num\x00"},
		{"not true", `{"_placeholder":1,"num":0}`, one, "\x82\xac_placeholder\x01\xa3num\x00"},
		{"a placeholder no more", `{"_placeholder":true,"num":0,"_placeholder":false}`, one, "\x83\xac_placeholder\xc3\xa3num\x00\xac_placeholder\xc2"},
		{"wide within a placeholder", `[{"_placeholder":true,"num":0,"a":[1,2,3,4,5,6,7,8,9,1,1,2,3,4,5,6]},[1,2,3,4,5,6,7,8,9,1,1,2,3,4,5,6]]`, one,
			"\x92\xc4\x01x\xdc\x00\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09\x01\x01\x02\x03\x04\x05\x06"},
		{"deeper than may come in", strings.Repeat("[", 2000) + strings.Repeat("]", 2000), nil, strings.Repeat("\x91", 1999) + "\x90"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := new(Encoder).Append([]byte("x"), []byte(tc.text), tc.attachments)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "x"+tc.want {
				t.Errorf("got  %x\nwant %x", got[1:], tc.want)
			}
		})
	}
}

// TestAppendRefuses: text that is not JSON makes no message.
func TestAppendRefuses(t *testing.T) {
	for _, text := range []string{
		"", " ", "[", "]", "[1", "[1,", "[1,]", "{", `{"a"`, `{"a":`, `{"a":1`, `{"a":1]`, "[1}", `{1:2}`, `"a`, `"a\`, `"\u12"`, `"\u12g4"`,
		`"\x"`, "-", "1.2.3", "1e", "tru", "nul", "fals", "1 2", "[1]]", "+1", `["\`,
	} {
		if got, err := new(Encoder).Append([]byte("x"), []byte(text), [][]byte{nil}); !errors.Is(err, ErrJSON) || string(got) != "x" {
			t.Errorf("Append(%q) = %x, %v", text, got, err)
		}
	}
	if got, err := new(Encoder).AppendPacket([]byte("x"), &Packet{Data: []byte("[")}); !errors.Is(err, ErrJSON) || string(got) != "x" {
		t.Errorf("AppendPacket = %x, %v", got, err)
	}
}

// TestPacketViews: what a packet consists of cannot be appended to over something else,
// and is gone with the next.
func TestPacketViews(t *testing.T) {
	message := []byte(event("\x92\xc4\x01a\xc4\x01b"))
	before := bytes.Clone(message)
	var d Decoder
	p, err := d.Packet(message, 10)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(p.Attachments[0], "overwritten"...)
	_ = append(p.Namespace, "overwritten"...)
	if !bytes.Equal(message, before) {
		t.Error("an append to a view wrote to the message")
	}
	d.Reset()
	if p.Attachments[0] != nil {
		t.Error("Reset holds on to the message")
	}
	if _, err := d.Packet([]byte(event("\xc2")), 0); err != nil {
		t.Error(err)
	}
}

// TestBounded: what is refused costs no more than its message.
func TestBounded(t *testing.T) {
	var d Decoder
	for _, message := range []string{
		event("\xdd\xff\xff\xff\xff"),
		event("\xdf\x7f\xff\xff\xff"),
		"\x81\xa1x\xdd\xff\xff\xff\xff",
		"\xdf\xff\xff\xff\xff",
		event("\xc6\xff\xff\xff\xff"),
		event(strings.Repeat("\x91", 600)),
	} {
		if n := testing.AllocsPerRun(10, func() {
			if _, err := d.Packet([]byte(message), 10); err == nil {
				t.Fatal("accepted")
			}
		}); n > 1 {
			t.Errorf("%x...: %v allocations, want those of the test", message[:8], n)
		}
	}
	wide := event("\xdc\xff\xff" + strings.Repeat("\xc2", 0xffff))
	p, err := d.Packet([]byte(wide), 10)
	if err != nil || len(p.Data) > 6*len(wide) {
		t.Errorf("%d bytes of text for %d, %v", len(p.Data), len(wide), err)
	}
	d.Reset()
	if cap(d.text) > maxKept {
		t.Errorf("%d bytes are kept", cap(d.text))
	}
}

// TestNoAllocations keeps the promises in the comments.
func TestNoAllocations(t *testing.T) {
	var d Decoder
	p := Packet{Type: 2, Namespace: []byte("/chat"), ID: 7, Attachments: [][]byte{[]byte("12345678")},
		Data: []byte(`["move",{"x":1.5,"y":-20,"name":"\u00e9\n","list":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]},{"_placeholder":true,"num":0}]`)}
	message, err := new(Encoder).AppendPacket(nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	var enc Encoder
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { dst, _ = enc.AppendPacket(dst[:0], &p) }); n != 0 {
		t.Errorf("AppendPacket: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Packet(message, 10); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Decoder.Packet: %v allocations", n)
	}
}

func benchmarkPacket() Packet {
	return Packet{Type: 2, Namespace: []byte("/"), ID: -1, Attachments: [][]byte{make([]byte, 100)},
		Data: []byte(`["move",{"x":1.5,"y":-20,"name":"somebody","list":[1,2,3,4]},{"_placeholder":true,"num":0}]`)}
}

func BenchmarkAppendPacket(b *testing.B) {
	p := benchmarkPacket()
	var enc Encoder
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = enc.AppendPacket(dst[:0], &p)
	}
}

func BenchmarkPacket(b *testing.B) {
	p := benchmarkPacket()
	message, _ := new(Encoder).AppendPacket(nil, &p)
	var d Decoder
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Packet(message, 10); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzPacket holds Decoder.Packet to its promises on any message: it does not write to
// it, makes JSON text, bounded, of what it accepts, and that makes the round trip.
func FuzzPacket(f *testing.F) {
	for _, v := range readVectors(f).Same {
		f.Add(unhex(f, v.Hex))
	}
	for _, v := range readVectors(f).Inward {
		f.Add(unhex(f, v.Hex))
	}
	f.Add([]byte(event("\xdd\x00\x00\x00\x01\xd4\x00\x00")))
	f.Fuzz(func(t *testing.T, message []byte) {
		var d, e Decoder
		const most = 100
		before := bytes.Clone(message)
		p, err := d.Packet(message, most)
		if !bytes.Equal(message, before) {
			t.Fatal("the message was written to")
		}
		if err != nil {
			return
		}
		if len(p.Data) > 0 && !json.Valid(p.Data) {
			t.Fatalf("no JSON: %s", p.Data)
		}
		if len(p.Data) > 6*len(message)+32*len(p.Attachments) || len(p.Attachments) > most {
			t.Fatalf("%d bytes of text and %d attachments for a message of %d", len(p.Data), len(p.Attachments), len(message))
		}
		again, err := new(Encoder).AppendPacket(nil, &p)
		if err != nil {
			t.Fatalf("%s: %v", p.Data, err)
		}
		q, err := e.Packet(again, most)
		if err != nil {
			t.Fatalf("%x: %v", again, err)
		}
		if p.Type != q.Type || p.ID != q.ID || !bytes.Equal(p.Namespace, q.Namespace) {
			t.Fatalf("head: %+v became %+v", p, q)
		}
		if len(p.Attachments) == len(q.Attachments) && !bytes.Contains(p.Data, []byte("_placeholder")) {
			same(t, &q, &p)
		}
	})
}

// FuzzAppend holds Append to its promises on any text: it takes what is JSON, and what it
// makes of that means the same.
func FuzzAppend(f *testing.F) {
	for _, v := range readVectors(f).Same {
		f.Add([]byte(v.Text))
	}
	f.Add([]byte(`[1,{"a":[1e3,-0.0,18446744073709551615,"\ud83d\ude00\ud83d"]},[[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7]]]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := new(Encoder).Append(nil, text, [][]byte{[]byte("x")})
		if json.Valid(text) && err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if err != nil {
			return
		}
		end, err := skip(out, 0)
		if err != nil || end != len(out) {
			t.Fatalf("%s became %x: not one value, %v", text, out, err)
		}
		if !json.Valid(text) || bytes.Contains(text, []byte("placeholder")) {
			return
		}
		var d Decoder
		d.max = 1
		if _, err := d.value(out, 0); err != nil {
			if errors.Is(err, ErrDepth) {
				return
			}
			t.Fatalf("%s became %x: %v", text, out, err)
		}
		var want, got any
		if json.Unmarshal(text, &want) != nil { // a number that is no float64
			return
		}
		if err := json.Unmarshal(d.text, &got); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if !bytes.Equal(bytes.ReplaceAll(a, []byte("-0"), []byte("0")), bytes.ReplaceAll(b, []byte("-0"), []byte("0"))) {
			t.Fatalf("%s became %s", text, d.text)
		}
	})
}
