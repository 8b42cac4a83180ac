package client

import (
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// TestMissedBeforeConnect: the reference server sends what was missed in front of
// the answer to CONNECT; the handler sees it behind Ready, in order. Who has asked
// for no recovery must not get it.
func TestMissedBeforeConnect(t *testing.T) {
	f := newFake(t, func(w *wire) {
		w.say(handshake)
		w.hear()
		w.say(`42["missed","o6"]`, `451-["part",{"_placeholder":true,"num":0},"o7"]`)
		w.conn.Write(websocket.AppendFrame(nil, websocket.Binary, []byte("data")))
		w.say(`40{"sid":"y","pid":"p"}`, `42["live","o8"]`)
	}, nil)
	for _, tc := range []struct {
		start Start
		want  string
	}{
		{Start{PID: "p", Offset: "o5"}, "ready\n" + `2["missed"]` + "\n" + `51-["part",{"_placeholder":true,"num":0}]` + "\nb:data\n" + `2["live"]` + "\n"},
		{Start{}, "closed: unexpected packet"},
	} {
		h := newRecorder()
		env, s := startWith(t, f.url, Options{}, tc.start, h)
		h.await(t)
		if got := h.all(); !strings.HasPrefix(got, tc.want) {
			t.Errorf("the handler saw\n%s\nwant\n%s", got, tc.want)
		}
		env.Loop.Do(func() {
			if _, offset := s.Recovery(); tc.start.PID != "" && (offset != "o8" || !s.Recovered()) {
				t.Errorf("offset %q, recovered %v", offset, s.Recovered())
			}
		})
	}
}

// moving is a recorder that uses its session while it is upgraded.
type moving struct {
	*recorder
	upgrading func(s *Session)
}

func (m *moving) Upgrading(s *Session) { m.upgrading(s) }

// TestSendWhileUpgrading: what is sent before the probe is answered goes by POST,
// what is sent after that waits for the WebSocket and goes behind the upgrade.
func TestSendWhileUpgrading(t *testing.T) {
	server := newPollServer()
	f := newFake(t, func(w *wire) {
		w.expect(engineio.ProbePing)
		w.say(engineio.ProbePong)
		close(server.probe)
		w.expect(engineio.UpgradePacket, `451-["held",{"_placeholder":true,"num":0}]`, "b:data", `42["ready"]`, "41", "close")
	}, server.ServeHTTP)
	h := &moving{recorder: newRecorder()}
	h.upgrading = func(s *Session) {
		s.Send([]byte(`42["posted"]`))
		s.poll.paused = true // as it is from the answer to the probe on
		s.Send([]byte(`451-["held",{"_placeholder":true,"num":0}]`))
		s.SendBinary([]byte("data"))
		s.poll.paused = false
	}
	h.ready = func(s *Session) {
		s.Send([]byte(`42["ready"]`))
		s.Goodbye()
	}
	dial(t, f.url, Options{Transport: Upgrade}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	if got, want := h.all(), "2[\"posted\"]\nready\nclosed"; got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
}
