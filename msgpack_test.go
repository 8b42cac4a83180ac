package sio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// inMsgpack is a packet as a message of socket.io-msgpack-parser.
func inMsgpack(t testing.TB, p msgpack.Packet) []byte {
	t.Helper()
	b, err := new(msgpack.Encoder).AppendPacket(nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sendMsgpack sends a packet of the main namespace.
func (c *rawClient) sendMsgpack(kind int, id int64, data string, buffers ...[]byte) {
	c.t.Helper()
	message := inMsgpack(c.t, msgpack.Packet{Type: kind, Namespace: []byte("/"), ID: id, Data: []byte(data), Attachments: buffers})
	c.write(websocket.AppendMasked(nil, websocket.Binary, message, [4]byte{1, 2, 3, 4}))
}

// nextMsgpack is the next packet, its data as JSON text.
func (c *rawClient) nextMsgpack() (data string, buffers [][]byte) {
	c.t.Helper()
	p, err := new(msgpack.Decoder).Packet([]byte(c.next()), 100)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(p.Data), p.Attachments
}

// TestMsgpackBeside (S10): a client that speaks MessagePack and one that does not share
// a room, and handlers see no difference between them.
func TestMsgpackBeside(t *testing.T) {
	srv := newServer(t, sio.Options{})
	got := make(chan []any, 2)
	srv.On("say", func(s *sio.Socket, m *sio.Msg) error {
		if err := s.Join("room"); err != nil {
			return err
		}
		if b, ok := m.Binary(0); !ok || !bytes.Equal(b, []byte{1, 2}) {
			t.Errorf("Binary(0) = %x, %v", b, ok)
		}
		var nested struct{ List []sio.Binary }
		if err := m.Decode(1, &nested); err != nil || len(nested.List) != 1 || !bytes.Equal(nested.List[0], []byte{3}) {
			t.Errorf("Decode(1) = %v, %v", nested, err)
		}
		if raw := string(m.Raw(2)); raw != "-1.5" {
			t.Errorf("Raw(2) = %s", raw)
		}
		args, err := m.Args()
		if err != nil {
			return err
		}
		got <- args
		return m.Ack("done", []byte{4})
	})
	g := startRaw(t, srv)
	a, b := dialIn(t, g, 0), dialIn(t, g, 0)
	a.sendMsgpack(0, -1, "")
	a.nextMsgpack()
	b.send("40")
	b.next()

	const placeholder = `{"_placeholder":true,"num":`
	a.sendMsgpack(2, 5, `["say",`+placeholder+`0},{"list":[`+placeholder+`1}]},-1.5]`, []byte{1, 2}, []byte{3})
	if data, buffers := a.nextMsgpack(); data != `["done",`+placeholder+`0}]` || !reflect.DeepEqual(buffers, [][]byte{{4}}) {
		t.Errorf("acknowledged %s %x", data, buffers)
	}
	b.send(`452-["say",` + placeholder + `0},{"list":[` + placeholder + `1}]},-1.5]`)
	for _, buffer := range [][]byte{{1, 2}, {3}} {
		b.write(websocket.AppendMasked(nil, websocket.Binary, buffer, [4]byte{1, 2, 3, 4}))
	}
	if one, other := recv(t, got), recv(t, got); !reflect.DeepEqual(one, other) {
		t.Errorf("handlers saw %v and %v", one, other)
	}
	if err := srv.To("room").Emit("news", "é", []byte{9}); err != nil {
		t.Fatal(err)
	}
	if data, buffers := a.nextMsgpack(); data != `["news","é",`+placeholder+`0}]` || !reflect.DeepEqual(buffers, [][]byte{{9}}) {
		t.Errorf("got %s %x", data, buffers)
	}
	if text, buffer := b.next(), b.next(); text != `451-["news","é",`+placeholder+`0}]` || buffer != "\x09" {
		t.Errorf("got %s %x", text, buffer)
	}
}

// TestNoMsgpack (S05): without it binary that no packet announced ends the connection, as
// it does with a parser of the application's that wants text.
func TestNoMsgpack(t *testing.T) {
	for name, o := range map[string]sio.Options{
		"off":           {NoMsgpack: true},
		"with a parser": {Parser: &parcels{decode: func(any) (*sio.ParsedPacket, error) { return nil, errParcel }}},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan sio.Reason, 1)
			o.Engine = &sio.EngineHooks{Close: func(_ *sio.Conn, r sio.Reason, _ error) { ended <- r }}
			c := dialRaw(t, newServer(t, o))
			c.sendMsgpack(0, -1, "")
			if r := recv(t, ended); r != sio.ForcedClose {
				t.Errorf("ended with %q", r)
			}
		})
	}
}

// TestMsgpackRecovery (S10, V02, V03, V04): a client that speaks MessagePack comes back to what
// it had, and is sent what it has missed; it may speak the default encoding by then.
func TestMsgpackRecovery(t *testing.T) {
	srv := newServer(t, sio.Options{Recovery: &sio.Recovery{}})
	left := make(chan bool, 1)
	srv.OnDisconnect(func(*sio.Socket, sio.Reason) { left <- true })
	g := startRaw(t, srv)
	var grant struct{ Sid, Pid string }
	var event []string
	read := func(data string, into any) {
		t.Helper()
		if err := json.Unmarshal([]byte(data), into); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
	}
	a := dialIn(t, g, 0)
	a.sendMsgpack(0, -1, "")
	data, _ := a.nextMsgpack()
	read(data, &grant)
	id, pid := grant.Sid, grant.Pid
	for _, dial := range []func(auth string) (next func() string, end func()){
		func(auth string) (func() string, func()) {
			c := dialIn(t, g, 1)
			c.sendMsgpack(0, -1, auth)
			return func() string { data, _ := c.nextMsgpack(); return data }, func() { c.pipe.Close() }
		},
		func(auth string) (func() string, func()) {
			c := dialIn(t, g, 0)
			c.send("40" + auth)
			return func() string { return strings.TrimLeft(c.next(), "0123456789") }, func() { c.pipe.Close() }
		},
	} {
		if event == nil {
			emit(t, srv, "seen", "1")
			data, _ := a.nextMsgpack()
			read(data, &event)
			a.pipe.Close()
			recv(t, left)
		}
		emit(t, srv, "missed", "2")
		next, end := dial(fmt.Sprintf(`{"pid":%q,"offset":%q}`, pid, event[len(event)-1]))
		read(next(), &grant)
		if grant.Sid != id || grant.Pid != pid {
			t.Fatalf("came back as %+v, was %s %s", grant, id, pid)
		}
		if read(next(), &event); !slices.Equal(event[:2], []string{"missed", "2"}) || len(event) != 3 {
			t.Errorf("got %q", event)
		}
		end()
		recv(t, left)
	}
}
