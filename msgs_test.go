package sio_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// modes are the ways in which handlers run; what a message promises holds in each.
var modes = map[string][]sio.HandlerOption{"serial": nil, "inline": {sio.Inline}, "free": {sio.Free}}

// TestMsgReading (K01): arguments are read as they came, without and with decoding.
func TestMsgReading(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			srv.On("x", func(s *sio.Socket, m *sio.Msg) error {
				if m.Event() != "x" || m.Socket() != s || m.Len() != 9 || m.WantsAck() {
					t.Errorf("%q, %d arguments", m.Event(), m.Len())
				}
				if v, err := m.Int(0); v != -42 || err != nil {
					t.Error(v, err)
				}
				if v, err := m.Float(1); v != 1.5 || err != nil {
					t.Error(v, err)
				}
				if v, err := m.Bool(2); !v || err != nil {
					t.Error(v, err)
				}
				if v, err := m.Str(3); v != "tëxt\n" || err != nil {
					t.Error(v, err)
				}
				if v, ok := m.Binary(4); string(v) != "buffer" || !ok {
					t.Error(v, ok)
				}
				if v := m.Raw(5); !json.Valid(v) || v[0] != '{' {
					t.Errorf("raw %s", v)
				}
				var nested struct {
					A struct{ B sio.Binary }
					L []any
				}
				if err := m.Decode(5, &nested); err != nil || string(nested.A.B) != "in" || !reflect.DeepEqual(nested.L, []any{[]byte("deep"), 1.0}) {
					t.Error(nested, err)
				}
				if v, ok := m.Binary(5); ok {
					t.Error("an object is a buffer", v)
				}
				if v := m.Raw(6); string(v) != "null" {
					t.Errorf("raw %s", v)
				}
				if v, err := m.Int(7); v != math.MaxInt64 || err != nil {
					t.Error(v, err)
				}
				var z []byte
				if err := m.Decode(8, &z); err != nil || string(z) != "last" {
					t.Error(z, err)
				}
				// What is not there, or of another kind.
				for _, i := range []int{-1, 9, 1 << 40} {
					_, e1 := m.Int(i)
					_, e2 := m.Float(i)
					_, e3 := m.Bool(i)
					_, e4 := m.Str(i)
					_, ok := m.Binary(i)
					e5 := m.Decode(i, new(any))
					for _, err := range []error{e1, e2, e3, e4, e5} {
						var f sio.Fail
						if !errors.As(err, &f) || f.Code != "bad_argument" {
							t.Errorf("argument %d: %v", i, err)
						}
					}
					if ok || m.Raw(i) != nil {
						t.Errorf("argument %d exists", i)
					}
				}
				_, e1 := m.Int(3)
				_, e2 := m.Float(3)
				_, e3 := m.Bool(3)
				_, e4 := m.Str(0)
				_, e6 := m.Int(1)
				e5 := m.Decode(3, new(int))
				for i, err := range []error{e1, e2, e3, e4, e5, e6} {
					if err == nil {
						t.Errorf("wrong kind %d is no error", i)
					}
				}
				args, err := m.Args()
				want := []any{-42.0, 1.5, true, "tëxt\n", []byte("buffer"),
					map[string]any{"A": map[string]any{"B": []byte("in")}, "L": []any{[]byte("deep"), 1.0}}, nil, float64(math.MaxInt64), []byte("last")}
				if err != nil || !reflect.DeepEqual(args, want) {
					t.Errorf("args %v %v", args, err)
				}
				b, err := json.Marshal(m)
				var list []json.RawMessage
				if err != nil || json.Unmarshal(b, &list) != nil || len(list) != 9 || string(list[0]) != "-42" {
					t.Errorf("as JSON: %s %v", b, err)
				}
				return s.Emit("done")
			}, mode...)
			c := siotest.Dial(t, srv, "/")
			emit(t, c, "x", -42, 1.5, true, "tëxt\n", []byte("buffer"),
				map[string]any{"A": map[string]any{"B": []byte("in")}, "L": []any{[]byte("deep"), 1}}, nil, math.MaxInt64, []byte("last"))
			c.Expect("done")
		})
	}
}

// TestDecodedLasts: what was decoded, kept or forwarded stays as it was when the bytes
// that it came in are used again.
func TestDecodedLasts(t *testing.T) {
	type body struct {
		Text string
		Bin  []byte
		Any  any
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			var mu sync.Mutex
			var decoded []body
			var kept []*sio.Msg
			var args [][]any
			srv.On("x", func(s *sio.Socket, m *sio.Msg) error {
				var v body
				if err := m.Decode(0, &v); err != nil {
					return err
				}
				a, err := m.Args()
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				decoded, args, kept = append(decoded, v), append(args, a), append(kept, m.Keep())
				return nil
			}, mode...)
			c := siotest.Dial(t, srv, "/")
			const n = 50
			for i := range n {
				emit(t, c, "x", body{Text: strings.Repeat(fmt.Sprint(i%10), 40), Bin: bytes.Repeat([]byte{byte(i)}, 40), Any: []byte{byte(i)}})
			}
			siotest.Start(t, srv).Settle()
			if len(decoded) != n {
				t.Fatalf("%d events", len(decoded))
			}
			for i, v := range decoded {
				k := v.Bin[0]
				want := body{Text: strings.Repeat(fmt.Sprint(k%10), 40), Bin: bytes.Repeat([]byte{k}, 40), Any: []byte{k}}
				if !reflect.DeepEqual(v, want) {
					t.Errorf("decoded %d is %v", i, v)
				}
				if got := args[i][0].(map[string]any); got["Text"] != want.Text || !bytes.Equal(got["Bin"].([]byte), want.Bin) {
					t.Errorf("args %d are %v", i, got)
				}
				var again body
				if err := kept[i].Decode(0, &again); err != nil || !reflect.DeepEqual(again, want) || kept[i].Event() != "x" {
					t.Errorf("kept %d is %v %v", i, again, err)
				}
				// Nobody shares memory with anybody.
				v.Bin[0]++
				if err := kept[i].Decode(0, &again); err != nil || again.Bin[0] != k {
					t.Errorf("kept %d was changed", i)
				}
			}
		})
	}
}

// TestForward (K01): the same arguments under a name, to whatever can be sent to, untouched.
func TestForward(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			room := srv.Room("room")
			defer room.Close()
			var senders map[string]sio.Sender
			srv.On("x", func(s *sio.Socket, m *sio.Msg) error {
				for _, to := range []string{"socket", "target", "room", "namespace", "server", "remote"} {
					if err := m.Forward(senders[to], "via "+to); err != nil {
						return err
					}
				}
				if err := m.Forward(s, "disconnect"); !errors.Is(err, sio.ErrReservedEvent) {
					t.Errorf("a reserved name: %v", err)
				}
				k := m.Keep()
				if err := k.Forward(s, "kept"); err != nil {
					return err
				}
				return m.Forward(s, "x")
			}, mode...)
			a, b := pair(t, srv)
			if err := socket(t, srv, b).Join("room"); err != nil {
				t.Fatal(err)
			}
			found, err := srv.To(b.ID()).Fetch(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			senders = map[string]sio.Sender{
				"socket": socket(t, srv, b), "target": srv.To("room"), "room": room, "namespace": srv.Namespace,
				"server": srv, "remote": found[0],
			}
			for _, packet := range [][]string{
				{`42["x", 1.0 ,{ "a" : "\u00e4" }]`},
				{`42["x"]`},
				{`452-["x",{"_placeholder":true,"num":1},[{"num":0,"_placeholder":true}]]`, "zero", "one"},
			} {
				a.SendRaw(packet[0])
				for _, bin := range packet[1:] {
					a.SendRawBinary([]byte(bin))
				}
				check := func(e *siotest.Event) {
					t.Helper()
					switch {
					case len(packet) > 1:
						v, ok := e.Binary(0)
						args, err := e.Args()
						if string(v) != "one" || !ok || err != nil || !reflect.DeepEqual(args[1], []any{[]byte("zero")}) {
							t.Errorf("got %v", e)
						}
					case e.Len() > 0:
						if string(e.Raw(0)) != "1.0" || string(e.Raw(1)) != `{ "a" : "\u00e4" }` {
							t.Errorf("got %v", e)
						}
					}
				}
				for _, to := range []string{"socket", "target", "room", "namespace", "server", "remote"} {
					check(b.Expect("via " + to))
				}
				check(a.Expect("via namespace"))
				check(a.Expect("via server"))
				check(a.Expect("kept"))
				check(a.Expect("x"))
			}
		})
	}
}

// TestForwardAnswer: an answer can be sent on as an event.
func TestForwardAnswer(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	a.On("ask", func(e *siotest.Event) { e.Ack("v", []byte("bin")) })
	m, err := socket(t, srv, a).Ask(t.Context(), "ask")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Forward(socket(t, srv, b), "answer"); err != nil {
		t.Fatal(err)
	}
	b.Expect("answer", "v", []byte("bin"))
}

// TestPacket (R07): a packet is put together once and sent to any number, in any namespace,
// and changes no more.
func TestPacket(t *testing.T) {
	srv := newServer(t, sio.Options{})
	long := "/" + strings.Repeat("long-namespace", 20)
	n, l := srv.Of("/n"), srv.Of(long)
	a := siotest.Dial(t, srv, "/")
	b := siotest.Dial(t, srv, "/", siotest.Polling())
	cn, cl := a.Of("/n"), a.Of(long)

	p := sio.Prepare("snap")
	if p.Event() != "snap" {
		t.Errorf("event %q", p.Event())
	}
	scratch := append(p.Scratch(), "built in place"...)
	p.Int(-7).Float(2.5).Float(math.NaN()).Bool(true).Str(`"quoted"`).Raw(sio.Raw(`[1]`)).Binary(scratch).Add(map[string]any{"b": []byte("x")}).Add(nil)
	want := []any{-7, 2.5, nil, true, `"quoted"`, []any{1}, []byte("built in place"), map[string]any{"b": []byte("x")}, nil}
	for range 3 {
		for _, to := range []sio.Sender{srv, n, l, socket(t, srv, a), socket(t, n, cn), srv.To(b.ID()).Compress(false), l.All().Volatile()} {
			if err := to.Send(p); err != nil {
				t.Fatal(err)
			}
		}
		a.Expect("snap", want...)
		a.Expect("snap", want...)
		b.Expect("snap", want...)
		b.Expect("snap", want...)
		cn.Expect("snap", want...)
		cn.Expect("snap", want...)
		cl.Expect("snap", want...)
		cl.Expect("snap", want...)
	}
	p.Int(1)
	if err := srv.Send(p); !errors.Is(err, sio.ErrSent) {
		t.Errorf("changed after Send: %v", err)
	}
	p.Release()

	for _, bad := range []func(p *sio.Packet){
		func(p *sio.Packet) { p.Raw(sio.Raw(`{"half":`)) },
		func(p *sio.Packet) { p.Raw(sio.Raw("")) },
		func(p *sio.Packet) { p.Raw(sio.Raw(`1,2`)) },
		func(p *sio.Packet) { p.Raw(sio.Raw("\"raw \x1e separator\"")) },
		func(p *sio.Packet) { p.Add(func() {}) },
	} {
		p := sio.Prepare("bad")
		bad(p)
		p.Int(1)
		for _, to := range []sio.Sender{srv, socket(t, srv, a), srv.Room("r"), srv.To("x")} {
			if err := to.Send(p); err == nil {
				t.Errorf("a bad packet was sent to a %T", to)
			}
		}
		p.Release()
	}
	p = sio.Prepare("disconnect")
	if err := srv.Send(p); !errors.Is(err, sio.ErrReservedEvent) {
		t.Errorf("a reserved name: %v", err)
	}
	p.Release()
	a.ExpectNone()
	b.ExpectNone()
}

// TestPacketFromPool: released packets leave nothing behind in the next ones.
func TestPacketFromPool(t *testing.T) {
	srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 64 << 20}})
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	var all sync.WaitGroup
	const n = 200
	for g := range 4 {
		all.Go(func() {
			for i := range n {
				p := sio.Prepare(fmt.Sprint("g", g))
				p.Int(int64(i))
				if i%3 == 0 {
					p.Binary(append(p.Scratch(), fmt.Sprint(g, i)...))
				}
				if i%5 == 0 {
					p.Str(strings.Repeat("x", 10_000)) // over what is copied into the mailbox
				}
				if i%7 == 0 {
					p.Raw(sio.Raw("{")) // spoilt, and not sent
				}
				err := s.Send(p)
				if (err != nil) != (i%7 == 0) {
					t.Error(err)
				}
				p.Release()
			}
		})
	}
	all.Wait()
	var next [4]int
	for range 4 * (n - (n+6)/7) {
		e := c.Next()
		g := int(e.Name()[1] - '0')
		for next[g]%7 == 0 {
			next[g]++
		}
		i := next[g]
		next[g]++
		want := []any{i}
		if i%3 == 0 {
			want = append(want, []byte(fmt.Sprint(g, i)))
		}
		if i%5 == 0 {
			want = append(want, strings.Repeat("x", 10_000))
		}
		if !e.Is(want...) {
			t.Fatalf("got %v, want %d", e, i)
		}
	}
	c.ExpectNone()
}

// TestPacketsOfSeveralGoroutines: a packet that was sent may be sent by several.
func TestPacketsOfSeveralGoroutines(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	p := sio.Prepare("p").Int(1).Binary([]byte("bin"))
	if err := srv.Send(p); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				for _, to := range []sio.Sender{srv, srv.All().Compress(false), socket(t, srv, a), socket(t, srv, b)} {
					if err := to.Send(p); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	p.Release()
	for _, c := range []*siotest.Client{a, b} {
		for range 1 + 8*20*3 {
			c.Expect("p", 1, []byte("bin"))
		}
		c.ExpectNone()
	}
}

// TestSlot: values of sockets, by type, without maps, from any goroutine.
func TestSlot(t *testing.T) {
	num, text, ptr := sio.NewSlot[int](), sio.NewSlot[string](), sio.NewSlot[*point]()
	srv := newServer(t, sio.Options{})
	ca, cb := pair(t, srv)
	a, b := socket(t, srv, ca), socket(t, srv, cb)
	if v, ok := num.Lookup(a); v != 0 || ok || num.Get(a) != 0 || ptr.Get(a) != nil {
		t.Error("a value that nobody has set")
	}
	ptr.Set(a, &point{X: 1})
	num.Set(a, 5)
	num.Set(a, 6)
	text.Set(b, "b")
	if num.Get(a) != 6 || ptr.Get(a).X != 1 || text.Get(a) != "" || text.Get(b) != "b" || num.Get(b) != 0 {
		t.Error("values are mixed up")
	}
	if v, ok := num.Lookup(a); v != 6 || !ok {
		t.Error("the value is not there")
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s := sio.NewSlot[int]()
			for range 100 {
				s.Set(a, i)
				if s.Get(a) != i {
					t.Error("another one's value")
				}
			}
		})
	}
	all.Wait()
	if num.Get(a) != 6 {
		t.Error("a value was lost")
	}
}

// TestDo: functions run in the order of the socket's handlers, never beside one, and not
// behind OnDisconnect.
func TestDo(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var n int // guarded by the order
	hold := make(chan struct{})
	srv.On("x", func(s *sio.Socket, m *sio.Msg) error { n++; return nil })
	srv.On("block", func(s *sio.Socket, m *sio.Msg) error { recv(t, hold); n++; return nil })
	ended := false
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { ended = true })
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	emit(t, c, "block")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if err := s.Do(func() { n++ }); err != nil {
					t.Error(err)
				}
				emit(t, c, "x")
			}
		})
	}
	all.Wait()
	close(hold)
	clock.Settle()
	if n != 1+2*800 {
		t.Errorf("%d", n)
	}
	// Around the end: what Do has taken runs before OnDisconnect, all else is refused.
	for range 200 {
		ended = false
		c := siotest.Dial(t, srv, "/")
		s := socket(t, srv, c)
		var took, ran int
		all.Go(func() {
			for {
				err := s.Do(func() {
					ran++
					if ended {
						t.Error("run behind OnDisconnect")
					}
				})
				if err != nil {
					if !errors.Is(err, sio.ErrClosed) {
						t.Error(err)
					}
					return
				}
				took++
			}
		})
		c.Cut()
		all.Wait()
		clock.Settle()
		if took != ran {
			t.Fatalf("%d taken, %d run", took, ran)
		}
	}
}
