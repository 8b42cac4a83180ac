package sio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/loop"
)

// parcels is an encoding of packets that has nothing in common with the default one: a
// JSON object as text, in which {"bytes":n} stands for the next n bytes of one binary
// message behind it, which is there only if the packet has buffers.
type parcels struct {
	encoded  atomic.Int32
	decoders atomic.Int32
	closed   atomic.Int32

	encode  func(p *sio.ParsedPacket) ([]any, error) // in place of the encoding, unless it returns nil, nil
	decode  func(message any) (*sio.ParsedPacket, error)
	decoder func()
	end     func()
}

type parcel struct {
	Type int    `json:"type"`
	Nsp  string `json:"nsp"`
	ID   *int64 `json:"id,omitempty"`
	Data any    `json:"data,omitempty"`
}

func (x *parcels) Encode(p *sio.ParsedPacket) ([]any, error) {
	x.encoded.Add(1)
	if x.encode != nil {
		if list, err := x.encode(p); list != nil || err != nil {
			return list, err
		}
	}
	return pack(p)
}

func pack(p *sio.ParsedPacket) ([]any, error) {
	var tail []byte
	q := parcel{Type: int(p.Type), Nsp: p.Namespace, Data: apart(p.Data, &tail)}
	if p.ID >= 0 {
		q.ID = &p.ID
	}
	text, err := json.Marshal(q)
	if tail == nil {
		return []any{string(text)}, err
	}
	return []any{string(text), tail}, err
}

// apart is v with its buffers put into the tail.
func apart(v any, tail *[]byte) any {
	switch v := v.(type) {
	case []byte:
		*tail = append(append([]byte{}, *tail...), v...)
		return map[string]any{"bytes": len(v)}
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = apart(v[i], tail)
		}
		return list
	case map[string]any:
		m := make(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			m[k] = apart(v[k], tail)
		}
		return m
	}
	return v
}

// together is what apart was given.
func together(v any, tail *[]byte) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = together(v[i], tail)
		}
	case map[string]any:
		if n, ok := v["bytes"].(float64); ok && int(n) <= len(*tail) {
			b := (*tail)[:int(n)]
			*tail = (*tail)[int(n):]
			return b
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = together(v[k], tail)
		}
	}
	return v
}

func (x *parcels) Decoder() sio.Decoder {
	x.decoders.Add(1)
	if x.decoder != nil {
		x.decoder()
	}
	return &unpacker{x: x}
}

type unpacker struct {
	x       *parcels
	waiting *parcel // for its bytes
}

var errParcel = errors.New("no parcel")

func (u *unpacker) Add(message any) (*sio.ParsedPacket, error) {
	if u.x.decode != nil {
		if p, err := u.x.decode(message); p != nil || err != nil {
			return p, err
		}
	}
	var tail []byte
	switch m := message.(type) {
	case string:
		if u.waiting != nil {
			return nil, errParcel
		}
		u.waiting = new(parcel)
		if json.Unmarshal([]byte(m), u.waiting) != nil {
			return nil, errParcel
		}
		if strings.Contains(m, `{"bytes":`) {
			return nil, nil
		}
	case []byte:
		if u.waiting == nil {
			return nil, errParcel
		}
		tail = bytes.Clone(m) // it is valid during the call only
	}
	q := u.waiting
	u.waiting = nil
	p := &sio.ParsedPacket{Type: sio.PacketType(q.Type), Namespace: q.Nsp, ID: -1, Data: together(q.Data, &tail)}
	if q.ID != nil {
		p.ID = *q.ID
	}
	return p, nil
}

func (u *unpacker) Close() {
	u.x.closed.Add(1)
	if u.x.end != nil {
		u.x.end()
	}
}

// A parcelClient is a client that is made with the parser.
type parcelClient struct {
	*rawClient
	in sio.Decoder
}

func newParcelClient(t testing.TB, g *loop.Group, index int) *parcelClient {
	return &parcelClient{dialIn(t, g, index), new(parcels).Decoder()}
}

// sendPacket sends a packet of "/".
func (c *parcelClient) sendPacket(kind sio.PacketType, id int64, data any) {
	c.t.Helper()
	c.sendParsed(&sio.ParsedPacket{Type: kind, Namespace: "/", ID: id, Data: data})
}

func (c *parcelClient) sendParsed(p *sio.ParsedPacket) {
	c.t.Helper()
	list, err := pack(p)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range list {
		switch m := m.(type) {
		case string:
			c.send("4" + m)
		case []byte:
			c.write(websocket.AppendMasked(nil, websocket.Binary, m, [4]byte{9, 8, 7, 6}))
		}
	}
}

// want fails the test unless this is the next packet.
func (c *parcelClient) want(kind sio.PacketType, nsp string, id int64, data any) {
	c.t.Helper()
	want := &sio.ParsedPacket{Type: kind, Namespace: nsp, ID: id, Data: data}
	if got := c.nextPacket(); !reflect.DeepEqual(got, want) {
		c.t.Fatalf("got %+v, want %+v", got, want)
	}
}

func (c *parcelClient) nextPacket() *sio.ParsedPacket {
	c.t.Helper()
	for {
		m := c.next()
		var p *sio.ParsedPacket
		var err error
		if text, ok := strings.CutPrefix(m, "4{"); ok {
			p, err = c.in.Add("{" + text)
		} else {
			p, err = c.in.Add([]byte(m))
		}
		if err != nil {
			c.t.Fatalf("%q: %v", m, err)
		}
		if p != nil {
			return p
		}
	}
}

// join joins "/", and returns the server's side.
func (c *parcelClient) join(srv *sio.Server) *sio.Socket {
	c.t.Helper()
	c.sendPacket(sio.PacketConnect, -1, nil)
	p := c.nextPacket()
	if p.Type != sio.PacketConnect || p.Namespace != "/" || p.ID != -1 {
		c.t.Fatalf("got %+v", p)
	}
	s, ok := srv.Socket(p.Data.(map[string]any)["sid"].(string))
	if !ok {
		c.t.Fatalf("no socket for %+v", p)
	}
	return s
}

// TestParser (S10): with another parser everything goes both ways as with the default
// one: joining and being refused, events, buffers anywhere in them, acknowledgements,
// broadcasts, several namespaces, the end.
func TestParser(t *testing.T) {
	x := new(parcels)
	srv := newServer(t, sio.Options{Parser: x})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") })
	srv.On("inline", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "inline") }, sio.Inline)
	srv.On("ask", func(s *sio.Socket, m *sio.Msg) error {
		b, _ := m.Binary(0)
		return m.Ack("answer", append([]byte("re: "), b...))
	})
	type body struct {
		Name string
		Bin  []byte
	}
	sio.Event[body]("typed").On(srv, func(s *sio.Socket, v body) error {
		return sio.Event[body]("typed").Emit(s, body{v.Name + "!", append(v.Bin, '!')})
	})
	other := srv.Of("/other")
	other.Use(func(_ context.Context, s *sio.Socket) error {
		var a struct{ Token string }
		if err := s.Handshake().DecodeAuth(&a); err != nil || a.Token != "t" {
			return sio.Refuse{Message: "no", Data: map[string]any{"why": "token"}}
		}
		return nil
	})
	g := startRaw(t, srv)
	a, b := newParcelClient(t, g, 0), newParcelClient(t, g, 1)
	sa, _ := a.join(srv), b.join(srv)

	values := []any{"text €", 1.5, true, nil, map[string]any{"bin": []byte("one"), "list": []any{[]byte("two"), "x"}}, []byte("three")}
	for _, name := range []string{"echo", "inline"} {
		a.sendPacket(sio.PacketEvent, -1, append([]any{name}, values...))
		a.want(sio.PacketEvent, "/", -1, append([]any{name}, values...))
		a.sendPacket(sio.PacketEvent, -1, []any{name})
		a.want(sio.PacketEvent, "/", -1, []any{name})
	}
	a.sendPacket(sio.PacketEvent, -1, []any{"typed", map[string]any{"Name": "n", "Bin": []byte("b")}})
	a.want(sio.PacketEvent, "/", -1, []any{"typed", map[string]any{"Name": "n!", "Bin": []byte("b!")}})

	a.sendPacket(sio.PacketEvent, 7, []any{"ask", []byte("bin")})
	a.want(sio.PacketAck, "/", 7, []any{"answer", []byte("re: bin")})
	asked := make(chan string, 1)
	go func() {
		m, err := sa.Ask(context.Background(), "question", []byte("?"))
		if err != nil {
			asked <- err.Error()
			return
		}
		v, _ := m.Int(0)
		bin, _ := m.Binary(1)
		asked <- fmt.Sprint(v, " ", string(bin))
	}()
	q := a.nextPacket()
	if q.Type != sio.PacketEvent || q.ID < 0 || !reflect.DeepEqual(q.Data, []any{"question", []byte("?")}) {
		t.Fatalf("got %+v", q)
	}
	a.sendPacket(sio.PacketAck, q.ID, []any{42, []byte("!")})
	if got := recv(t, asked); got != "42 !" {
		t.Errorf("answered %q", got)
	}

	// Translated once for all receivers; loops that come to it at the same time may do it
	// once each.
	all := []*parcelClient{a, b}
	for range 6 {
		c := newParcelClient(t, g, 0)
		c.join(srv)
		all = append(all, c)
	}
	before := x.encoded.Load()
	emit(t, srv, "all", map[string]any{"b": []byte("bin")})
	for _, c := range all {
		c.want(sio.PacketEvent, "/", -1, []any{"all", map[string]any{"b": []byte("bin")}})
	}
	if n := x.encoded.Load() - before; n < 1 || n > 2 {
		t.Errorf("a broadcast to %d was encoded %d times", len(all), n)
	}
	p := sio.Prepare("prepared").Int(1)
	for range 2 {
		if err := srv.To(sa.ID()).Send(p); err != nil {
			t.Error(err)
		}
		a.want(sio.PacketEvent, "/", -1, []any{"prepared", 1.0})
	}
	p.Release()

	// Another namespace.
	a.sendParsed(&sio.ParsedPacket{Type: sio.PacketConnect, Namespace: "/other", ID: -1})
	a.want(sio.PacketConnectError, "/other", -1, map[string]any{"message": "no", "data": map[string]any{"why": "token"}})
	a.sendParsed(&sio.ParsedPacket{Type: sio.PacketConnect, Namespace: "/none", ID: -1})
	a.want(sio.PacketConnectError, "/none", -1, map[string]any{"message": "Invalid namespace"})
	a.sendParsed(&sio.ParsedPacket{Type: sio.PacketConnect, Namespace: "/other", ID: -1, Data: map[string]any{"Token": "t"}})
	if p := a.nextPacket(); p.Type != sio.PacketConnect || p.Namespace != "/other" {
		t.Fatalf("got %+v", p)
	}
	emit(t, other, "there")
	a.want(sio.PacketEvent, "/other", -1, []any{"there"})
	for s := range other.Sockets() {
		s.Disconnect(sio.Disconnect{})
	}
	a.want(sio.PacketDisconnect, "/other", -1, nil)
	a.sendPacket(sio.PacketEvent, -1, []any{"echo", "still here"})
	a.want(sio.PacketEvent, "/", -1, []any{"echo", "still here"})

	a.sendPacket(sio.PacketEvent, -1, []any{"echo", []byte("whose bytes never come")}[:1])
	a.send(`4{"type":2,"nsp":"/","data":["echo",{"bytes":5}]}`)
	a.pipe.Close()
	for _, c := range all[1:] {
		c.pipe.Close()
	}
	for srv.Len() > 0 {
		g.Tick()
	}
	g.Tick()
	if made, closed := x.decoders.Load(), x.closed.Load(); made != int32(len(all)) || closed != made {
		t.Errorf("%d decoders were made, %d closed", made, closed)
	}
}

// TestParserPolling (S10): over polling, text and binary messages share the payload.
func TestParserPolling(t *testing.T) {
	srv := newServer(t, sio.Options{Parser: new(parcels)})
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, sio.Inline)
	p := startPolling(t, srv)
	p.post(`4{"type":0,"nsp":"/"}`)
	if got := p.get(); !strings.HasPrefix(got, `4{"type":0,"nsp":"/","data":{"sid":"`) {
		t.Fatalf("got %q", got)
	}
	p.post("4{\"type\":2,\"nsp\":\"/\",\"data\":[\"echo\",{\"bytes\":3}]}\x1ebAQID")
	if got, want := p.get(), "4{\"type\":2,\"nsp\":\"/\",\"data\":[\"echo\",{\"bytes\":3}]}\x1ebAQID"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestParserChecks (S11): what a parser makes of a client's messages is checked as the
// default encoding is; what is no packet ends the connection, and its sockets hear why.
func TestParserChecks(t *testing.T) {
	event := func(data any) *sio.ParsedPacket {
		return &sio.ParsedPacket{Type: sio.PacketEvent, Namespace: "/", ID: -1, Data: data}
	}
	for name, tc := range map[string]struct {
		packet *sio.ParsedPacket
		legal  bool
	}{
		"event":                     {event([]any{"e", 1}), true},
		"numeric name":              {event([]any{7}), true},
		"struct as an argument":     {event([]any{"e", struct{ A int }{1}}), true},
		"acknowledgement id":        {&sio.ParsedPacket{Type: sio.PacketEvent, Namespace: "/", ID: 12, Data: []any{"e"}}, true},
		"answer to nothing":         {&sio.ParsedPacket{Type: sio.PacketAck, Namespace: "/", ID: 12, Data: []any{}}, true},
		"no data":                   {event(nil), false},
		"no name":                   {event([]any{}), false},
		"name is null":              {event([]any{nil}), false},
		"name is an object":         {event([]any{map[string]any{}}), false},
		"reserved name":             {event([]any{"disconnect"}), false},
		"object as data":            {event(map[string]any{"a": 1}), false},
		"cannot be encoded":         {event([]any{"e", make(chan int)}), false},
		"type too large":            {&sio.ParsedPacket{Type: 5, Namespace: "/", ID: -1, Data: []any{"e"}}, false},
		"negative type":             {&sio.ParsedPacket{Type: -1, Namespace: "/", ID: -1}, false},
		"no namespace":              {&sio.ParsedPacket{Type: sio.PacketEvent, ID: -1, Data: []any{"e"}}, false},
		"namespace without slash":   {&sio.ParsedPacket{Type: sio.PacketEvent, Namespace: "x", ID: -1, Data: []any{"e"}}, false},
		"namespace with a comma":    {&sio.ParsedPacket{Type: sio.PacketEvent, Namespace: "/a,b", ID: -1, Data: []any{"e"}}, false},
		"not joined":                {&sio.ParsedPacket{Type: sio.PacketEvent, Namespace: "/x", ID: -1, Data: []any{"e"}}, false},
		"answer without data":       {&sio.ParsedPacket{Type: sio.PacketAck, Namespace: "/", ID: 1}, false},
		"answer without id":         {&sio.ParsedPacket{Type: sio.PacketAck, Namespace: "/", ID: -1, Data: []any{}}, true}, // nobody waits for it
		"connect with a list":       {&sio.ParsedPacket{Type: sio.PacketConnect, Namespace: "/n", ID: -1, Data: []any{}}, false},
		"connect with a buffer":     {&sio.ParsedPacket{Type: sio.PacketConnect, Namespace: "/n", ID: -1, Data: map[string]any{"b": []byte("x")}}, false},
		"disconnect with data":      {&sio.ParsedPacket{Type: sio.PacketDisconnect, Namespace: "/", ID: -1, Data: "x"}, false},
		"refusal by the client":     {&sio.ParsedPacket{Type: sio.PacketConnectError, Namespace: "/", ID: -1, Data: "x"}, false},
		"more buffers than allowed": {event([]any{"e", []byte("1"), []byte("2"), []byte("3")}), false},
	} {
		t.Run(name, func(t *testing.T) {
			x := new(parcels)
			var made *sio.ParsedPacket // in place of what the client sends
			x.decode = func(any) (*sio.ParsedPacket, error) { return made, nil }
			srv := newServer(t, sio.Options{Parser: x, Limits: sio.Limits{Attachments: 2}})
			ended := make(chan sio.Reason, 10)
			heard := make(chan string, 1)
			srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- r })
			srv.OnAny(func(_ *sio.Socket, m *sio.Msg) error { heard <- m.Event(); return nil })
			srv.OnError(func(*sio.Socket, error) {})
			g := startRaw(t, srv)
			c := newParcelClient(t, g, 0)
			c.join(srv)
			made = tc.packet // the loop rests
			c.send("4x")
			if !tc.legal {
				if r := recv(t, ended); r != sio.ForcedClose && r != sio.ForcedServerClose {
					t.Errorf("reason %q", r)
				}
				return
			}
			if tc.packet.Type == sio.PacketEvent {
				recv(t, heard)
			}
			emit(t, srv, "alive")
			for c.nextPacket().Data.([]any)[0] != "alive" {
			}
		})
	}
}

// TestParserFails: errors and panics of a parser cost the connection whose messages it
// was given, or the packet that it was to encode, and nothing else.
func TestParserFails(t *testing.T) {
	whenPoison := func(p *sio.ParsedPacket, f func() ([]any, error)) ([]any, error) {
		if list, ok := p.Data.([]any); ok && list[0] == "poison" {
			return f()
		}
		return nil, nil
	}
	raise := func() ([]any, error) { boom(); return nil, nil }
	for _, tc := range []struct {
		name   string
		x      *parcels
		json   *sio.JSON
		in     string // makes the decoder fail
		out    bool   // the event "poison" cannot be encoded
		logged string
		panics int64
	}{
		{"Encode: error", &parcels{encode: func(p *sio.ParsedPacket) ([]any, error) {
			return whenPoison(p, func() ([]any, error) { return nil, errParcel })
		}}, nil, "", true, "no parcel", 0},
		{"Encode: panic", &parcels{encode: func(p *sio.ParsedPacket) ([]any, error) { return whenPoison(p, raise) }}, nil, "", true, "boom", 1},
		{"Encode: nothing", &parcels{encode: func(p *sio.ParsedPacket) ([]any, error) {
			return whenPoison(p, func() ([]any, error) { return []any{}, nil })
		}}, nil, "", true, "nothing of a packet", 0},
		{"Encode: a number", &parcels{encode: func(p *sio.ParsedPacket) ([]any, error) {
			return whenPoison(p, func() ([]any, error) { return []any{"text", 7}, nil })
		}}, nil, "", true, "made a int", 0},
		{"JSON.Unmarshal: panic", &parcels{}, &sio.JSON{Marshal: json.Marshal, Unmarshal: func(b []byte, v any) error {
			if bytes.Contains(b, []byte("poison")) {
				boom()
			}
			return json.Unmarshal(b, v)
		}}, "", true, "boom", 1},
		{"Add: error", &parcels{}, nil, `4nonsense`, false, "", 0},
		{"Add: panic", &parcels{decode: func(m any) (*sio.ParsedPacket, error) {
			if m == "now" {
				boom()
			}
			return nil, nil
		}}, nil, "4now", false, "", 1},
		{"JSON.Marshal: panic", &parcels{}, &sio.JSON{Unmarshal: json.Unmarshal, Marshal: func(v any) ([]byte, error) {
			if strings.Contains(fmt.Sprint(v), "marshal me") {
				boom()
			}
			return json.Marshal(v)
		}}, `4{"type":2,"nsp":"/","data":["e",{"a":"marshal me"}]}`, false, "", 1},
		{"Close: panic", &parcels{end: boom}, nil, `4nonsense`, false, "", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var logged logBuffer
			srv := newServer(t, sio.Options{Parser: tc.x, JSON: tc.json, Logger: logged.logger()})
			told := make(chan error, 10)
			srv.OnError(func(_ *sio.Socket, err error) { told <- err })
			ended := make(chan sio.Reason, 10)
			srv.OnDisconnect(func(_ *sio.Socket, r sio.Reason) { ended <- r })
			g := startRaw(t, srv)
			a, b := newParcelClient(t, g, 0), newParcelClient(t, g, 0)
			a.join(srv)
			b.join(srv)
			if tc.in != "" {
				a.send(tc.in)
				err := recv(t, told)
				var p *sio.PanicError
				if errors.As(err, &p) != (tc.panics > 0 && tc.name != "Close: panic") {
					t.Errorf("told %v", err)
				}
				if r := recv(t, ended); r != sio.ForcedClose {
					t.Errorf("reason %q", r)
				}
			}
			if tc.out {
				emit(t, srv, "poison", "x")
			}
			emit(t, srv, "alive")
			b.want(sio.PacketEvent, "/", -1, []any{"alive"})
			if tc.out {
				a.want(sio.PacketEvent, "/", -1, []any{"alive"})
			}
			if text := logged.String(); !strings.Contains(text, tc.logged) {
				t.Errorf("log: %s", text)
			}
			if n := srv.Stats().Panics; n < tc.panics || n > 2*tc.panics { // once, or for each of the two
				t.Errorf("%d panics were counted, want %d", n, tc.panics)
			}
		})
	}
	t.Run("Decoder: panic", func(t *testing.T) {
		var armed atomic.Bool
		srv := newServer(t, sio.Options{Parser: &parcels{decoder: func() {
			if armed.Load() {
				boom()
			}
		}}})
		g := startRaw(t, srv)
		a := newParcelClient(t, g, 0)
		a.join(srv)
		armed.Store(true)
		b := newParcelClient(t, g, 0)
		b.sendPacket(sio.PacketConnect, -1, nil)
		for srv.Stats().Sessions > 1 {
			g.Tick()
		}
		emit(t, srv, "alive")
		a.want(sio.PacketEvent, "/", -1, []any{"alive"})
	})
}
