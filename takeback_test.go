package sio_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestTypedOff: handlers of typed events can be taken back by what was registered, as
// others can.
func TestTypedOff(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	const (
		one   sio.Event[int]                   = "one"
		two   sio.Event2[int, int]             = "two"
		three sio.Event3[int, int, int]        = "three"
		ask   sio.Request[int, int]            = "ask"
		ask2  sio.Request2[int, int, int]      = "ask2"
		ask3  sio.Request3[int, int, int, int] = "ask3"
	)
	clock := siotest.Start(t, srv)
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	play := func() {
		for _, e := range []string{"one", "two", "three", "ask", "ask2", "ask3"} {
			emit(t, c, e, 1, 2, 3)
		}
		clock.Settle()
	}

	kept := func(*sio.Socket, int) error { l.add("kept"); return nil }
	h1 := func(*sio.Socket, int) error { l.add("one"); return nil }
	h2 := func(_ *sio.Socket, a, b int) error { l.add("two"); return nil }
	h3 := func(_ *sio.Socket, a, b, c int) error { l.add("three"); return nil }
	q1 := func(_ context.Context, _ *sio.Socket, a int) (int, error) { l.add("ask"); return a, nil }
	q2 := func(_ context.Context, _ *sio.Socket, a, b int) (int, error) { l.add("ask2"); return a, nil }
	q3 := func(_ context.Context, _ *sio.Socket, a, b, c int) (int, error) { l.add("ask3"); return a, nil }
	register := func() {
		one.On(s, kept)
		one.On(s, h1)
		two.On(s, h2)
		three.On(s, h3)
		ask.Handle(s, q1)
		ask2.Handle(s, q2)
		ask3.Handle(s, q3)
	}
	register()
	play()
	l.want(t, "kept", "one", "two", "three", "ask", "ask2", "ask3")
	one.Off(s, h1)
	two.Off(s, func(*sio.Socket, int, int) error { return nil }) // another one
	play()
	l.want(t, "kept", "two", "three", "ask", "ask2", "ask3")
	two.Off(s, h2)
	three.Off(s, h3)
	ask.Off(s, q1)
	ask2.Off(s, q2)
	ask3.Off(s, q3)
	play()
	l.want(t, "kept")
	register()
	one.Off(s)
	two.Off(s)
	three.Off(s)
	ask.Off(s)
	ask2.Off(s)
	ask3.Off(s)
	play()
	l.want(t)
	if names := s.EventNames(); len(names) != 0 {
		t.Errorf("names of what was removed: %q", names)
	}
}

// TestCatchAllLists (K08): catch-all handlers of a socket's own can be listed, and taken
// back one by one, those for what goes out as well.
func TestCatchAllLists(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	if len(s.ListenersAny()) != 0 || len(s.ListenersOutgoing()) != 0 {
		t.Error("listeners that nobody has added")
	}
	a := func(*sio.Socket, *sio.Msg) error { l.add("a"); return nil }
	b := func(*sio.Socket, *sio.Msg) error { l.add("b"); return nil }
	s.OnAny(a)
	s.PrependAny(b)
	for _, h := range s.ListenersAny() {
		_ = h(s, nil)
	}
	l.want(t, "b", "a")
	s.OffAny(s.ListenersAny()[0])
	for _, h := range s.ListenersAny() {
		_ = h(s, nil)
	}
	l.want(t, "a")

	x := func(*sio.Socket, *sio.Msg) { l.add("x") }
	y := func(*sio.Socket, *sio.Msg) { l.add("y") }
	s.OnOutgoing(x)
	s.PrependOutgoing(y)
	emit(t, s, "e")
	l.want(t, "y", "x")
	list := s.ListenersOutgoing()
	s.OffOutgoing(x)
	emit(t, s, "e")
	l.want(t, "y")
	if len(list) != 2 || len(s.ListenersOutgoing()) != 1 {
		t.Error("the list is not what it was")
	}
	s.OffOutgoing()
	emit(t, s, "e")
	l.want(t)
}

// TestCallAllOfEverything (K06): a namespace and a server can be asked as a whole, by
// requests of any number of arguments.
func TestCallAllOfEverything(t *testing.T) {
	srv := newServer(t, sio.Options{})
	const (
		ask  sio.Request[int, int]            = "ask"
		ask2 sio.Request2[int, int, int]      = "ask2"
		ask3 sio.Request3[int, int, int, int] = "ask3"
	)
	a, b := pair(t, srv)
	for i, c := range []*siotest.Client{a, b} {
		for _, name := range []string{"ask", "ask2", "ask3"} {
			c.On(name, func(e *siotest.Event) {
				args, _ := e.Args()
				sum := float64(10 * i)
				for _, v := range args {
					sum += v.(float64)
				}
				e.Ack(sum)
			})
		}
	}
	collect := func(seq func(yield func(int, error) bool)) (all []int) {
		for v, err := range seq {
			if err != nil {
				t.Error(err)
			}
			all = append(all, v)
		}
		slices.Sort(all)
		return all
	}
	ctx := t.Context()
	for i, got := range [][]int{
		collect(ask.CallAll(ctx, srv, 1)),
		collect(ask2.CallAll(ctx, srv.Of("/"), 1, 2)),
		collect(ask3.CallAll(ctx, srv.All(), 1, 2, 3)),
	} {
		want := []int{1, 3, 6}[i]
		if !slices.Equal(got, []int{want, want + 10}) {
			t.Errorf("with %d arguments: %v", i+1, got)
		}
	}
}

// TestZeroSlot: a slot that was not made is nobody's, and says so.
func TestZeroSlot(t *testing.T) {
	srv := newServer(t, sio.Options{})
	first := sio.NewSlot[string]()
	s := socket(t, srv, siotest.Dial(t, srv, "/"))
	first.Set(s, "alice")
	var zero sio.Slot[string]
	for name, f := range map[string]func(){
		"Set": func() { zero.Set(s, "mallory") }, "Get": func() { zero.Get(s) }, "Lookup": func() { zero.Lookup(s) },
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "NewSlot") {
					t.Errorf("%s: %q", name, text)
				}
			}()
			f()
		}()
	}
	if first.Get(s) != "alice" {
		t.Errorf("the slot holds %q", first.Get(s))
	}
}

// TestPatternNames (C08): a pattern's name is what it was made from, and a pattern that
// says nothing clear is refused with words.
func TestPatternNames(t *testing.T) {
	srv := newServer(t, sio.Options{})
	never := func(context.Context, string, sio.Raw) error { return context.Canceled }
	for want, n := range map[string]*sio.Namespace{
		"/match/{id}":  srv.OfPattern("match/{id}"),
		"/a/{x}/{Y_1}": srv.OfPattern("/a/{x}/{Y_1}"),
		`^/s-\d+$`:     srv.OfRegexp(regexp.MustCompile(`^/s-\d+$`)),
		"func":         srv.OfFunc(never),
	} {
		if n.Name() != want {
			t.Errorf("%q is called %q", want, n.Name())
		}
	}
	for pattern, why := range map[string]string{
		"/m/{my-id}":   `"my-id" is no name`,
		"/m/{}":        `"" is no name`,
		"/m/{é}":       `"é" is no name`,
		"/{id}/x/{id}": `"id" stands twice`,
		"/a{b}":        `"a{b}"`,
		"/{a}b":        `"{a}b"`,
		"/{a}{b}":      `"{a}{b}"`,
		"/x/{a":        `"{a"`,
		"/x/a}":        `"a}"`,
	} {
		func() {
			defer func() {
				text, _ := recover().(string)
				if !strings.Contains(text, "sio: namespace pattern") || !strings.Contains(text, why) || strings.Contains(text, "regexp") {
					t.Errorf("%s: %q", pattern, text)
				}
			}()
			srv.OfPattern(pattern)
		}()
	}
}
