package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// testConfig is a client configuration that connects to nothing.
func testConfig(t testing.TB, namespace string) *client.Config {
	t.Helper()
	c, err := client.NewConfig("http://127.0.0.1:1", client.Options{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func testOptions(t testing.TB) Options {
	t.Helper()
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestDialogues: what is sent and expected, byte by byte.
func TestDialogues(t *testing.T) {
	o := testOptions(t)
	for _, tc := range []struct {
		kind      Kind
		namespace string
		size      int
		out, in   string
		data      string
	}{
		{kind: Event, namespace: "/", size: 64,
			out: `42["echo","0000000007.000003.abcdefghijklmnopqrstuvwxyz0123456"]`,
			in:  `2["echo","0000000007.000003.abcdefghijklmnopqrstuvwxyz0123456"]`},
		{kind: Event, namespace: "/chat", size: 37,
			out: `42/chat,["echo","0000000007.000003."]`,
			in:  `2/chat,["echo","0000000007.000003."]`},
		{kind: Ack, namespace: "/", size: 64,
			out: `4210000000007["ack","0000000007.000003.abcdefghijklmnopqrstuvw"]`,
			in:  `310000000007["0000000007.000003.abcdefghijklmnopqrstuvw"]`},
		{kind: Binary, namespace: "/", size: 20,
			out:  `451-["echo",{"_placeholder":true,"num":0}]`,
			in:   `51-["echo",{"_placeholder":true,"num":0}]`,
			data: `0000000007.000003.ab`},
	} {
		t.Run(fmt.Sprintf("%s %s", tc.kind, tc.namespace), func(t *testing.T) {
			d, err := newDialogue(tc.namespace, tc.kind, tc.size, "", &o.Events)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(d.out.set(7, 3)); got != tc.out {
				t.Errorf("out %s\nwant %s", got, tc.out)
			}
			if got := string(d.in.set(7, 3)); got != tc.in {
				t.Errorf("in %s\nwant %s", got, tc.in)
			}
			if d.data != nil && string(d.data.set(7, 3)) != tc.data {
				t.Errorf("data %s", d.data.text)
			}
			if d.data == nil && len(d.out.text) != tc.size {
				t.Errorf("%d bytes, want %d", len(d.out.text), tc.size)
			}
			var r reading
			if wrong, detail := r.read(d.in.set(7, 3), tc.namespace, d.answer, d.name); d.data == nil && wrong != "" {
				t.Fatalf("%s: %s", wrong, detail)
			}
			if seq, id, ok := r.fields(); d.data == nil && (!ok || seq != 7 || id != 3) {
				t.Errorf("read back %d, %d, %v", seq, id, ok)
			}
		})
	}
}

func TestPayloadTooSmall(t *testing.T) {
	o := testOptions(t)
	for _, tc := range []struct {
		kind Kind
		size int
	}{{Event, 30}, {Ack, 35}, {Binary, 17}, {Event, 1 << 30}, {"other", 64}} {
		if _, err := newDialogue("/", tc.kind, tc.size, "", &o.Events); !errors.Is(err, ErrUsage) {
			t.Errorf("%s of %d bytes: %v, want ErrUsage", tc.kind, tc.size, err)
		}
	}
	if _, err := newSpeech(testConfig(t, "/"), &o, 40, true); !errors.Is(err, ErrUsage) {
		t.Errorf("a delivery of 40 bytes: %v, want ErrUsage", err)
	}
}

func TestSpeech(t *testing.T) {
	o := testOptions(t)
	s, err := newSpeech(testConfig(t, "/"), &o, 64, true)
	if err != nil {
		t.Fatal(err)
	}
	s.out.set(9, 12)
	s.out.setStamp(123456)
	putDigits(s.out.text[s.roomAt:s.roomAt+idDigits], 42)
	s.in.set(9, 12)
	s.in.setStamp(123456)
	const out = `42["broadcast","room-000042","0000000009.000012.000000000123456.abcdefghijkl"]`
	const in = `2["broadcast","0000000009.000012.000000000123456.abcdefghijkl"]`
	if string(s.out.text) != out || string(s.in.text) != in {
		t.Errorf("out %s\nin  %s", s.out.text, s.in.text)
	}
	if len(in)+1 != 64 {
		t.Errorf("a delivery is %d bytes, want 64", len(in)+1)
	}
	if roomName(42) != "room-000042" {
		t.Errorf("room %s", roomName(42))
	}
}

// TestLargeObject: it has the shape of the package comment and comes back byte
// by byte from an encoder.
func TestLargeObject(t *testing.T) {
	text := newStencil(largeObject())
	if n := len(text.text); n != 1024 {
		t.Errorf("%d bytes, want 1024", n)
	}
	if err := socketio.Valid(text.set(5, 6)); err != nil {
		t.Fatal(err)
	}
	var v struct {
		ID    int64             `json:"id"`
		Name  string            `json:"name"`
		Tags  []string          `json:"tags"`
		Attrs map[string]string `json:"attrs"`
		Items []struct {
			ID    int64   `json:"id"`
			Label string  `json:"label"`
			X     float64 `json:"x"`
			Y     float64 `json:"y"`
		} `json:"items"`
	}
	if err := json.Unmarshal(text.text, &v); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, text.text) {
		t.Errorf("encoded again it is\n%s\nand was\n%s", again, text.text)
	}
}

func TestSameJSON(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1`, true}, {`1`, `1.0`, true}, {`"\u0061"`, `"a"`, true}, {`{"a":1,"b":2}`, `{"b":2, "a":1}`, true},
		{`[1,2]`, `[2,1]`, false}, {`{"a":null}`, `{}`, false}, {`x`, `1`, false}, {`"a"`, `"b"`, false},
	} {
		if got := sameJSON([]byte(tc.a), []byte(tc.b)); got != tc.want {
			t.Errorf("sameJSON(%s, %s) = %v", tc.a, tc.b, got)
		}
	}
}

// TestSequence plays arrivals, ten messages being sent.
func TestSequence(t *testing.T) {
	const next = 10
	for _, tc := range []struct {
		name    string
		arrive  []uint32
		errors  string // of each arrival, "." for none
		missing uint64
	}{
		{"in order", []uint32{0, 1, 2}, "...", 7},
		{"all", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, "..........", 0},
		{"one lost", []uint32{0, 2, 3}, "...", 7},
		{"two swapped", []uint32{0, 2, 1, 3}, "..R.", 6},
		{"twice", []uint32{0, 1, 1, 2, 0}, "..D.D", 7},
		{"late twice", []uint32{3, 1, 1}, ".RD", 8},
		{"never sent", []uint32{10, 11, 1 << 31, 0}, "NNN.", 9},
		{"the last first", []uint32{9, 0, 8}, ".RR", 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s sequence
			got := ""
			for _, seq := range tc.arrive {
				name, counts := s.arrive(seq, next)
				got += map[string]string{"": ".", Reordered: "R", Duplicated: "D", NotAsked: "N"}[name]
				if counts != (name == "" || name == Reordered) {
					t.Errorf("%d: %q, counts %v", seq, name, counts)
				}
			}
			if got != tc.errors || s.missing(next) != tc.missing {
				t.Errorf("errors %s, missing %d; want %s, %d", got, s.missing(next), tc.errors, tc.missing)
			}
		})
	}
}

// TestSequenceWraps: numbers go on after 2^32-1.
func TestSequenceWraps(t *testing.T) {
	s := sequence{want: 1<<32 - 2}
	next := uint32(3)
	for _, seq := range []uint32{1<<32 - 2, 0, 1<<32 - 1, 2} {
		s.arrive(seq, next)
	}
	if s.want != 3 || s.missing(next) != 1 {
		t.Errorf("want %d, missing %d", s.want, s.missing(next))
	}
}

// FuzzReading: any packet is read without panic, and what is accepted has the
// fields it was asked for.
func FuzzReading(f *testing.F) {
	for _, text := range []string{
		`2["echo","0000000007.000003.abc"]`, `310["0000000007.000003."]`, `2["echo",{"name":"0000000007.000003."}]`,
		`2["echo"]`, `2["echo",{"name":5}]`, `51-["echo",{"_placeholder":true,"num":0}]`, `2/a,["x",1]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		var r reading
		for _, kind := range []socketio.Type{socketio.Event, socketio.Ack, socketio.BinaryEvent} {
			wrong, detail := r.read(packet, "/", kind, "echo")
			if wrong != "" {
				if strings.TrimSpace(detail) == "" {
					t.Fatalf("%q: %s without detail", packet, wrong)
				}
				continue
			}
			if r.packet.Type != kind || r.args.Len() != r.first+1 {
				t.Fatalf("%q read as %v with %d arguments", packet, r.packet.Type, r.args.Len())
			}
			r.fields()
		}
	})
}

// TestStencilDoesNotAllocate: filling in is on the path of every message.
func TestStencilDoesNotAllocate(t *testing.T) {
	s := newStencil(`42["echo","` + seqMark + "." + idMark + `."]`)
	seq := uint32(0)
	if n := testing.AllocsPerRun(100, func() { s.set(seq, 5); seq++ }); n != 0 {
		t.Errorf("set allocates %v times a call, want 0", n)
	}
}

func BenchmarkStencil(b *testing.B) {
	s := newStencil(`42["echo","` + seqMark + "." + idMark + `."]`)
	seq := uint32(0)
	for b.Loop() {
		s.set(seq, 5)
		seq++
	}
}
