package sio_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

// TestDebugPatterns (O07): scopes are chosen as Node's package debug does it.
func TestDebugPatterns(t *testing.T) {
	for _, tc := range []struct {
		patterns string
		on, off  []string
	}{
		{"", nil, []string{"engine", "socket.io:server"}},
		{"*", []string{"engine", "socket.io:server"}, nil},
		{"engine", []string{"engine"}, []string{"engine:ws", "engin", "xengine"}},
		{"engine*", []string{"engine", "engine:ws"}, []string{"socket.io:server"}},
		{"engine:*", []string{"engine:ws"}, []string{"engine"}},
		{"*:socket", []string{"engine:socket", "socket.io:socket"}, []string{"engine:ws", "socket"}},
		{"s*:*r", []string{"socket.io:server"}, []string{"socket.io:client", "r"}},
		{"socket.io:*,engine*", []string{"engine", "socket.io:client"}, []string{"socket.io-parser"}},
		{" engine   socket.io-parser ", []string{"engine", "socket.io-parser"}, []string{"engine:ws"}},
		{"*,-engine:*", []string{"engine", "socket.io:client"}, []string{"engine:ws"}},
		{"-engine:ws,engine:*", []string{"engine:polling"}, []string{"engine:ws"}},
		{"-*", nil, []string{"engine"}},
		{"**e**", []string{"engine"}, []string{"x"}},
	} {
		t.Run(tc.patterns, func(t *testing.T) {
			var out bytes.Buffer
			l := slog.New(sio.DebugHandler(slog.NewTextHandler(&out, nil), tc.patterns))
			for i, scope := range append(slices.Clone(tc.on), tc.off...) {
				out.Reset()
				scoped := l.With("scope", scope).With("a", 1).WithGroup("g").With("scope", "inner")
				scoped.Debug("x", "b", 2)
				scoped.Log(context.Background(), sio.LevelTrace, "y")
				if n := strings.Count(out.String(), "scope="+scope+" a=1 g.scope=inner"); n != 2 && i < len(tc.on) || n != 0 && i >= len(tc.on) {
					t.Errorf("%s: %q", scope, out.String())
				}
			}
			out.Reset()
			l.With("scope", "engine").Info("z")
			l.Warn("w")
			l.Debug("v")
			l.WithGroup("g").With("scope", "engine").Debug("u")
			if got := regexp.MustCompile(`msg=\w`).FindAllString(out.String(), -1); !slices.Equal(got, []string{"msg=z", "msg=w"}) {
				t.Errorf("beside scopes: %q", got)
			}
		})
	}
}

// TestDebugScopes (O07): a server tells what goes on, by its parts, and of session ids only
// as much as tells them apart.
func TestDebugScopes(t *testing.T) {
	var out logBuffer
	play := func(patterns string) (lines []string, ids []string) {
		out.buf.Reset()
		srv := newServer(t, sio.Options{
			CleanupEmptyChildNamespaces: true,
			Logger:                      slog.New(sio.DebugHandler(slog.NewTextHandler(&out, nil), patterns)),
		})
		srv.OfPattern("/room/{id}")
		srv.Of("/no").Use(func(context.Context, *sio.Socket) error { return errors.New("not today") })
		srv.On("in", func(s *sio.Socket, m *sio.Msg) error {
			if err := s.Join("a"); err != nil {
				return err
			}
			return errors.Join(s.Leave("a"), m.Ack())
		})
		clock := siotest.Start(t, srv)
		c := siotest.Dial(t, srv, "/", siotest.Upgrade())
		if _, err := c.Ask(context.Background(), "in", 1); err != nil {
			t.Fatal(err)
		}
		c.Of("/room/1").Disconnect()
		for _, nsp := range []string{"/no", "/nowhere"} {
			if _, err := c.TryOf(nsp); err == nil {
				t.Errorf("%s: let in", nsp)
			}
		}
		if err := c.SendRaw("49"); err != nil {
			t.Fatal(err)
		}
		clock.Settle()
		line := regexp.MustCompile(`level=(\S+) msg=("[^"]*"|\S+) scope=(\S+)(.*)`)
		for l := range strings.Lines(out.String()) {
			m := line.FindStringSubmatch(l)
			if m == nil {
				t.Errorf("not a line with a scope: %q", l)
				continue
			}
			lines = append(lines, m[3]+" "+strings.Trim(m[2], `"`))
		}
		return lines, []string{c.SessionID()}
	}
	lines, ids := play("*")
	for _, want := range []string{
		"engine session opened", "engine session closed",
		"engine:socket upgrade begun", "engine:socket upgraded", "engine:socket packet received", "engine:socket packet sent",
		"engine:polling writing", "engine:ws writing",
		"socket.io:server namespace made",
		"socket.io:parent-namespace child namespace made", "socket.io:parent-namespace child namespace closed",
		"socket.io:client namespace asked for", "socket.io:client no such namespace",
		"socket.io:namespace socket let in", "socket.io:namespace socket refused",
		"socket.io:socket joining", "socket.io:socket leaving", "socket.io:socket event", "socket.io:socket socket disconnected",
		"socket.io-parser packet not understood",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("nothing says %q", want)
		}
	}
	for _, id := range ids {
		if strings.Contains(out.String(), id) {
			t.Error("a session's id is told")
		}
	}
	lines, _ = play("socket.io:*,-socket.io:socket")
	for _, l := range lines {
		if scope, _, _ := strings.Cut(l, " "); !strings.HasPrefix(scope, "socket.io:") || scope == "socket.io:socket" {
			t.Errorf("%q was not asked for", l)
		}
	}
	if len(lines) == 0 {
		t.Error("nothing")
	}
	if lines, _ = play(""); len(lines) > 0 {
		t.Errorf("nobody has asked for %q", lines)
	}
}

// TestDebugRefused (O07): a request that is refused is told with its context, and a Run
// with its addresses.
func TestDebugRefused(t *testing.T) {
	var out logBuffer
	srv := newServer(t, sio.Options{Logger: slog.New(sio.DebugHandler(slog.NewTextHandler(&out, nil), "engine,socket.io:server"))})
	addr := listen(t, srv)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + addr + "/socket.io/?EIO=4&transport=none")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, want := range []string{`msg="request refused" scope=engine`, `code=0 message="Transport unknown" context=map[transport:none]`,
		`msg=run scope=socket.io:server addrs=[127.0.0.1:0]`, `msg="sio: listening" scope=engine`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
