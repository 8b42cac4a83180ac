package sio_test

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestArgumentsMayBeChanged: whatever takes arguments has read them when it returns, short
// or long, so their memory is the caller's again. The race detector watches.
func TestArgumentsMayBeChanged(t *testing.T) {
	for _, size := range []int{1, 5000, 70_000} {
		for transport, opts := range map[string][]siotest.DialOption{"websocket": nil, "polling": {siotest.Polling()}} {
			srv := newServer(t, sio.Options{Queue: sio.Queue{MaxBytes: 64 << 20}})
			srv.OnOutgoing(func(_ *sio.Socket, m *sio.Msg) { _ = m.Keep() })
			c := siotest.Dial(t, srv, "/", append(opts, siotest.Loop(1))...)
			s := socket(t, srv, c)
			if err := s.Join("room"); err != nil {
				t.Fatal(err)
			}
			room := srv.Room("room")
			bin, text, list := make([]byte, size), make([]byte, size+2), []any{nil, nil}
			nested := map[string]any{"b": bin, "list": list}
			fill := func(k byte) {
				for i := range bin {
					bin[i] = k
				}
				for i := range text {
					text[i] = 'a' + k
				}
				text[0], text[size+1] = '"', '"'
				list[0], list[1] = int(k), string(text[1:size+1])
				nested["k"] = int(k)
			}
			c.On("ask", func(e *siotest.Event) { e.Ack() })
			want := func(name string, event string, k byte) {
				t.Helper()
				b, s := bytes.Repeat([]byte{k}, size), string(bytes.Repeat([]byte{'a' + k}, size))
				if e := c.Next(); e.Name() != event || !e.Is(b, s, map[string]any{"b": b, "list": []any{int(k), s}, "k": int(k)}) {
					t.Fatalf("%s over %s, %d bytes: the argument has changed behind %s", event, transport, size, name)
				}
			}
			k := byte(0)
			ctx := context.Background()
			for name, f := range map[string]func(args ...any) error{
				"Emit":      func(a ...any) error { return s.Emit("e", a...) },
				"EmitWait":  func(a ...any) error { return s.EmitWait(ctx, "e", a...) },
				"broadcast": func(a ...any) error { return srv.Emit("e", a...) },
				"room":      func(a ...any) error { return room.Emit("e", a...) },
				"target":    func(a ...any) error { return srv.To("room").Except("none").Emit("e", a...) },
				"Self":      func(a ...any) error { return s.Self().Compress(false).Emit("e", a...) },
				"packet": func(a ...any) error {
					p := sio.Prepare("e")
					defer p.Release()
					p.Binary(a[0].([]byte)).Raw(a[1].(sio.Raw)).Add(a[2])
					return s.Send(p)
				},
				"packet, built in its own memory": func(a ...any) error {
					p := sio.Prepare("e")
					defer p.Release()
					b := append(p.Scratch(), a[0].([]byte)...)
					err := room.Send(p.Binary(b).Add(a[1]).Add(a[2]))
					clear(b) // nobody reads it any more
					return err
				},
				"AskFunc": func(a ...any) error {
					return s.AskFunc(time.Hour, func(*sio.Msg, error) {}, "e", a...)
				},
			} {
				k = (k + 1) % 20
				fill(k)
				if err := f(bin, sio.Raw(text), nested); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				fill(99 % 20)
				want(name, "e", k)
			}
			room.Close()
		}
	}
}

// TestMessageIsTheHandlers: a handler may do what it likes with the bytes that it is
// given, and with a copy of Keep even after it has returned, beside other events.
func TestMessageIsTheHandlers(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			srv := newServer(t, sio.Options{})
			var writers sync.WaitGroup
			wrong := make(chan string, 100)
			srv.On("x", func(s *sio.Socket, m *sio.Msg) error {
				i, err := m.Int(0)
				b, ok := m.Binary(1)
				if err != nil || !ok || len(b) != 64 || b[0] != byte(i) || b[63] != byte(i) {
					wrong <- "not the bytes that were sent"
				}
				k := m.Keep()
				clear(b)
				clear(m.Raw(0))
				writers.Go(func() {
					v, err := k.Int(0)
					kept, ok := k.Binary(1)
					if err != nil || v != i || !ok || !bytes.Equal(kept, bytes.Repeat([]byte{byte(i)}, 64)) {
						wrong <- "the copy of Keep was changed"
					}
					kept[0]++
					if err := k.Ack(v); err != nil {
						wrong <- "the copy of Keep cannot answer: " + err.Error()
					}
				})
				if m.WantsAck() || m.Ack() == nil {
					wrong <- "the right to answer was not given away"
				}
				return nil
			}, mode...)
			c := siotest.Dial(t, srv, "/")
			var asked sync.WaitGroup
			for i := range 50 {
				asked.Go(func() {
					e, err := c.Ask(context.Background(), "x", i, bytes.Repeat([]byte{byte(i)}, 64))
					if err != nil || !e.Is(i) {
						t.Errorf("%d: got %v %v", i, e, err)
					}
				})
			}
			asked.Wait()
			writers.Wait()
			select {
			case w := <-wrong:
				t.Error(w)
			default:
			}
		})
	}
}

// TestAnswersLast: an acknowledgement is its receiver's for good.
func TestAnswersLast(t *testing.T) {
	srv := newServer(t, sio.Options{})
	a, b := pair(t, srv)
	for _, c := range []*siotest.Client{a, b} {
		c.On("ask", func(e *siotest.Event) { e.Ack(e.Raw(0)[0]-'0', bytes.Repeat(e.Raw(0), 100)) })
	}
	s := socket(t, srv, a)
	var answers []*sio.Msg
	for i := range 10 {
		m, err := s.Ask(context.Background(), "ask", i)
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range srv.All().AskAll(context.Background(), "ask", i) {
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, r.Msg)
		}
		answers = append(answers, m)
	}
	a.Close()
	b.Close()
	for i, m := range answers {
		v, err := m.Int(0)
		buf, ok := m.Binary(1)
		if v != int64(i/3) || err != nil || !ok || !bytes.Equal(buf, bytes.Repeat([]byte{'0' + byte(v)}, 100)) {
			t.Errorf("answer %d: %d %v %q", i, v, err, buf)
		}
	}
}

type heldKey struct{}

// TestNothingIsHeld: what is over holds no memory of the application's: no timer of a
// question that was answered, that its socket's end has answered, or whose caller has gone;
// no socket that has left; no released packet. A timer of the runtime's that still ran
// would hold what its function does.
func TestNothingIsHeld(t *testing.T) {
	srv := newServer(t, sio.Options{AckTimeout: time.Hour})
	slot := sio.NewSlot[*[1 << 16]byte]()
	clock := siotest.Start(t, srv)
	a, b := pair(t, srv)
	a.On("ask", func(e *siotest.Event) { e.Ack() })

	held := make(map[string]weak.Pointer[[1 << 16]byte])
	hold := func(name string) *[1 << 16]byte {
		v := new([1 << 16]byte)
		held[name] = weak.Make(v)
		return v
	}
	func() {
		sa, sb := socket(t, srv, a), socket(t, srv, b)
		ask := func(name string, s *sio.Socket, event string) {
			v := hold(name)
			if err := s.AskFunc(time.Hour, func(*sio.Msg, error) { v[0]++ }, event); err != nil {
				t.Error(err)
			}
		}
		ask("question that was answered", sa, "ask")
		ask("question to one who left", sb, "silence")
		v := hold("value of a socket that left")
		slot.Set(sb, v)
		v = hold("function of Do")
		if err := sa.Do(func() { v[0]++ }); err != nil {
			t.Error(err)
		}
		own := hold("listener that was taken off")
		sa.On("x", func(*sio.Socket, *sio.Msg) error { own[0]++; return nil })
		sa.Off("x")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		q := hold("context of a question")
		if _, err := sa.Ask(context.WithValue(ctx, heldKey{}, q), "silence"); err == nil {
			t.Error("answered")
		}
		f := hold("filter of a question to all")
		for range srv.All().Filter(func(*sio.Socket) bool { return f[0] == 0 }).AskAll(ctx, "silence") {
		}
		arg := hold("argument")
		emit(t, sa, "e", arg[:], []byte("x"))
		a.Next()
	}()
	b.Cut()
	clock.Settle()
	a.Drain()
	for range 100 {
		runtime.GC()
		clock.Settle()
		for name, p := range held {
			if p.Value() == nil {
				delete(held, name)
			}
		}
		if len(held) == 0 {
			return
		}
	}
	for name := range held {
		t.Errorf("held: %s", name)
	}
}
