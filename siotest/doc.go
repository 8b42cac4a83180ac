// Package siotest tests the handlers of a Socket.IO server: it runs a [sio.Server]
// without a network and connects clients to it that speak the protocol for real, down
// to the HTTP requests and WebSocket frames. A case takes well under a millisecond.
//
//	func TestJoin(t *testing.T) {
//		srv := newServer() // the application's *sio.Server, handlers and all
//		alice := siotest.Dial(t, srv, "/lobby", siotest.Auth(login{"alice"}))
//		bob := siotest.Dial(t, srv, "/lobby", siotest.Auth(login{"bob"}))
//
//		seat, err := siotest.Call(alice, Join, JoinReq{Match: "m1"})
//		if err != nil || seat.Slot != 0 {
//			t.Fatal(seat, err)
//		}
//		siotest.Send(bob, Say, Chat{Text: "hi"})
//		if got := siotest.Receive(alice, Say); got.Text != "hi" {
//			t.Error(got)
//		}
//		alice.ExpectNone()
//	}
//
// # Time
//
// The server's clock stands still, so nothing times out behind a test's back. [Start]
// returns it, and [Clock.Advance] moves it: pings are sent and answered, silent clients
// are ended, upgrades and connects time out, all in the order of the clock and in no
// time. What is not the protocol's stays real: the deadlines of contexts, the default
// deadline of acknowledgements among them ([sio.Options].AckTimeout).
//
// # Waiting
//
// What waits for the server, waits for real, and for a few seconds at most: then it
// fails the test and says what the client had got instead. Nothing sleeps. Handlers of
// the server run on goroutines of their own and must not call t.FailNow, as testing
// says.
//
// # Ends
//
// Everything that a test has started is ended by its Cleanup: clients first, then the
// server. An error is reported if a handler then still runs.
//
// # Goroutines
//
// A Client may be used by any goroutine. Methods and functions that fail a test at
// once say so: these are for the test's own goroutine.
package siotest
