package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/e6a90ca8/sio/codec/engineio"
)

// pollServer is a small Engine.IO server on polling: it answers CONNECT, echoes
// events, and understands a probe made with [pollServer.probe].
type pollServer struct {
	greet string        // sent after the answer to CONNECT
	probe chan struct{} // closed once a probe is under way: no GET waits any more

	mu       sync.Mutex
	sessions map[string]*pollSession
	gets     int
	posts    int
	strange  func(rw http.ResponseWriter, r *http.Request) bool // may take a request
}

type pollSession struct {
	out chan string // packets for the client
}

func newPollServer() *pollServer {
	return &pollServer{sessions: map[string]*pollSession{}, probe: make(chan struct{})}
}

func (p *pollServer) session(sid string) *pollSession {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[sid]
}

func (p *pollServer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if r.Method == "GET" {
		p.gets++
	} else {
		p.posts++
	}
	p.mu.Unlock()
	if p.strange != nil && p.strange(rw, r) {
		return
	}
	sid := r.URL.Query().Get("sid")
	if sid == "" {
		p.mu.Lock()
		sid = fmt.Sprintf("sid%d", len(p.sessions))
		p.sessions[sid] = &pollSession{out: make(chan string, 1000)}
		p.mu.Unlock()
		io.WriteString(rw, strings.Replace(handshake, "s1", sid, 1))
		return
	}
	s := p.session(sid)
	if s == nil {
		rw.WriteHeader(400)
		io.WriteString(rw, `{"code":1,"message":"Session ID unknown"}`)
		return
	}
	if r.Method == "GET" {
		select {
		case first := <-s.out:
			body := first
			for {
				select {
				case next := <-s.out:
					body += "\x1e" + next
					continue
				default:
				}
				break
			}
			io.WriteString(rw, body)
		case <-p.probe:
			select {
			case text := <-s.out:
				io.WriteString(rw, text)
			default:
				io.WriteString(rw, engineio.NoopPacket)
			}
		case <-r.Context().Done():
		}
		return
	}
	body, _ := io.ReadAll(r.Body)
	for text := range strings.SplitSeq(string(body), "\x1e") {
		switch {
		case text == "40":
			s.out <- `40{"sid":"x"}`
			if p.greet != "" {
				s.out <- p.greet
			}
		case text == "1":
			p.mu.Lock()
			delete(p.sessions, sid)
			p.mu.Unlock()
			s.out <- "6"
		case strings.HasPrefix(text, "42"), strings.HasPrefix(text, "45"), strings.HasPrefix(text, "b"):
			s.out <- text
		}
	}
	io.WriteString(rw, "ok")
}

func TestPollingConversation(t *testing.T) {
	server := newPollServer()
	f := newFake(t, nil, server.ServeHTTP)
	h := newRecorder()
	h.ready = func(s *Session) {
		s.Send([]byte(`42["one"]`))
		s.Send([]byte(`451-["two",{"_placeholder":true,"num":0}]`))
		s.SendBinary([]byte{1, 2, 3, 4})
	}
	seen := 0
	h.onText = func(s *Session, packet string) {
		if seen++; seen == 2 {
			s.Send([]byte(`42["three"]`))
		}
		if strings.Contains(packet, "three") {
			s.Goodbye()
		}
	}
	env := dial(t, f.url, Options{Transport: Polling}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	want := "ready\n2[\"one\"]\n51-[\"two\",{\"_placeholder\":true,\"num\":0}]\nb:\x01\x02\x03\x04\n2[\"three\"]\nclosed"
	if got := h.all(); got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	if server.posts != 4 { // CONNECT, the three packets together, the third event, the goodbye
		t.Errorf("%d POSTs, want 4", server.posts)
	}
	env.Loop.Do(func() {
		if env.Loop.Open() != 0 {
			t.Errorf("%d connections remain", env.Loop.Open())
		}
	})
}

// TestPollingReconnects: a server may close a connection between two requests,
// with or without a word; a request lost that way is sent again.
func TestPollingReconnects(t *testing.T) {
	for _, how := range []string{"Connection: close", "silently"} {
		t.Run(how, func(t *testing.T) {
			server := newPollServer()
			server.strange = func(rw http.ResponseWriter, r *http.Request) bool {
				if how == "silently" && r.Method == "POST" {
					// Answers, then drops the idle connection.
					body, _ := io.ReadAll(r.Body)
					s := server.session(r.URL.Query().Get("sid"))
					conn, _, err := rw.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return true
					}
					for text := range strings.SplitSeq(string(body), "\x1e") {
						switch text {
						case "40":
							s.out <- `40{"sid":"x"}`
						case "1":
							s.out <- "6"
						default:
							s.out <- text
						}
					}
					io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					conn.Close()
					return true
				}
				rw.Header().Set("Connection", "close")
				return false
			}
			f := newFake(t, nil, server.ServeHTTP)
			h := newRecorder()
			h.ready = func(s *Session) { s.Send([]byte(`42["1"]`)) }
			round := 1
			h.onText = func(s *Session, packet string) {
				if round++; round > 20 {
					s.Goodbye()
					return
				}
				s.Send(fmt.Appendf(nil, `42["%d"]`, round))
			}
			dial(t, f.url, Options{Transport: Polling}, h)
			if err := h.await(t); err != nil {
				t.Errorf("closed with %v", err)
			}
			if got := strings.Count(h.all(), "\n2["); got != 20 {
				t.Errorf("%d answers, want 20:\n%s", got, h.all())
			}
		})
	}
}

func TestPollingRefusals(t *testing.T) {
	for _, tc := range []struct {
		name    string
		strange func(p *pollServer, rw http.ResponseWriter, r *http.Request) bool
		want    string
		detail  string
	}{
		{"POST refused", func(_ *pollServer, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == "POST" {
				rw.WriteHeader(413)
			}
			return r.Method == "POST"
		}, HTTPStatus, "413"},
		{"POST not ok", func(_ *pollServer, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == "POST" {
				io.WriteString(rw, "no")
			}
			return r.Method == "POST"
		}, Unexpected, `"no"`},
		{"bad payload", func(p *pollServer, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == "GET" && r.URL.Query().Get("sid") != "" {
				io.WriteString(rw, "6\x1e\x1e")
				return true
			}
			return false
		}, BadPacket, "payload"},
		{"session unknown", func(p *pollServer, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == "GET" && r.URL.Query().Get("sid") != "" {
				rw.WriteHeader(400)
				io.WriteString(rw, `{"code":1,"message":"Session ID unknown"}`)
				return true
			}
			return false
		}, Denied, "code 1"},
		{"close packet", func(p *pollServer, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == "GET" && r.URL.Query().Get("sid") != "" {
				io.WriteString(rw, "1")
				return true
			}
			return false
		}, ClosedByServer, "close packet"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := newPollServer()
			server.strange = func(rw http.ResponseWriter, r *http.Request) bool { return tc.strange(server, rw, r) }
			f := newFake(t, nil, server.ServeHTTP)
			h := newRecorder()
			dial(t, f.url, Options{Transport: Polling}, h)
			var e *Error
			if err := h.await(t); !errors.As(err, &e) || e.Name != tc.want || !strings.Contains(e.Detail, tc.detail) {
				t.Errorf("closed with %v, want %s: …%s…", err, tc.want, tc.detail)
			}
		})
	}
}

// TestUpgrade plays an upgrade in which an event comes on the last GET: it is
// delivered before Ready, and everything after on the WebSocket.
func TestUpgrade(t *testing.T) {
	server := newPollServer()
	f := newFake(t, func(w *wire) {
		w.expect(engineio.ProbePing)
		server.session("sid0").out <- `42["late"]`
		close(server.probe)
		w.say(engineio.ProbePong)
		w.expect(engineio.UpgradePacket, `42["over ws"]`)
		w.say(`42["over ws"]`)
		w.expect("41", "close")
	}, server.ServeHTTP)
	h := newRecorder()
	h.ready = func(s *Session) {
		if s.poll != nil {
			t.Error("ready, but it still polls")
		}
		s.Send([]byte(`42["over ws"]`))
	}
	h.onText = func(s *Session, packet string) {
		if strings.Contains(packet, "ws") {
			s.Goodbye()
		}
	}
	env := dial(t, f.url, Options{Transport: Upgrade}, h)
	if err := h.await(t); err != nil {
		t.Errorf("closed with %v", err)
	}
	if got, want := h.all(), "2[\"late\"]\nready\n2[\"over ws\"]\nclosed"; got != want {
		t.Errorf("the handler saw\n%s\nwant\n%s", got, want)
	}
	env.Loop.Do(func() {
		if env.Loop.Open() != 0 {
			t.Errorf("%d connections remain", env.Loop.Open())
		}
	})
}

func TestUpgradeRefused(t *testing.T) {
	server := newPollServer()
	f := newFake(t, func(w *wire) { w.expect(engineio.ProbePing); w.say("3"); w.hear() }, server.ServeHTTP)
	h := newRecorder()
	dial(t, f.url, Options{Transport: Upgrade}, h)
	var e *Error
	if err := h.await(t); !errors.As(err, &e) || e.Name != Unexpected || !strings.Contains(e.Detail, "probe") {
		t.Errorf("closed with %v", err)
	}
}
