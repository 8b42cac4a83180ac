package siotest_test

import (
	"log/slog"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// BenchmarkDial times whole test cases, the end of everything included: a server, a
// client of it, an event to and fro; and one client more for a server that is there.
func BenchmarkDial(b *testing.B) {
	newServer := func(b *testing.B) *sio.Server {
		srv, err := sio.New(sio.Options{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
		return srv
	}
	echo := func(c *siotest.Client) {
		_ = c.Emit("echo", "hi")
		c.Expect("echo", "hi")
	}
	for _, tr := range transports {
		b.Run("case/"+tr.kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				t := new(fakeTB)
				echo(siotest.Dial(t, newServer(b), "/", tr.opts...))
				t.end()
			}
		})
		b.Run("client/"+tr.kind, func(b *testing.B) {
			srv := newServer(b)
			siotest.Start(b, srv)
			b.ReportAllocs()
			for b.Loop() {
				t := new(fakeTB)
				echo(siotest.Dial(t, srv, "/", tr.opts...))
				t.end()
			}
		})
	}
}
