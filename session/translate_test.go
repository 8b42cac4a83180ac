package session

import (
	"bytes"
	"errors"
	"testing"

	"github.com/e6a90ca8/sio/broadcast"
)

// joinedUp is an encoding of one binary message for each packet, as msgpack's is: the
// packet in the default encoding and its attachments, with a zero byte in between. Text
// messages are not packets, and "poison" cannot be sent.
type joinedUp struct{ made, closed int }

var errJoinedUp = errors.New("not joined up")

func (j *joinedUp) Outbound(m *broadcast.Message) (*broadcast.Message, error) {
	j.made++
	packet := bytes.Clone(m.Frame(0).Payload()[1:])
	if bytes.Contains(packet, []byte("poison")) {
		return nil, errJoinedUp
	}
	for i := 1; i < m.Frames(); i++ {
		packet = append(append(packet, 0), m.Frame(i).Payload()...)
	}
	return broadcast.NewFrames([]broadcast.Part{{Data: packet, Binary: true}}, m.Compress()), nil
}

func (j *joinedUp) Inbound() Inbound { return &joinedUpIn{j: j} }

type joinedUpIn struct {
	j    *joinedUp
	held []byte
}

func (in *joinedUpIn) Add(data []byte, binary bool) ([]byte, [][]byte, error) {
	if !binary {
		return nil, nil, errJoinedUp
	}
	in.held = append(in.held, data...)
	if n := len(in.held); n > 0 && in.held[n-1] == '\\' { // to be continued
		in.held = in.held[:n-1]
		return nil, nil, nil
	}
	parts := bytes.Split(in.held, []byte{0})
	in.held = nil
	return parts[0], parts[1:], nil
}

func (in *joinedUpIn) Close() { in.j.closed++ }

// TestTranslator (S10, S11): clients with another encoding than the default one.
func TestTranslator(t *testing.T) {
	var j *joinedUp
	set := func(c *Config) { j = new(joinedUp); c.Translator = j }
	hex := func(s string) string { return "bin " + hexed([]byte(s)) }
	connectAnswer := "bin " + hexed(append([]byte(`0{"sid":"`), padded(`s2`)+`"}`...))
	for name, tr := range map[string]transcript{
		"websocket": {set: set, script: wsOpened + `
			ws> ` + hex("0") + `
			ws< ` + connectAnswer + `
			ws> ` + hex(`2["echo",1]`) + `
			ws< ` + hex(`2["echo",1]`) + `
			ws> ` + hex("51-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x00\x01\x02") + `
			ws< ` + hex("51-[\"echo\",{\"_placeholder\":true,\"num\":0}]\x00\x01\x02") + `
			ws> ` + hex(`2["e",\`) + `
			ws> ` + hex(`2]`) + `
			= s2 ["e",2]
			. emit s2 42["poison"]
			= untranslatable: not joined up
			. cast / 42["cast"]
			ws< ` + hex(`2["cast"]`) + `
			+ 25s
			ws< 2
			ws> 3
			ws> ` + hex(`2["e",\`) + `
			ws> close
			ws< close
			ws< end
			! s2 transport close
			! s1 transport close
		`},
		"polling": {set: set, script: opened + `
			a> POST s1 ` + pollingBinary([]byte("0")) + `
			a< 200 ok
			a> GET s1
			a< 200 ` + pollingBinary(append([]byte(`0{"sid":"`), padded(`s2`)+`"}`...)) + `
			a> POST s1 ` + pollingBinary([]byte(`2["e"]`)) + `
			a< 200 ok
			= s2 ["e"]
		`},
		"not of the encoding": {set: set, script: wsOpened + `
			ws> ` + hex("0") + `
			ws< ` + connectAnswer + `
			ws> 42["e"]
			= s2 failed: not joined up
			ws< close
			! s2 forced close: not joined up
			! s1 forced close: not joined up
		`},
		"translated into nonsense": {set: set, script: wsOpened + `
			ws> ` + hex("0") + `
			ws< ` + connectAnswer + `
			ws> ` + hex(`2{}`) + `
			= s2 failed: socketio: invalid payload
			ws< close
			! s2 forced close: socketio: invalid payload
			! s1 forced close: socketio: invalid payload
		`},
		"an attachment that is missing": {set: set, script: wsOpened + `
			ws> ` + hex("0") + `
			ws< ` + connectAnswer + `
			ws> ` + hex(`51-["e",{"_placeholder":true,"num":0}]`) + `
			= s2 failed: socketio: illegal attachment count
			ws< close
			! s2 forced close: socketio: illegal attachment count
			! s1 forced close: socketio: illegal attachment count
		`},
	} {
		t.Run(name, func(t *testing.T) {
			tr.play(t)
			if j.closed != 1 {
				t.Errorf("the state of %d connections was let go, want that of 1", j.closed)
			}
		})
	}
}

// TestTranslatedOnce: a broadcast is translated once for all its receivers.
func TestTranslatedOnce(t *testing.T) {
	j := new(joinedUp)
	w := newWorld(t, 2, func(c *Config) { c.Translator = j })
	for i, name := range []string{"a", "b", "c", "d"} {
		x := w.wire(name, i%2)
		x.send(x.client.bytesOf("UPGRADE"))
		x.send(x.client.bytesOf("bin 30"))
	}
	before := j.made
	m := textMessage(`42["x"]`, true)
	for _, s := range w.app.spaces["/"] {
		s.Shard.Deliver(&broadcast.Selection{Everyone: true}, m, 0)
	}
	w.settle()
	if j.made != before+1 {
		t.Errorf("translated %d times", j.made-before)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		lines := w.said[name+"<"]
		if got, want := lines[len(lines)-1], "bin "+hexed([]byte(`2["x"]`)); got != want {
			t.Errorf("%s got %q, want %q", name, got, want)
		}
	}
}
