package sio_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// TestEmitWaitPaces (rule 6): whoever waits for each event is as slow as the client, and
// does not have it cut off for that.
func TestEmitWaitPaces(t *testing.T) {
	srv := newServer(t, sio.Options{})
	sockets := make(chan *sio.Socket, 1)
	srv.OnConnect(func(s *sio.Socket) { sockets <- s })
	srv.OnDisconnect(func(s *sio.Socket, r sio.Reason) {
		if r == sio.SlowConsumer { // the test itself ends it otherwise, or the server's end does
			t.Errorf("it ended for %q", r)
		}
	})
	nc, err := net.Dial("tcp", listen(t, srv))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvdGVzdCBzYXlzIGhpIQ==\r\n\r\n")
	r := bufio.NewReader(nc)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = nc.Write(frames("40"))
	s := recv(t, sockets)

	// Much more than what two kernel buffers hold.
	const n, size = 400, 60_000
	text := strings.Repeat("x", size)
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := s.EmitWait(t.Context(), "x", i, text); err != nil {
				sent <- fmt.Errorf("event %d: %w", i, err)
				return
			}
		}
		sent <- nil
	}()
	for s.Queued() == 0 { // the kernel takes no more
		select {
		case err := <-sent:
			t.Fatalf("all was sent to a client that does not read: %v", err)
		default:
			runtime.Gosched()
		}
	}
	ws := websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 20}}
	var in []byte
	buf := make([]byte, 256<<10)
	for i := 0; i < n; {
		k, err := io.ReadAtLeast(r, buf, 1)
		if err != nil {
			t.Fatalf("after %d events: %v", i, err)
		}
		in = append(in, buf[:k]...)
		for {
			m, used, err := ws.Next(in)
			if err != nil {
				t.Fatal(err)
			}
			if used == 0 {
				break
			}
			if data := string(m.Data); strings.HasPrefix(data, `42["x",`) {
				if !strings.HasPrefix(data, fmt.Sprintf(`42["x",%d,"`, i)) {
					t.Fatalf("event %d is %.20q", i, data)
				}
				i++
			}
			in = in[used:]
		}
	}
	if err := recv(t, sent); err != nil {
		t.Error(err)
	}
	if err := s.EmitWait(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}
