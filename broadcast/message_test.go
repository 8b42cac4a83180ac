package broadcast

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// sizes are lengths in bytes on either side of where a frame's header grows.
var sizes = []int{0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537, 200_000}

func newMessage(packet string, attachments ...[]byte) *Message {
	return NewMessage(append(make([]byte, HeaderSpace), packet...), attachments, true)
}

func noise(n int) []byte {
	rnd := rand.New(rand.NewPCG(uint64(n), 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// checkFrame holds a frame to what its payload makes of it.
func checkFrame(t *testing.T, f *Frame, op websocket.Opcode, payload []byte) {
	t.Helper()
	if want := websocket.AppendFrame(nil, op, payload); !bytes.Equal(f.Wire(), want) {
		t.Fatalf("wire form of %d bytes begins % x, want % x", len(payload), head(f.Wire()), head(want))
	}
	if !bytes.Equal(f.Payload(), payload) || f.Binary() != (op == websocket.Binary) {
		t.Errorf("payload of %d bytes is %d bytes, binary %v", len(payload), len(f.Payload()), f.Binary())
	}
	polling := payload
	if f.Binary() {
		polling = append([]byte("b"), base64.StdEncoding.EncodeToString(payload)...)
	}
	if !bytes.Equal(f.Polling(), polling) {
		t.Errorf("polling form of %d bytes has %d bytes, want %d", len(payload), len(f.Polling()), len(polling))
	}
	if want := websocket.AppendFrame(nil, websocket.Text, polling); !bytes.Equal(f.In(WireBase64), want) {
		t.Errorf("base64 frame of %d bytes has %d bytes, want %d", len(payload), len(f.In(WireBase64)), len(want))
	}
	data, binary := payload, f.Binary()
	if len(data) == 0 {
		data, binary = []byte("b"), false
	}
	if want := append(engineio.AppendStreamHeader(nil, len(data), binary), data...); !bytes.Equal(f.In(Stream), want) {
		t.Errorf("stream form of %d bytes begins % x, want % x", len(payload), head(f.In(Stream)), head(want))
	}
	checkOldForms(t, f, payload)
	checkDeflated(t, f)
	if a, b := f.In(WireBase64), f.In(WireBase64); &a[0] != &b[0] {
		t.Error("a form is made twice")
	}
}

// checkOldForms is checkFrame for the forms of revision 3.
func checkOldForms(t *testing.T, f *Frame, payload []byte) {
	t.Helper()
	wire, wireBase64 := f.Wire(), f.Wire()
	text, mark, data := payload, byte(0), payload
	if f.Binary() {
		mark, data = 1, append([]byte{4}, payload...)
		wire = websocket.AppendFrame(nil, websocket.Binary, data)
		text = append([]byte("b4"), base64.StdEncoding.EncodeToString(payload)...)
		wireBase64 = websocket.AppendFrame(nil, websocket.Text, text)
	}
	binary := []byte{mark}
	for _, digit := range strconv.Itoa(len(data)) {
		binary = append(binary, byte(digit-'0'))
	}
	binary = append(append(binary, 255), data...)
	for form, want := range map[Form][]byte{
		WireOf3: wire, WireBase64Of3: wireBase64, BinaryOf3: binary,
		TextOf3: append([]byte(strconv.Itoa(len(text))+":"), text...), // all of it is ASCII
	} {
		if got := f.In(form); !bytes.Equal(got, want) {
			t.Errorf("form %d of %d bytes begins % x, want % x", form, len(payload), head(got), head(want))
		}
	}
}

func head(b []byte) []byte { return b[:min(len(b), 16)] }

// TestMessageForms (H45, R07): the frames of a message of every size class, in every form.
func TestMessageForms(t *testing.T) {
	for _, n := range sizes {
		packet := "42" + strings.Repeat("x", max(n-2, 0))
		a, b := noise(n), noise(n+1)
		beforeA := bytes.Clone(a)
		m := newMessage(packet, a, nil, b)
		if m.Frames() != 4 || !m.Compress() {
			t.Fatalf("%d frames, compress %v", m.Frames(), m.Compress())
		}
		checkFrame(t, m.Frame(0), websocket.Text, []byte(packet))
		checkFrame(t, m.Frame(1), websocket.Binary, a)
		checkFrame(t, m.Frame(2), websocket.Binary, nil)
		checkFrame(t, m.Frame(3), websocket.Binary, b)
		total := 0
		for i := range m.Frames() {
			total += len(m.Frame(i).Wire())
		}
		if m.Size() != total {
			t.Errorf("Size = %d, want %d", m.Size(), total)
		}
		for i := range a { // attachments are copied
			a[i] = 0
		}
		if !bytes.Equal(m.Frame(1).Payload(), beforeA) {
			t.Error("an attachment changed with the caller's")
		}
		text := newMessage(packet)
		if text.Frames() != 1 || text.Size() != len(text.Frame(0).Wire()) {
			t.Errorf("%d frames, size %d", text.Frames(), text.Size())
		}
		checkFrame(t, text.Frame(0), websocket.Text, []byte(packet))
	}
	if NewMessage(make([]byte, HeaderSpace+2), nil, false).Compress() {
		t.Error("a message that may not be compressed says it may")
	}
}

// TestMessageIsTakenOver: the text is framed where it stands, not copied.
func TestMessageIsTakenOver(t *testing.T) {
	buf := append(make([]byte, HeaderSpace), `42["x"]`...)
	m := NewMessage(buf, nil, true)
	if &m.Frame(0).Payload()[0] != &buf[HeaderSpace] {
		t.Error("the text was copied")
	}
}

// TestNewFrames: messages that somebody else has encoded.
func TestNewFrames(t *testing.T) {
	for _, n := range sizes {
		data := noise(n)
		m := NewFrames([]Part{{data, true}, {[]byte(strings.Repeat("y", n)), false}}, false)
		if m.Frames() != 2 || m.Compress() {
			t.Fatalf("%d frames, compress %v", m.Frames(), m.Compress())
		}
		checkFrame(t, m.Frame(0), websocket.Binary, data)
		checkFrame(t, m.Frame(1), websocket.Text, []byte("4"+strings.Repeat("y", n)))
		if want := len(m.Frame(0).Wire()) + len(m.Frame(1).Wire()); m.Size() != want {
			t.Errorf("Size = %d, want %d", m.Size(), want)
		}
		if one := NewFrames([]Part{{data, false}}, true); one.Frames() != 1 {
			t.Errorf("%d frames of one part", one.Frames())
		}
	}
}

// TestBase64Once: loops that ask at the same moment get one and the same polling form.
func TestBase64Once(t *testing.T) {
	for range 200 {
		m := newMessage("4", noise(1000))
		want := engineio.AppendBinary(nil, noise(1000))
		var all sync.WaitGroup
		var first atomic.Pointer[byte]
		for range 4 {
			all.Go(func() {
				for range 3 {
					b := m.Frame(1).Polling()
					if !bytes.Equal(b, want) {
						t.Errorf("%d bytes, want %d", len(b), len(want))
					}
					if !first.CompareAndSwap(nil, &b[0]) && first.Load() != &b[0] {
						t.Error("two polling forms are in use")
					}
				}
			})
		}
		all.Wait()
	}
}

// TestTranslatedOnce: the same for the form that other encodings have, and for that there
// is none.
func TestTranslatedOnce(t *testing.T) {
	for range 200 {
		none := newMessage("4")
		for _, f := range []func() *Message{func() *Message { return nil }, nil} {
			if none.Translated(f) != nil {
				t.Fatal("a translation out of nothing")
			}
		}
		m := newMessage("4")
		var all sync.WaitGroup
		var first atomic.Pointer[Message]
		for range 4 {
			all.Go(func() {
				got := m.Translated(func() *Message { return newMessage("4x") })
				if got == nil || !first.CompareAndSwap(nil, got) && first.Load() != got {
					t.Error("two translations are in use")
				}
			})
		}
		all.Wait()
		if m.Translated(nil) != first.Load() {
			t.Error("the translation is made again")
		}
	}
}

func BenchmarkNewMessage(b *testing.B) {
	for _, bc := range []struct {
		name        string
		attachments [][]byte
	}{{"text", nil}, {"attachment of 1 KiB", [][]byte{noise(1024)}}} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				NewMessage(append(make([]byte, HeaderSpace, 64), `42["tick",{"x":1}]`...), bc.attachments, true)
			}
		})
	}
}

// checkDeflated holds a frame's compressed forms to its plain ones: no longer, and the same
// when they are inflated.
func checkDeflated(t *testing.T, f *Frame) {
	t.Helper()
	for _, form := range []Form{Wire, WireBase64, WireOf3} {
		for _, bits := range []uint8{8, 12, 15} {
			plain, z := f.In(form), f.In(form.Deflated(bits))
			if again := f.In(form.Deflated(bits)); &again[0] != &z[0] {
				t.Error("a frame is compressed twice")
			}
			if len(z) >= len(plain) && &z[0] != &plain[0] {
				t.Errorf("%d bytes are compressed to %d", len(plain), len(z))
			}
			r := websocket.Reader{Config: &websocket.Config{Client: true, Deflate: true, MaxMessage: 1 << 30}}
			m, n, err := r.Next(bytes.Clone(z))
			if err == nil && m.Compressed {
				m.Data, err = websocket.Inflate(nil, m.Data, 1<<30)
			}
			h, at, _ := websocket.ParseHeader(plain)
			if err != nil || n != len(z) || m.Opcode != h.Opcode || !bytes.Equal(m.Data, plain[at:]) {
				t.Errorf("%d bytes with a window of %d bits: %v of %d bytes, %v", len(plain), bits, m.Opcode, len(m.Data), err)
			}
		}
	}
}

// TestForms (T03): what a form is told apart by.
func TestForms(t *testing.T) {
	for form := Wire; form <= TextOf3; form++ {
		if form.Plain() != form || form.WindowBits() != 0 {
			t.Errorf("form %d is %d with a window of %d bits", form, form.Plain(), form.WindowBits())
		}
		for bits := uint8(8); bits <= 15; bits++ {
			if z := form.Deflated(bits); z.Plain() != form || z.WindowBits() != bits || z.Deflated(9) != form.Deflated(9) {
				t.Errorf("form %d with a window of %d bits is %d with %d", form, bits, z.Plain(), z.WindowBits())
			}
		}
	}
}

// TestMake: long frames are made ahead, and others when they are asked for.
func TestMake(t *testing.T) {
	buf := append(make([]byte, HeaderSpace), bytes.Repeat([]byte("long "), 1000)...)
	m := NewMessage(buf, [][]byte{make([]byte, 4999), make([]byte, 5000)}, true)
	form := Wire.Deflated(15)
	m.Make(form, 5000)
	for i, want := range []bool{true, false, true} {
		if made := m.Frame(i).made.Load() != nil; made != want {
			t.Errorf("frame %d was made: %v", i, made)
		}
	}
}
