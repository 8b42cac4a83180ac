package client

import (
	"strings"
	"testing"

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
