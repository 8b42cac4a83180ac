package siotest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestFailures shows what expectations print when they are not met.
func TestFailures(t *testing.T) {
	const say sio.Event[int] = "say"
	// heard is what the server is made to say first.
	heard := `say("hi", <3 bytes: 616263>, {"n":1})`
	for _, tc := range []struct {
		name  string
		waits bool // in vain: it gives up at once
		test  func(c *siotest.Client)
		want  string
	}{
		{"Expect/nothing", true, func(c *siotest.Client) { c.Expect("a") },
			`siotest: want event "a": nothing has come for 1ms`},
		{"Expect/other event", false, func(c *siotest.Client) { speak(c); c.Expect("a") },
			`siotest: want event "a", got ` + heard},
		{"Expect/other arguments", false, func(c *siotest.Client) { speak(c); c.Expect("say", "ho", []byte("abc")) },
			`siotest: got ` + heard + `, want say("ho", <3 bytes: 616263>)`},
		{"Expect/what is no argument", false, func(c *siotest.Client) { speak(c); c.Expect("say", make(chan int)) },
			`siotest: got ` + heard + `, want say(json: unsupported type: chan int)`},
		{"Expect/long", false, func(c *siotest.Client) {
			_ = c.Emit("echo", strings.Repeat("x", 1000), make([]byte, 1000))
			c.Expect("a")
		}, `siotest: want event "a", got echo("` + strings.Repeat("x", 199) + `..., <1000 bytes: ` + strings.Repeat("0", 32) + `>)`},
		{"Expect/end", false, func(c *siotest.Client) { c.Close(); c.Expect("a") },
			`siotest: want event "a": the client has ended: "io client disconnect"`},
		{"Receive/other type", false, func(c *siotest.Client) { speak(c); siotest.Receive(c, sio.Event[picky]("say")) },
			`siotest: argument 0 of ` + heard + ` is no siotest_test.picky: not to my taste`},
		{"Receive/no argument", false, func(c *siotest.Client) {
			_ = c.Emit("echo")
			siotest.Receive(c, sio.Event[int]("echo"))
		}, `siotest: echo() has no argument 0`},
		{"Receive/nothing", true, func(c *siotest.Client) { siotest.Receive(c, say) },
			`siotest: want event "say": nothing has come for 1ms`},
		{"Next/nothing", true, func(c *siotest.Client) { c.Next() },
			`siotest: Next: nothing has come for 1ms`},
		{"ExpectNone", false, func(c *siotest.Client) { _ = c.Emit("echo", 1); _ = c.Emit("echo", 2); c.ExpectNone() },
			`siotest: want no event, got echo(1), echo(2)`},
		{"ExpectEnd/still there", true, func(c *siotest.Client) { c.ExpectEnd("transport close") },
			`siotest: want end with "transport close": the client is still connected`},
		{"ExpectEnd/other reason", false, func(c *siotest.Client) { c.Close(); c.ExpectEnd("transport close") },
			`siotest: want end with "transport close", got "io client disconnect"`},
		{"Of", false, func(c *siotest.Client) { c.Of("/nowhere") },
			`siotest: Of "/nowhere": siotest: connection refused: Invalid namespace`},
		{"ExpectNone/blocked", true, func(c *siotest.Client) {
			_ = c.Emit("block")
			c.ExpectNone()
		}, `siotest: ExpectNone: the server does not come to rest: a handler, or a function of On, blocks`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newEcho(t)
			srv.On("block", func(s *sio.Socket, _ *sio.Msg) error {
				<-s.Context().Done()
				return nil
			})
			srv.On("speak", func(s *sio.Socket, _ *sio.Msg) error {
				return s.Emit("say", "hi", []byte("abc"), map[string]int{"n": 1})
			})
			failed := fake(func(t siotest.TB) {
				c := siotest.Dial(t, srv, "/")
				if tc.waits {
					defer siotest.SetPatience(time.Millisecond)()
				}
				tc.test(c)
				t.Errorf("it goes on")
			})
			if failed != tc.want {
				t.Errorf("it prints\n%s\nwant\n%s", failed, tc.want)
			}
		})
	}
}

// A picky decodes nothing.
type picky struct{}

func (*picky) UnmarshalJSON([]byte) error { return errors.New("not to my taste") }

func speak(c *siotest.Client) { _ = c.Emit("speak") }

// TestFailuresOfDial is TestFailures for what makes clients.
func TestFailuresOfDial(t *testing.T) {
	srv, served := newEcho(t), newEcho(t)
	siotest.Start(t, srv)
	addr := listen(t, served)
	for _, tc := range []struct {
		name string
		test func(t siotest.TB)
		want string
	}{
		{"Dial", func(t siotest.TB) { siotest.Dial(t, srv, "/", siotest.Loop(7)) },
			`siotest: Dial "/": siotest: Loop(7) of a server with 2`},
		{"Raw", func(t siotest.TB) { siotest.Raw(t, srv, siotest.Loop(7)) },
			`siotest: Raw: siotest: Loop(7) of a server with 2`},
		{"DialAddr", func(t siotest.TB) { siotest.DialAddr(t, addr, "/nowhere") },
			`siotest: DialAddr "` + addr + `" "/nowhere": siotest: connection refused: Invalid namespace`},
		{"ExpectNone over TCP", func(t siotest.TB) { siotest.DialAddr(t, addr, "/").ExpectNone() },
			`siotest: ExpectNone: nobody can tell what a server over TCP still has to do`},
		{"Drain over TCP", func(t siotest.TB) { siotest.DialAddr(t, addr, "/").Drain() },
			`siotest: Drain: nobody can tell what a server over TCP still has to do`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			failed := fake(func(t siotest.TB) {
				tc.test(t)
				t.Errorf("it goes on")
			})
			if failed != tc.want {
				t.Errorf("it prints\n%s\nwant\n%s", failed, tc.want)
			}
		})
	}
}
