package siotest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestGoroutines uses clients from many goroutines at once: each one's events keep
// their order, and each question gets its own answer. The clock moves meanwhile.
func TestGoroutines(t *testing.T) {
	const emitters, events = 8, 50
	for _, tr := range transports {
		t.Run(tr.kind, func(t *testing.T) {
			srv := newEcho(t)
			srv.Of("/other").On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			clock := siotest.Start(t, srv)
			c := siotest.Dial(t, srv, "/", tr.opts...)
			other := c.Of("/other")

			var all sync.WaitGroup
			all.Go(func() { clock.Advance(2 * time.Minute) })
			for who := range emitters {
				all.Go(func() {
					for i := range events {
						emit(t, c, "echo", who, i, []byte{byte(i)})
						emit(t, other, "echo", who, i)
					}
				})
				all.Go(func() {
					for i := range events {
						want := fmt.Sprint(who, " ", i)
						if e, err := c.Ask(t.Context(), "ask", want, []byte(want)); err != nil || !e.Is(want, []byte(want)) {
							t.Errorf("asked with %q: %v, %v", want, e, err)
						}
					}
				})
				all.Go(func() {
					d := siotest.Dial(t, srv, "/", tr.opts...)
					emit(t, d, "echo", who)
					d.Expect("echo", who)
					_, _, _ = d.Transport(), d.SessionID(), d.Reason()
					d.Close()
				})
			}
			for _, c := range []*siotest.Client{c, other} {
				next := make(map[int]int)
				for range emitters * events {
					var who, i int
					e := c.Expect("echo")
					if e.Decode(0, &who) != nil || e.Decode(1, &i) != nil || next[who] != i {
						t.Fatalf("got %v, want event %d of %d", e, next[who], who)
					}
					next[who]++
				}
			}
			all.Wait()
			c.ExpectNone()
			other.ExpectNone()
		})
	}
}

// TestEndsAtOnce: clients that end in the middle of everything leave nothing behind.
func TestEndsAtOnce(t *testing.T) {
	for _, tr := range transports {
		for name, end := range map[string]func(c *siotest.Client){
			"Close":      (*siotest.Client).Close,
			"Cut":        (*siotest.Client).Cut,
			"Disconnect": (*siotest.Client).Disconnect,
			"Cleanup":    nil,
		} {
			t.Run(name+"/"+tr.kind, func(t *testing.T) {
				srv := newEcho(t)
				var all sync.WaitGroup
				failed := fake(func(ft siotest.TB) {
					c := siotest.Dial(ft, srv, "/", tr.opts...)
					c.On("echo", func(e *siotest.Event) { _, _ = c.Ask(context.Background(), "ask", e.Len()) })
					for range 4 {
						all.Go(func() {
							for range 50 {
								_ = c.Emit("echo", []byte("b"))
								_, _ = c.Ask(context.Background(), "ask me") // nobody tells why
							}
						})
					}
					c.Expect("why?")
					if end != nil {
						end(c)
						recv(t, c.Done())
					}
				})
				all.Wait()
				if failed != "" {
					t.Error(failed)
				}
			})
		}
	}
}
