package sio_test

import (
	"fmt"
	"testing"

	"github.com/e6a90ca8/sio"
)

// BenchmarkInline is an event up to an inline handler, and its echo, through a turn of a
// loop.
func BenchmarkInline(b *testing.B) { benchmarkEcho(b, sio.Inline) }

// BenchmarkSerial is BenchmarkInline by way of the worker pool: the time of an event in a
// burst of so many, which cross from the loop to a worker and back together.
func BenchmarkSerial(b *testing.B) { benchmarkEcho(b, sio.Serial) }

func benchmarkEcho(b *testing.B, how sio.HandlerOption) {
	for _, depth := range []int{1, 16, 256} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			srv := newServer(b, sio.Options{Loops: 1})
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, how)
			c := dialRaw(b, srv)
			c.send("40")
			c.next()
			const packet = `42["echo",1]`
			var all []byte
			for range depth {
				all = append(all, frames(packet)...)
			}
			space := make([]byte, 64<<10)
			b.ReportAllocs()
			for i := 0; i < b.N; i += depth {
				c.write(all)
				c.skip(depth*(2+len(packet)), space)
			}
		})
	}
}

// BenchmarkEmit is an event to one client, from the goroutine that sends it to the
// client's end of the pipe, in bursts of sixteen.
func BenchmarkEmit(b *testing.B) {
	type point struct {
		X, Y float64
		Name string
	}
	const burst = 16
	for _, bc := range []struct {
		name string
		args []any
		wire string
	}{
		{"int", []any{7}, `42["e",7]`},
		{"string", []any{"some thirty bytes of payload"}, `42["e","some thirty bytes of payload"]`},
		{"struct", []any{point{1, 2.5, "a"}}, `42["e",{"X":1,"Y":2.5,"Name":"a"}]`},
		{"raw", []any{sio.Raw(`{"X":1}`)}, `42["e",{"X":1}]`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			srv := newServer(b, sio.Options{Loops: 1})
			c := dialRaw(b, srv)
			c.send("40")
			c.next()
			s := onlySocket(b, srv)
			space := make([]byte, 4096)
			b.ReportAllocs()
			for i := 0; i < b.N; i += burst {
				for range burst {
					if err := s.Emit("e", bc.args...); err != nil {
						b.Fatal(err)
					}
				}
				c.skip(burst*(2+len(bc.wire)), space)
			}
		})
	}
}

// onlySocket is the socket of the only client.
func onlySocket(t testing.TB, srv *sio.Server) *sio.Socket {
	t.Helper()
	for {
		for s := range srv.Sockets() {
			return s
		}
	}
}

// BenchmarkToEmit is a broadcast to a room, from the goroutine that sends it until the
// loop has delivered it: told for one receiver.
func BenchmarkToEmit(b *testing.B) {
	for _, receivers := range []int{1, 100} {
		b.Run(fmt.Sprint("receivers=", receivers), func(b *testing.B) {
			srv := newServer(b, sio.Options{Loops: 1})
			srv.OnConnect(func(s *sio.Socket) {
				if err := s.Join("room"); err != nil {
					b.Error(err)
				}
			})
			g := startRaw(b, srv)
			clients := make([]*rawClient, receivers)
			for i := range clients {
				clients[i] = dialIn(b, g, 0)
				clients[i].send("40")
				clients[i].next()
			}
			for srv.Room("room").Len() < receivers {
				g.Tick()
			}
			const wire = `42["e",1]`
			space := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if err := srv.To("room").Emit("e", 1); err != nil {
					b.Fatal(err)
				}
				for _, c := range clients {
					c.skip(2+len(wire), space)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*receivers), "ns/receiver")
		})
	}
}
