package sio_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestRecoveryHammer (V04, V07): clients are cut and come back at random while others send to
// their rooms. Each gets every event once and in order, for as long as it is told so.
func TestRecoveryHammer(t *testing.T) {
	const clients, senders, rooms = 8, 4, 3
	for _, tc := range []struct {
		name string
		o    sio.Options
		opts []siotest.DialOption
	}{
		{"WebSocket", sio.Options{Recovery: &sio.Recovery{}}, nil},
		{"polling", sio.Options{Recovery: &sio.Recovery{}}, []siotest.DialOption{siotest.Polling()}},
		{"asked again", sio.Options{Recovery: &sio.Recovery{RunMiddlewares: true}}, nil},
		{"a short log", sio.Options{Recovery: &sio.Recovery{MaxBytes: 10_000}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, tc.o)
			clock := siotest.Start(t, srv)
			srv.Use(func(_ context.Context, _ *sio.Socket) error { return nil })
			srv.OnConnect(func(s *sio.Socket) {
				if !s.Recovered() {
					_ = s.Join("r0", "r1")
				}
			})
			tokens := make(chan struct{}, 1<<16) // one for each event
			var sending, living sync.WaitGroup
			var last [senders][rooms]int
			for g := range senders {
				sending.Go(func() {
					r := 0
					for range tokens {
						r = (r + 1) % rooms
						last[g][r]++
						var to sio.Target
						switch r {
						case 0:
							to = srv.To("r0", "r1")
						case 1:
							to = srv.To("r1").Except("nobody")
						default:
							to = srv.All()
						}
						emit(t, to, "n", g, r, last[g][r])
					}
				})
			}
			chains := make([][]*leg, clients)
			for i := range chains {
				living.Go(func() { chains[i] = live(t, srv, tokens, tc.opts) })
			}
			living.Wait()
			close(tokens)
			sending.Wait()
			if !clock.Settle() {
				t.Fatal("the server does not come to rest")
			}
			recovered, anew := 0, 0
			for i, chain := range chains {
				var next [senders][rooms]int
				for k, l := range chain {
					switch {
					case k > 0 && l.recovered:
						recovered++
					default:
						anew++
						next = [senders][rooms]int{}
					}
					for _, n := range l.got {
						at := &next[n[0]][n[1]]
						if *at != 0 && n[2] != *at {
							t.Fatalf("client %d, leg %d of %d: sender %d, room %d: got %d, want %d", i, k, len(chain), n[0], n[1], n[2], *at)
						}
						*at = n[2] + 1
					}
				}
				for g := range next {
					for r, n := range next[g] {
						if n != 0 && n != last[g][r]+1 {
							t.Errorf("client %d: sender %d, room %d: ends with %d of %d", i, g, r, n-1, last[g][r])
						}
					}
				}
			}
			t.Logf("%d times recovered, %d times not, %d events", recovered, anew, last[0][0]*senders*rooms)
			if recovered < clients || anew > clients && tc.name != "a short log" {
				t.Errorf("%d times recovered, %d times not", recovered, anew)
			}
		})
	}
}

// A leg is what one connection of a client has brought.
type leg struct {
	recovered bool
	got       [][3]int // sender, room, number
}

// live is a client's life: again and again it has some events sent, waits for a few and is
// cut. In the end it comes back once more, and stays.
func live(t *testing.T, srv *sio.Server, tokens chan<- struct{}, opts []siotest.DialOption) (chain []*leg) {
	const legs = 50
	var c *siotest.Client
	for i := range legs {
		how := append([]siotest.DialOption(nil), opts...)
		if c != nil {
			how = append(how, siotest.Resume(c))
		}
		var err error
		if c, err = siotest.TryDial(t, srv, "/", how...); err != nil {
			t.Errorf("dial: %v", err)
			return chain
		}
		l := &leg{recovered: c.Recovered()}
		chain = append(chain, l)
		came := make(chan struct{}, 1<<16)
		c.On("n", func(e *siotest.Event) {
			var n [3]int
			for i := range n {
				if err := e.Decode(i, &n[i]); err != nil {
					t.Error(err)
				}
			}
			l.got = append(l.got, n)
			came <- struct{}{}
		})
		if i == legs-1 {
			break
		}
		few := rand.IntN(8)
		for range 4 + 4*few { // of which every third is for everybody, each sender's
			tokens <- struct{}{}
		}
		for range few {
			select {
			case <-came:
			case <-time.After(patience):
				t.Error("events do not come")
				return chain
			}
		}
		c.Cut()
	}
	return chain
}
