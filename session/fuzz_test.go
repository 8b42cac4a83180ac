package session

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// allTranscripts are the transcripts of all tests: their clients' bytes are seeds.
func allTranscripts() []transcript {
	var all []transcript
	for _, f := range []func() map[string]transcript{
		handshakeTranscripts, admissionTranscripts, pollingTranscripts, requestsTranscripts,
		webSocketTranscripts, brokenFramesTranscripts, closeCodesTranscripts,
		heartbeatTranscripts, timeoutsTranscripts, upgradeTranscripts, closeTranscripts,
		namespacesTranscripts, statesTranscripts, packetsTranscripts, acksTranscripts,
		handlersBehindTranscripts, clientBehindTranscripts, twoLoopsTranscripts,
		answersBehindTranscripts, wrongTransportTranscripts, sentTranscripts,
		corsTranscripts, clientTranscripts,
		revision3Transcripts, jsonpTranscripts, deflateTranscripts,
	} {
		m := f()
		for _, name := range slices.Sorted(maps.Keys(m)) {
			all = append(all, m[name])
		}
	}
	return all
}

// fuzzed is the longest input in bytes. Past MaxPipelined a connection is ended for what
// it pipelines, which hangs on how the bytes were cut.
const fuzzed = 32 << 10

// FuzzConn holds a whole connection to these promises, whatever comes on it: nothing
// panics; it says the same whether the bytes come whole or in pieces; every request that
// is complete is answered, or waits as a session's GET, or the connection is ended; when
// all is over no session, deadline or buffer is left.
func FuzzConn(f *testing.F) {
	seen := make(map[string]bool)
	for _, tr := range allTranscripts() {
		p := tr.perform(f, "whole", manner{})
		for _, name := range slices.Sorted(maps.Keys(p.w.wires)) {
			if b := p.w.wires[name].record; len(b) > 0 && len(b) < fuzzed && !seen[string(b)] {
				seen[string(b)] = true
				f.Add(b, uint16(1), uint16(len(b)/2))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, first, second uint16) {
		if len(b) > fuzzed {
			return
		}
		whole := converse(t, b, nil)
		pieces := converse(t, b, func(b []byte) [][]byte {
			i := min(int(first), len(b))
			j := min(max(int(second), i), len(b))
			return [][]byte{b[:i], b[i:j], b[j:]}
		})
		if !maps.EqualFunc(whole, pieces, slices.Equal) {
			t.Errorf("whole:  %q\npieces: %q", whole, pieces)
		}
		if len(b) < 600 {
			single := converse(t, b, func(b []byte) (all [][]byte) {
				for i := range b {
					all = append(all, b[i:i+1])
				}
				return all
			})
			if !maps.EqualFunc(whole, single, slices.Equal) {
				t.Errorf("whole:        %q\nbyte by byte: %q", whole, single)
			}
		}
	})
}

// converse plays bytes on one connection beside a session s1, with a socket s2, that
// they may be meant for, and returns what was said.
func converse(t *testing.T, b []byte, pieces func([]byte) [][]byte) map[string][]string {
	w := newWorld(t, 1, func(c *Config) {
		c.AllowEIO3 = true
		c.CORS = &CORS{Origins: []string{listed}, Methods: methods, ReflectHeaders: true, Status: 204}
		c.Cookie = &Cookie{Name: "io"}
	})
	other := w.wire("o", 0)
	other.send(other.client.bytesOf("OPEN"))
	other.send(other.client.bytesOf("POST s1 40"))
	clear(w.said)

	w.pieces = pieces
	x := w.wire("x", 0)
	requests, upgraded, bare := requestsIn(b)
	x.client.bare = bare
	x.send(b)
	answers := 0
	for _, line := range w.said["x<"] {
		if len(line) >= 3 && line[:3] >= "200" && line[:3] <= "599" && strings.Trim(line[:3], "0123456789") == "" {
			answers++
		}
		if strings.HasPrefix(line, "101") {
			answers = requests // what follows are frames
			break
		}
	}
	waits := 0
	if s := w.app.sessions[padded("s1")]; s != nil && s.polling != nil && s.polling.get == replier(x.conn) {
		waits = requests // it may be any of them; the rest stands behind it
	} else if x.conn.state == connAnswer && x.conn.req != nil && x.conn.req.told {
		waits = requests // a session of its own
	}
	if !x.closed && !x.shut && !upgraded && answers+waits < requests {
		t.Errorf("%d requests, %d answers, and the connection lives: %q", requests, answers, w.said["x<"])
	}

	// Everybody is told to go: nobody may be left waiting.
	for range 500 { // what is pipelined opens further ones
		if w.hosts[0].table.Len() == 0 {
			break
		}
		w.closeAll(ForcedClose)
		w.settle()
	}
	if x.conn.state == connAnswer {
		t.Errorf("a request is not answered: %q", x.conn.req.head)
	}

	said := make(map[string][]string)
	for ch, lines := range w.said {
		for _, l := range lines {
			// How many pings one pong is for, and whether a body had come before it was asked
			// for, hangs on the turns.
			if strings.HasPrefix(l, "pong") || l == "100" || strings.HasSuffix(ch, "|") || strings.HasPrefix(l, "1 s") {
				continue
			}
			// So does whether a GET comes just before its session ends, or just behind.
			if l == "200 1" || strings.HasPrefix(l, `400 {"code":1,`) {
				l = "gone"
			}
			said[ch] = append(said[ch], l)
		}
	}
	w.end()
	return said
}

// requestsIn counts the complete requests that b begins with, up to one that is refused
// or asks for something else than HTTP, and says which of those that began are a HEAD.
func requestsIn(b []byte) (n int, upgrade bool, bare []bool) {
	var p http1.Progress
	for {
		h, k, err := http1.ParseHead(b, &p, nil)
		if err != nil || k == 0 {
			return n, false, bare
		}
		bare = append(bare, string(h.Method) == "HEAD")
		body, err := http1.NewBody(&h, 1_000_000)
		if err != nil {
			return n, false, bare
		}
		_, m, done, err := body.Next(nil, b[k:])
		if err != nil || !done && !body.Done() {
			return n, false, bare
		}
		if h.ConnectionUpgrade {
			return n, true, bare
		}
		n++
		if !h.KeepAlive {
			return n, false, bare
		}
		b = b[k+m:]
	}
}

// FuzzSocketIOMessages sends messages to a session, over a WebSocket and over polling.
// Whatever they are: nothing panics; what the application is given is what an event must
// be; both transports come to the same events and the same end; and nothing is left.
//
// The input is messages, each with two bytes in front: whether it is binary, and its
// length.
func FuzzSocketIOMessages(f *testing.F) {
	seed := func(messages ...string) {
		var b []byte
		for _, m := range messages {
			kind := byte(0)
			if data, ok := strings.CutPrefix(m, "bin "); ok {
				kind, m = 1, string(unhex(data))
			}
			b = append(append(b, kind, byte(len(m))), m...)
		}
		f.Add(b)
	}
	seed(`0/chat,{"a":1}`, `2["echo",1]`, `2/chat,["echo"]`, `20["echo"]`, `1`)
	seed(`51-["e",{"_placeholder":true,"num":0}]`, "bin 0102", `2["e"]`)
	seed(`52-/chat,7["e",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]`, "bin", "bin ff")
	seed(`30["a"]`, `31[]`, `61-0[{"_placeholder":true,"num":0}]`, "bin 00")
	seed(`51-["e"]`, `2["e"]`)
	seed("bin 00")
	seed(`0`)
	seed(`4"x"`, `2["connect"]`, `2[null]`)
	for _, tr := range packetsTranscripts() {
		for line := range strings.Lines(tr.script) {
			line = strings.TrimSpace(line)
			if _, packet, ok := strings.Cut(line, "> 4"); ok && len(packet) < 256 {
				seed(packet)
			} else if _, packet, ok := strings.Cut(line, ">+ 4"); ok && len(packet) < 256 {
				seed(packet)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var ws, polling []string
		same := true // the messages can be said over polling as well
		var frames, payload []byte
		for n := 0; len(b) >= 2 && n < 50; n++ {
			binary, m := b[0]&1 == 1, b[2:min(2+int(b[1]), len(b))]
			b = b[2+len(m):]
			if binary {
				frames = websocket.AppendMasked(frames, websocket.Binary, m, [4]byte{9, 8, 7, 6})
				payload = append(engineio.AppendBinary(payload, m), engineio.Separator)
			} else {
				frames = websocket.AppendMasked(frames, websocket.Text, append([]byte("4"), m...), [4]byte{9, 8, 7, 6})
				payload = append(append(append(payload, '4'), m...), engineio.Separator)
				same = same && utf8.Valid(m) && bytes.IndexByte(m, engineio.Separator) < 0
			}
		}
		if len(payload) == 0 {
			return
		}
		ws = messages(t, "UPGRADE", "40", frames)
		polling = messages(t, "OPEN", "POST s1 40", postOf(payload[:len(payload)-1]))
		if same && !slices.Equal(ws, polling) {
			t.Errorf("websocket: %q\npolling:   %q", ws, polling)
		}
	})
}

func postOf(payload []byte) []byte {
	b := []byte("POST " + enginePath + "&transport=polling&sid=" + padded("s1") + " HTTP/1.1\r\nHost: h\r\nContent-Length: ")
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	return append(append(b, "\r\n\r\n"...), payload...)
}

// messages joins by the first two lines, sends what follows, and returns what reached
// the application, and why sockets ended.
func messages(t *testing.T, open, join string, b []byte) []string {
	w := newWorld(t, 1, nil)
	x := w.wire("x", 0)
	x.send(x.client.bytesOf(open))
	x.send(x.client.bytesOf(join))
	w.app.socket("s2").due++
	w.app.socket("s2").Expect(0, &ackWaiter{w.app.socket("s2"), 0})
	clear(w.said)
	var got []string
	w.app.onEvent = func(_ Instant, k *Socket, e *Event) bool {
		text := e.Args.Text()
		if !json.Valid(text) || text[0] != '[' || e.Args.Len() == 0 {
			t.Errorf("an event of %q", text)
		}
		if socketio.Reserved(e.Name) {
			t.Errorf("an event called %q", e.Name)
		}
		if e.ID < -1 || e.ID > socketio.MaxAckID {
			t.Errorf("an acknowledgement id of %d", e.ID)
		}
		if socketio.CheckPlaceholders(text, len(e.Attachments)) != nil && len(e.Attachments) > 0 {
			t.Errorf("placeholders of %q with %d attachments", text, len(e.Attachments))
		}
		line := k.ID() + string(text)
		for _, a := range e.Attachments {
			line += "|" + string(a)
		}
		got = append(got, line)
		return true
	}
	x.send(b)
	got = append(got, w.said["="]...)
	for _, line := range w.said["!"] {
		if !strings.HasPrefix(line, "s1 ") { // the session of polling ends when it is asked again
			got = append(got, line)
		}
	}
	w.advance(time.Minute)
	w.end()
	return got
}
