package session

import (
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// inMsgpack is a packet of the default encoding in MessagePack. Ids in it are spelled as
// in a transcript.
func inMsgpack(packet string, attachments ...string) []byte {
	var parts [][]byte
	for _, a := range attachments {
		parts = append(parts, []byte(a))
	}
	p, err := socketio.Parse(spelled(packet), len(parts))
	if err != nil {
		panic(err)
	}
	if p.Type.Binary() {
		p.Type -= socketio.BinaryEvent - socketio.Event
	}
	q := msgpack.Packet{Type: int(p.Type), Namespace: p.Namespace, ID: p.ID, Data: p.Data, Attachments: parts}
	b, err := new(msgpack.Encoder).AppendPacket(nil, &q)
	if err != nil {
		panic(err)
	}
	return b
}

// TestMsgpack (S10, S11): clients of MessagePack, beside others.
func TestMsgpack(t *testing.T) {
	ws := func(packet string, attachments ...string) string {
		return "bin " + hexed(inMsgpack(packet, attachments...))
	}
	poll := func(packet string, attachments ...string) string {
		return pollingBinary(inMsgpack(packet, attachments...))
	}
	const placeholder = `{"_placeholder":true,"num":0}`
	joinedWS := wsOpened + `
		ws> ` + ws("0") + `
		ws< ` + ws(`0{"sid":"s2"}`) + `
	`
	playAll(t, map[string]transcript{
		"websocket": {rows: "S10", script: joinedWS + `
			ws> ` + ws(`2["echo",1]`) + `
			ws< ` + ws(`2["echo",1]`) + `
			ws> ` + ws(`27["echo",1]`) + `
			ws< ` + ws(`37[1]`) + `
			ws> ` + ws(`2["e",{"a":-1.5}]`) + `
			= s2 ["e",{"a":-1.5}]
			. ask s2 3
			. emit s2 423["q"]
			ws< ` + ws(`23["q"]`) + `
			ws> ` + ws(`33["a"]`) + `
			= s2 ack 3 ["a"]
			. emit s2 42["\ud83d"]
			ws< ` + ws(`2["\ud83d"]`) + `
			+ 25s
			ws< 2
			ws> 3
			ws> ` + ws("0/chat,") + `
			ws< ` + ws(`0/chat,{"sid":"s3"}`) + `
			. disconnect s3
			ws< ` + ws("1/chat,") + `
			! s3 server namespace disconnect
			ws> ` + ws("1") + `
			! s2 client namespace disconnect
			ws> close
			ws< close
			ws< end
			! s1 transport close
		`},
		"buffers": {rows: "S10", script: joinedWS + `
			ws> ` + ws(`51-["e",{"a":[`+placeholder+`]}]`, "\x01\x02") + `
			= s2 ["e",{"a":[` + placeholder + `]}] 0102
			ws> ` + ws(`51-["echo",`+placeholder+`]`, "\x01\x02") + `
			ws< ` + ws(`51-["echo",`+placeholder+`]`, "\x01\x02") + `
			ws> ` + ws(`51-7["echo",`+placeholder+`]`, "") + `
			ws< ` + ws(`61-7[`+placeholder+`]`, "") + `
		`},
		"more buffers than attachments": {rows: "S10", script: joinedWS + `
			ws> bin 83a474797065` + `02a464617461` + `dc0010a165` + strings.Repeat("c401aa", 15) + `a36e7370a12f
			= s2 ["e",` + manyPlaceholders(15) + `]` + strings.Repeat(" aa", 15) + `
		`},
		"polling, then websocket": {rows: "S10", script: opened + `
			a> POST s1 ` + poll("0") + `
			a< 200 ok
			a> GET s1
			a< 200 ` + poll(`0{"sid":"s2"}`) + `
			a> POST s1 ` + poll(`2["echo",1]`) + `
			a< 200 ok
			. cast / 42["cast"]
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			ws> 5
			ws< ` + ws(`2["echo",1]`) + `
			ws< ` + ws(`2["cast"]`) + `
		`},
		"with b64 in the URL": {rows: "S10", script: `
			ws> UPGRADE /socket.io/?EIO=4&transport=websocket&b64=1
			ws< 101
			ws< ` + wsPacket + `
			ws> ` + ws("0") + `
			ws< ` + poll(`0{"sid":"s2"}`) + `
			ws> ` + poll(`2["echo",1]`) + `
			ws< ` + poll(`2["echo",1]`) + `
			. cast / 42["cast"]
			ws< ` + poll(`2["cast"]`) + `
		`},
		"compressed": {rows: "S10 T03", set: deflateOn, script: `
			ws> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate
			ws< 101
			ws< ` + wsPacket + `
			ws> ` + ws("0") + `
			ws< ` + ws(`0{"sid":"s2"}`) + `
			ws> ` + ws(`2["echo",1]`) + `
			ws< ` + ws(`2["echo",1]`) + `
			. emit s2 42["{a*2000}"]
			ws< z ` + ws(`2["{a*2000}"]`) + `
			. cast / 42["{b*2000}"]
			ws< z ` + ws(`2["{b*2000}"]`) + `
			. plain s2 42["{c*2000}"]
			ws< ` + ws(`2["{c*2000}"]`) + `
		`},
		"beside the default encoding": {rows: "S10", script: joinedWS + `
			b> UPGRADE
			b< 101
			b< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b> 40
			b< 40{"sid":"s4"}
			. cast / 42["cast",{"a":[]}]
			ws< ` + ws(`2["cast",{"a":[]}]`) + `
			b< 42["cast",{"a":[]}]
		`},
		"refused": {rows: "S10 C02", script: wsOpened + `
			ws> ` + ws("0/nowhere,") + `
			ws< ` + ws(`4/nowhere,{"message":"Invalid namespace"}`) + `
		`},
		"text afterwards": {rows: "S11", script: joinedWS + `
			ws> 42["e"]
			= s2 failed: text where MessagePack was expected
			ws< close
			! s2 forced close: text where MessagePack was expected
			! s1 forced close: text where MessagePack was expected
		`},
		"binary after text": {rows: "S05", script: wsOpened + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> ` + ws(`2["e"]`) + `
			= s2 failed: binary message without a packet that announced it
			ws< close
			! s2 forced close: binary message without a packet that announced it
			! s1 forced close: binary message without a packet that announced it
		`},
		"not known by it": {rows: "S05", set: func(c *Config) { c.Msgpack = false }, script: wsOpened + `
			ws> ` + ws("0") + `
			ws< close
			! s1 forced close: binary message without a packet that announced it
		`},
		"not MessagePack": {rows: "S11", script: wsOpened + `
			ws> bin c1
			ws< close
			! s1 forced close: msgpack: not one value
		`},
		"no such type": {rows: "S11", script: joinedWS + `
			ws> bin 82a47479706505a36e7370a12f
			= s2 failed: msgpack: invalid packet type
			ws< close
			! s2 forced close: msgpack: invalid packet type
			! s1 forced close: msgpack: invalid packet type
		`},
		"data of the wrong kind": {rows: "S11 S06", script: joinedWS + `
			ws> bin 83a47479706502a46461746180a36e7370a12f
			= s2 failed: socketio: invalid payload
			ws< close
			! s2 forced close: socketio: invalid payload
			! s1 forced close: socketio: invalid payload
		`},
		"one buffer for many": {rows: "S11 F41", source: "what looks like a placeholder is one", script: joinedWS + `
			ws> ` + ws(`51-["e",`+placeholder+`,`+placeholder+`]`, "\x01") + `
			= s2 failed: socketio: illegal attachments
			ws< close
			! s2 forced close: socketio: illegal attachments
			! s1 forced close: socketio: illegal attachments
		`},
		"buffers in CONNECT": {rows: "S11", script: wsOpened + `
			ws> bin 83a47479706500a46461746181a161c400a36e7370a12f
			ws< close
			! s1 forced close: socketio: invalid payload
		`},
		"a reserved name": {rows: "S11 S06", script: joinedWS + `
			ws> ` + ws(`2["disconnect"]`) + `
			= s2 failed: socketio: invalid payload: reserved event name
			ws< close
			! s2 forced close: socketio: invalid payload: reserved event name
			! s1 forced close: socketio: invalid payload: reserved event name
		`},
		"a second CONNECT": {rows: "C03", script: joinedWS + `
			ws> ` + ws("0") + `
			ws< close
			! s2 forced server close: ` + ErrPacketState.Error() + `
			! s1 forced close: ` + ErrPacketState.Error() + `
		`},
	})
}

func manyPlaceholders(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = string(socketio.AppendPlaceholder(nil, i))
	}
	return strings.Join(list, ",")
}

// TestMsgpackOnce: a broadcast is put in MessagePack once for all its receivers, and not
// at all if there is none.
func TestMsgpackOnce(t *testing.T) {
	w := newWorld(t, 2, nil)
	for i, name := range []string{"a", "b", "c", "d"} {
		x := w.wire(name, i%2)
		x.send(x.client.bytesOf("UPGRADE"))
		if i < 2 {
			x.send(x.client.bytesOf("bin " + hexed(inMsgpack("0"))))
		} else {
			x.send(x.client.bytesOf("40"))
		}
	}
	cast := func(m *broadcast.Message) {
		for _, s := range w.app.spaces["/"] {
			s.Shard.Deliver(&broadcast.Selection{Everyone: true}, m, 0)
		}
		w.settle()
	}
	m := textMessage(`42["x"]`, true)
	cast(m)
	first, _ := m.Translation()
	cast(m)
	if again, ok := m.Translation(); !ok || again != first || first == nil {
		t.Error("translated anew")
	}
	for _, name := range []string{"a", "b"} {
		lines := w.said[name+"<"]
		if got, want := lines[len(lines)-1], "bin "+hexed(inMsgpack(`2["x"]`)); got != want {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
		w.wires[name].hangUp(nil)
	}
	w.settle()
	m = textMessage(`42["y"]`, true)
	cast(m)
	if _, ok := m.Translation(); ok {
		t.Error("translated for nobody")
	}
}

// quietMsgpack is quietSocket for a client that speaks MessagePack.
func quietMsgpack(h *quietHost) (*Conn, *Socket) {
	c, x := new(Conn), client{}
	c.Init(h, new(quietWire), begin)
	c.Receive(begin, append([]byte(nil), x.bytesOf("UPGRADE")...))
	c.Receive(begin, append([]byte(nil), x.bytesOf("bin "+hexed(inMsgpack("0")))...))
	h.turn()
	return c, h.app.joined[len(h.app.joined)-1]
}

// TestMsgpackDoesNotAllocate: neither an event with a buffer on its way in, nor its echo,
// nor the share of one receiver in a broadcast.
func TestMsgpackDoesNotAllocate(t *testing.T) {
	h := newQuietHost()
	conn, k := quietMsgpack(h)
	x := client{sending: true}
	wire := x.bytesOf("bin " + hexed(inMsgpack(`51-["move",12,{"at":{"_placeholder":true,"num":0}}]`, "\x01\x02\x03\x04")))
	buf := make([]byte, len(wire))
	packet := []byte(`42["move",12,-3.5]`)
	if n := allocates(func() {
		copy(buf, wire)
		conn.Receive(begin, buf)
		k.Send(packet, 0, true)
		h.turn()
	}); n != 0 {
		t.Errorf("%v allocations for an event and its answer", n)
	}
	if h.app.events != 202 {
		t.Fatalf("%d events", h.app.events)
	}
	for len(h.app.joined) < 100 {
		quietMsgpack(h)
	}
	message := textMessage(`42["move",12,-3.5]`, true, []byte{1, 2, 3})
	sel := &broadcast.Selection{Everyone: true}
	if n := allocates(func() {
		h.app.space.Shard.Deliver(sel, message, 0)
		h.turn()
	}); n != 0 {
		t.Errorf("%v allocations for a broadcast", n)
	}
}

// BenchmarkMsgpackEcho is BenchmarkEcho for a client that speaks MessagePack.
func BenchmarkMsgpackEcho(b *testing.B) {
	h := newQuietHost()
	conn, k := quietMsgpack(h)
	x := client{sending: true}
	wire := x.bytesOf("bin " + hexed(inMsgpack(`2["move",12,-3.5]`)))
	buf := make([]byte, len(wire))
	packet := []byte(`42["move",12,-3.5]`)
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		conn.Receive(begin, buf)
		k.Send(packet, 0, true)
		h.turn()
	}
}
