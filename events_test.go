package sio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

type point struct {
	X, Y int
	Data sio.Binary `json:",omitempty"`
}

const (
	evMove  sio.Event[point]                             = "move"
	evText  sio.Event[string]                            = "text"
	evBytes sio.Event[[]byte]                            = "bytes"
	evBin   sio.Event[sio.Binary]                        = "bin"
	evFlag  sio.Event[bool]                              = "flag"
	evInt   sio.Event[int64]                             = "int"
	evFloat sio.Event[float64]                           = "float"
	evAny   sio.Event[any]                               = "any"
	evTwo   sio.Event2[string, point]                    = "two"
	evThree sio.Event3[int, []byte, string]              = "three"
	rqAdd   sio.Request2[int, int, int]                  = "add"
	rqJoin  sio.Request3[string, []byte, bool, []string] = "join3"
	rqUpper sio.Request[string, string]                  = "upper"
)

// TestTypedEvents (K01, O08): typed events carry their values both ways, buffers among them.
func TestTypedEvents(t *testing.T) {
	srv := newServer(t, sio.Options{})
	echo := func(err error) error { return err }
	evMove.On(srv, func(s *sio.Socket, v point) error { return echo(evMove.Emit(s, v)) })
	evText.On(srv, func(s *sio.Socket, v string) error { return echo(evText.Emit(s, v)) })
	evBytes.On(srv, func(s *sio.Socket, v []byte) error { return echo(evBytes.Emit(s, v)) })
	evBin.On(srv, func(s *sio.Socket, v sio.Binary) error { return echo(evBin.Emit(s, v)) })
	evFlag.On(srv, func(s *sio.Socket, v bool) error { return echo(evFlag.Emit(s, v)) })
	evInt.On(srv, func(s *sio.Socket, v int64) error { return echo(evInt.Emit(s, v)) }, sio.Inline)
	evFloat.On(srv, func(s *sio.Socket, v float64) error { return echo(evFloat.Emit(s, v)) }, sio.Inline)
	evAny.On(srv, func(s *sio.Socket, v any) error { return echo(evAny.Emit(s, v)) })
	evTwo.On(srv, func(s *sio.Socket, a string, b point) error { return echo(evTwo.Emit(s, a, b)) })
	evThree.On(srv, func(s *sio.Socket, a int, b []byte, c string) error { return echo(evThree.Emit(s, a, b, c)) })
	c := siotest.Dial(t, srv, "/")
	for _, tc := range []struct {
		event string
		args  []any
	}{
		{"move", []any{map[string]any{"X": 1, "Y": -2}}},
		{"move", []any{map[string]any{"X": 1, "Y": -2, "Data": []byte{0, 1, 255}}}},
		{"text", []any{"hällo \u2028 \x00 \"quoted\" 🎲"}},
		{"text", []any{""}},
		{"bytes", []any{[]byte("raw")}},
		{"bytes", []any{[]byte{}}},
		{"bin", []any{[]byte("raw")}},
		{"flag", []any{true}},
		{"flag", []any{false}},
		{"int", []any{math.MaxInt32}},
		{"int", []any{-5}},
		{"float", []any{-0.25}},
		{"float", []any{1e300}},
		{"any", []any{map[string]any{"list": []any{1, "two", nil, []byte("three")}}}},
		{"any", []any{nil}},
		{"two", []any{"a", map[string]any{"X": 1, "Y": 2, "Data": []byte("d")}}},
		{"three", []any{7, []byte("b"), "c"}},
	} {
		emit(t, c, tc.event, tc.args...)
		c.Expect(tc.event, tc.args...)
	}
	c.ExpectNone()
}

// TestTypedBadArguments: a value of the wrong kind, or none, never reaches a typed
// handler: it is an error of the event, told to a client that waits for an answer.
func TestTypedBadArguments(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnError(func(s *sio.Socket, err error) { l.add("%v", err) })
	bad := errors.New("reached")
	evMove.On(srv, func(*sio.Socket, point) error { return bad })
	evText.On(srv, func(*sio.Socket, string) error { return bad })
	evBytes.On(srv, func(*sio.Socket, []byte) error { return bad })
	evInt.On(srv, func(*sio.Socket, int64) error { return bad })
	evTwo.On(srv, func(*sio.Socket, string, point) error { return bad })
	evThree.On(srv, func(*sio.Socket, int, []byte, string) error { return bad })
	rqAdd.Handle(srv, func(context.Context, *sio.Socket, int, int) (int, error) { return 0, bad })
	c := siotest.Dial(t, srv, "/")
	for _, tc := range []struct {
		event string
		args  []any
		arg   int
	}{
		{"move", nil, 0}, {"move", []any{"x"}, 0}, {"move", []any{map[string]any{"X": "1"}}, 0},
		{"text", nil, 0}, {"text", []any{1}, 0}, {"text", []any{nil}, 0},
		{"bytes", nil, 0}, {"bytes", []any{5}, 0},
		{"int", []any{1.5}, 0}, {"int", []any{"1"}, 0}, {"int", []any{json.Number("1e3")}, 0},
		{"two", []any{"a"}, 1}, {"two", []any{"a", 1}, 1}, {"two", []any{1, map[string]any{}}, 0},
		{"three", []any{1, []byte("x")}, 2}, {"three", []any{1, []byte("x"), 2}, 2},
		{"add", []any{1}, 1},
	} {
		e, err := c.Ask(context.Background(), tc.event, tc.args...)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Error struct{ Code, Message string }
		}
		want := fmt.Sprintf("argument %d is missing or of the wrong type", tc.arg)
		if err := e.Decode(0, &got); err != nil || got.Error.Code != "bad_argument" || got.Error.Message != want {
			t.Errorf("%s %v: got %v", tc.event, tc.args, e)
		}
	}
	l.want(t) // the client was told: nobody else need know
	emit(t, c, "text", 1)
	c.Drain()
	l.want(t, `sio: event "text": bad_argument: argument 0 is missing or of the wrong type`)
}

// TestRequests (K02, K03): requests are answered with values, with intended errors, and with a
// text that tells nothing of the others.
func TestRequests(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnError(func(s *sio.Socket, err error) { l.add("%v", err) })
	rqUpper.Handle(srv, func(ctx context.Context, s *sio.Socket, v string) (string, error) {
		switch v {
		case "fail":
			return "", fmt.Errorf("wrapped: %w", sio.Fail{Code: "full", Message: "match is full", Data: map[string]any{"max": 2}})
		case "secret":
			return "", errors.New("database password is 1234")
		case "gone":
			if ctx.Err() != nil || ctx != s.Context() {
				t.Error("not the socket's context")
			}
		}
		return strings.ToUpper(v), nil
	})
	rqAdd.Handle(srv, func(_ context.Context, _ *sio.Socket, a, b int) (int, error) { return a + b, nil })
	rqJoin.Handle(srv, func(_ context.Context, _ *sio.Socket, a string, b []byte, c bool) ([]string, error) {
		return []string{a, string(b), fmt.Sprint(c)}, nil
	}, sio.Inline)
	c := siotest.Dial(t, srv, "/")

	if got, err := siotest.Call(c, rqUpper, "abc"); got != "ABC" || err != nil {
		t.Errorf("got %q %v", got, err)
	}
	if got, err := siotest.Call(c, rqUpper, "gone"); got != "GONE" || err != nil {
		t.Errorf("got %q %v", got, err)
	}
	_, err := siotest.Call(c, rqUpper, "fail")
	var f sio.Fail
	if !errors.As(err, &f) || f.Code != "full" || f.Message != "match is full" || string(f.Data.(json.RawMessage)) != `{"max":2}` {
		t.Errorf("got %#v", err)
	}
	l.want(t)
	_, err = siotest.Call(c, rqUpper, "secret")
	if !errors.As(err, &f) || f.Code != "" || f.Message != "internal error" {
		t.Errorf("got %#v", err)
	}
	siotest.Start(t, srv).Settle() // it is told behind the answer
	l.want(t, `sio: event "upper": database password is 1234`)

	e, err := c.Ask(context.Background(), "add", 2, 3)
	if err != nil || string(e.Raw(0)) != "5" {
		t.Error(e, err)
	}
	e, err = c.Ask(context.Background(), "join3", "a", []byte("b"), true)
	if err != nil || string(e.Raw(0)) != `["a","b","true"]` {
		t.Error(e, err)
	}
	emit(t, c, "add", 1, 2) // no answer wanted: none sent
	c.ExpectNone()

	// The other direction.
	s := socket(t, srv, c)
	siotest.Answer(c, rqUpper, func(v string) (string, error) { return "client " + v, nil })
	c.On("add", func(e *siotest.Event) {
		var a, b int
		if e.Decode(0, &a) != nil || e.Decode(1, &b) != nil {
			t.Error(e)
		}
		e.Ack(a * b)
	})
	c.On("join3", func(e *siotest.Event) { e.Ack([]string{"x"}) })
	c.On("empty", func(e *siotest.Event) { e.Ack() })
	c.On("wrong", func(e *siotest.Event) { e.Ack("not a number") })
	ctx := context.Background()
	if got, err := rqUpper.Call(ctx, s, "q"); got != "client q" || err != nil {
		t.Errorf("got %q %v", got, err)
	}
	if got, err := rqAdd.Call(ctx, s, 6, 7); got != 42 || err != nil {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := rqJoin.Call(ctx, s, "a", []byte("b"), false); !reflect.DeepEqual(got, []string{"x"}) || err != nil {
		t.Errorf("got %v %v", got, err)
	}
	if got, err := sio.Request[int, int]("empty").Call(ctx, s, 1); got != 0 || err != nil {
		t.Errorf("an answer without arguments: %v %v", got, err)
	}
	if _, err := sio.Request[int, int]("wrong").Call(ctx, s, 1); err == nil {
		t.Error("an answer of the wrong kind is no error")
	}
}

// TestAckErrorOption: the option makes the answer from an error.
func TestAckErrorOption(t *testing.T) {
	srv := newServer(t, sio.Options{AckError: func(err error) []any { return []any{"failed", err.Error()} }})
	srv.On("go", func(*sio.Socket, *sio.Msg) error { return errors.New("why") })
	c := siotest.Dial(t, srv, "/")
	e, err := c.Ask(context.Background(), "go")
	if err != nil || e.String() != `("failed", "why")` {
		t.Error(e, err)
	}
}

// TestEmitTypes (K01): whatever JSON can say and nested buffers, several arguments,
// UTF-8, large texts and buffers, travel both ways unchanged.
func TestEmitTypes(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []siotest.DialOption
	}{
		{"websocket", nil},
		{"polling", []siotest.DialOption{siotest.Polling()}},
		{"upgraded", []siotest.DialOption{siotest.Upgrade()}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := newServer(t, sio.Options{MaxPayload: 4 << 20, Queue: sio.Queue{MaxBytes: 16 << 20}})
			srv.On("echo", func(s *sio.Socket, m *sio.Msg) error {
				args, err := m.Args()
				if err != nil {
					return err
				}
				return s.Emit("echo", args...)
			})
			srv.On("relay", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
			c := siotest.Dial(t, srv, "/", tc.opts...)
			for _, args := range [][]any{
				{},
				{1}, {1.5}, {-1e-7}, {"text"}, {nil}, {true, false},
				{"Iñtërnâtiônàlizætiøn ☃ 💩", "\u2028\u2029", "\x1e separator", "\\ \" /"},
				{[]any{}, map[string]any{}, []any{[]any{[]any{}}}},
				{map[string]any{"a": map[string]any{"b": []any{1, "2", nil}}}},
				{[]byte("one")}, {[]byte("one"), "x", []byte("two")},
				{map[string]any{"deep": []any{1, map[string]any{"bin": []byte{0, 0x1e, 0xff}}}}, []byte{}},
				{strings.Repeat("0123456789", 20_000)},
				{bytes.Repeat([]byte{0xfe, 0x1e}, 60_000)},
				{"message", "error", "ping"},
			} {
				for _, event := range []string{"echo", "relay"} {
					emit(t, c, event, args...)
					c.Expect("echo", args...)
				}
			}
		})
	}
}

// TestEncodingQuirks (S08): what has no form in JSON, and what must not be touched.
func TestEncodingQuirks(t *testing.T) {
	srv := newServer(t, sio.Options{})
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)
	when := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)
	emit(t, s, "x", when, math.Inf(1), math.NaN(), sio.Raw(`{"as" : "it is"}`), sio.Raw(nil), json.RawMessage("[1]"), (*int)(nil))
	e := c.Expect("x", "2026-01-02T03:04:05.006Z", nil, nil, map[string]any{"as": "it is"}, nil, []int{1}, nil)
	if got := string(e.Raw(3)); got != `{"as" : "it is"}` && got != `{"as":"it is"}` {
		t.Errorf("raw text became %s", got)
	}
	v := map[string]any{"bin": []byte("b"), "list": []any{[]byte("c")}}
	emit(t, s, "x", v, sio.Binary("d"))
	c.Expect("x", v, []byte("d"))
	if !reflect.DeepEqual(v, map[string]any{"bin": []byte("b"), "list": []any{[]byte("c")}}) {
		t.Errorf("Emit has changed its argument: %v", v)
	}
	p := sio.Prepare("x")
	p.Raw(nil).Raw(sio.Raw("7"))
	if err := s.Send(p); err != nil {
		t.Fatal(err)
	}
	p.Release()
	c.Expect("x", nil, 7)
}

// TestJSONOption (S09): the option's functions encode and decode the arguments of every
// kind of event; attachments are taken out and put back around them.
func TestJSONOption(t *testing.T) {
	// Keys travel in upper case; what comes is reversed.
	upper := func(v any) ([]byte, error) {
		b, err := json.Marshal(v)
		return bytes.ToUpper(b), err
	}
	lower := func(b []byte, v any) error { return json.Unmarshal(bytes.ToLower(b), v) }
	srv := newServer(t, sio.Options{JSON: &sio.JSON{Marshal: upper, Unmarshal: lower}})
	type body struct {
		Name string `json:"name"`
		Bin  []byte `json:"bin,omitempty"`
	}
	const typed sio.Event[body] = "typed"
	const text sio.Event[string] = "text"
	const ask sio.Request[body, body] = "ask"
	got := make(chan any, 1)
	typed.On(srv, func(s *sio.Socket, v body) error { got <- v.Name; return typed.Emit(s, v) })
	text.On(srv, func(s *sio.Socket, v string) error { got <- v; return text.Emit(srv.To(s.ID()), v) })
	ask.Handle(srv, func(_ context.Context, _ *sio.Socket, v body) (body, error) { got <- v.Name; return v, nil })
	srv.On("plain", func(s *sio.Socket, m *sio.Msg) error {
		var v body
		if err := m.Decode(0, &v); err != nil {
			return err
		}
		got <- v.Name
		return s.Emit("plain", v)
	})
	c := siotest.Dial(t, srv, "/")
	s := socket(t, srv, c)

	emit(t, c, "typed", map[string]any{"NAME": "BOB"})
	if v := recv(t, got); v != "bob" {
		t.Errorf("got %v", v)
	}
	c.Expect("typed", map[string]any{"NAME": "BOB"})
	emit(t, c, "plain", map[string]any{"NAME": "BOB"})
	if v := recv(t, got); v != "bob" {
		t.Errorf("got %v", v)
	}
	c.Expect("plain", map[string]any{"NAME": "BOB"})
	emit(t, c, "text", "BOB")
	if v := recv(t, got); v != "bob" {
		t.Errorf("got %v", v)
	}
	c.Expect("text", "BOB")
	e, err := c.Ask(context.Background(), "ask", map[string]any{"NAME": "BOB"})
	if v := recv(t, got); v != "bob" || err != nil || string(e.Raw(0)) != `{"NAME":"BOB"}` {
		t.Errorf("got %v %v %v", v, e, err)
	}
	c.On("ask", func(e *siotest.Event) {
		if string(e.Raw(0)) != `{"NAME":"ALICE"}` {
			t.Errorf("asked %v", e)
		}
		e.Ack(map[string]any{"NAME": "ANNE"})
	})
	if v, err := ask.Call(context.Background(), s, body{Name: "alice"}); v.Name != "anne" || err != nil {
		t.Errorf("got %v %v", v, err)
	}
	for v, err := range ask.CallAll(context.Background(), srv.All(), body{Name: "alice"}) {
		if v.Name != "anne" || err != nil {
			t.Errorf("got %v %v", v, err)
		}
	}
	if _, err := sio.New(sio.Options{JSON: &sio.JSON{Marshal: upper}}); err == nil {
		t.Error("half a JSON is no error")
	}
}

// TestEventNames (S06, S08): names are strings or numbers; those of inner meaning end
// the connection; "error" and other people's inner names are ordinary.
func TestEventNames(t *testing.T) {
	srv := newServer(t, sio.Options{})
	var l log
	srv.OnAny(func(s *sio.Socket, m *sio.Msg) error { l.add("%s", m.Event()); return nil })
	c := siotest.Dial(t, srv, "/")
	names := []string{"error", "", "__proto__", "constructor", "toString", "open", "close", "ping", "message", "newListener ", `quo"ted`, "\n", "a\x00b"}
	for _, name := range names {
		emit(t, c, name)
	}
	c.SendRaw(`42[5]`)
	c.SendRaw(`42["\u0061b"]`)
	siotest.Start(t, srv).Settle()
	l.want(t, append(names, "5", "ab")...)
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener", `\u0063onnect`} {
		c := siotest.Dial(t, srv, "/")
		c.SendRaw(`42["` + name + `"]`)
		c.ExpectEnd("transport close")
	}
	l.want(t)
	for _, r := range []sio.Registrar{srv, socket(t, srv, c)} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("On of a reserved name on a %T does not panic", r)
				}
			}()
			r.On("disconnect", func(*sio.Socket, *sio.Msg) error { return nil })
		}()
	}
}
