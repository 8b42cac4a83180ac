package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/e6a90ca8/sio"
)

// startSio runs sio with the events of the package comment, for the time of the
// test, and returns its URL.
func startSio(t *testing.T, o sio.Options, prepare func(srv *sio.Server)) string {
	t.Helper()
	return startSioAt(t, "127.0.0.1:0", o, prepare)
}

func startSioAt(t *testing.T, addr string, o sio.Options, prepare func(srv *sio.Server)) string {
	t.Helper()
	srv, err := sio.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, sio.Inline)
	srv.On("object", func(s *sio.Socket, m *sio.Msg) error {
		var v any
		if err := m.Decode(0, &v); err != nil {
			return err
		}
		return s.Emit("object", v)
	}, sio.Inline)
	srv.On("ack", func(_ *sio.Socket, m *sio.Msg) error {
		text, err := m.Str(0)
		if err != nil {
			return err
		}
		return m.Ack(text)
	}, sio.Inline)
	srv.On("join", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err == nil {
			err = s.Join(room)
		}
		if err != nil {
			return err
		}
		return m.Ack()
	}, sio.Inline)
	srv.On("broadcast", func(_ *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		p := sio.Prepare("broadcast")
		defer p.Release()
		p.Raw(m.Raw(1))
		return srv.To(room).Send(p)
	}, sio.Inline)
	if prepare != nil {
		prepare(srv)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan error, 1)
	go func() { over <- srv.Run(ctx, addr) }()
	t.Cleanup(func() {
		stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-srv.Started():
	case err := <-over:
		t.Fatal(err)
	}
	return "http://" + srv.Addrs()[0].String()
}

// TestDialects: every scenario in every way to speak, against sio.
func TestDialects(t *testing.T) {
	url := startSio(t, sio.Options{AllowEIO3: true, PerMessageDeflate: &sio.PerMessageDeflate{}}, nil)
	recovering := startSio(t, sio.Options{Recovery: &sio.Recovery{}}, nil)
	all := []Scenario{
		&Echo{Depth: 3}, &Echo{Kind: Ack, Size: 2000}, &Echo{Kind: Binary, Depth: 2, Size: 1500}, &Echo{Kind: Object}, &Echo{Rate: 1000},
		&Broadcast{InFlight: 2, Size: 1200}, &Rooms{Rooms: 3}, &Connect{},
	}
	for _, tc := range []struct {
		name   string
		change func(o *Options)
		want   map[string]any // parameters
	}{
		{"msgpack", func(o *Options) { o.Parser = "msgpack" }, map[string]any{"parser": "msgpack"}},
		{"msgpack, compressed", func(o *Options) { o.Parser, o.Compress = "msgpack", true }, map[string]any{"compress": true}},
		{"compressed", func(o *Options) { o.Compress = true }, map[string]any{"compress": true}},
		{"protocol 3", func(o *Options) { o.Protocol = 3 }, map[string]any{"eio": 3}},
		{"protocol 3, others", func(o *Options) { o.Protocol, o.Transport = 3, "polling=1,upgrade=1" }, map[string]any{"transport": "polling=1,upgrade=1"}},
		{"offsets behind the arguments", func(o *Options) { o.URL = recovering }, nil},
		{"mixed", func(o *Options) {
			o.Transport, o.Parser, o.Seed, o.Loops = "websocket=70,polling=20,upgrade=10", "json=50%,msgpack=50%", 5, 2
		}, map[string]any{"transport": "websocket=7,polling=2,upgrade=1", "parser": "json=1,msgpack=1", "seed": uint64(5)}},
	} {
		for _, sc := range all {
			t.Run(tc.name+"/"+fmt.Sprintf("%s/%+v", sc.Name(), sc), func(t *testing.T) {
				o := brief(url)
				o.Duration, o.Concurrency = 100*time.Millisecond, 12
				tc.change(&o)
				res := runScenario(t, sc, o)
				clean(t, res)
				for name, want := range tc.want {
					if res.Parameters[name] != want {
						t.Errorf("parameter %s is %v, want %v", name, res.Parameters[name], want)
					}
				}
				names := map[string]uint64{}
				for _, l := range res.Latencies {
					names[l.Name] = l.Count
				}
				if strings.Contains(o.Transport, "upgrade") != (names["upgrade"] > 0) ||
					strings.Contains(o.Transport, "polling") != (names["connect polling"] > 0) {
					t.Errorf("latencies %v", names)
				}
			})
		}
	}
}

// TestTemplatesReachTheServer: each client presents the row that it was dealt, in
// its auth, its query and its headers, by all transports.
func TestTemplatesReachTheServer(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	url := startSio(t, sio.Options{}, func(srv *sio.Server) {
		srv.Use(func(_ context.Context, s *sio.Socket) error {
			h := s.Handshake()
			var auth struct{ Token, Run string }
			if err := h.DecodeAuth(&auth); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			seen[fmt.Sprintf("%s %s %s %s", auth.Token, auth.Run, h.Query().Get("user"), h.Field("X-Proc"))]++
			return nil
		})
	})
	file := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(file, []byte("name,token\na&a,\"t\"\"0\"\nb,t1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := brief(url)
	o.Conns, o.Transport = 6, "websocket=1,polling=1,upgrade=1"
	o.Data, o.RunName, o.Proc, o.FirstID = file, "run1", 2, 100
	o.Auth = `{"token":{{json (.Row "token")}},"run":"{{.Run}}"}`
	o.Query = map[string]string{"user": `{{.Row "name"}}{{.ID}}`}
	o.Headers = map[string]string{"X-Proc": "{{.Proc}}"}
	clean(t, runScenario(t, &Connect{Hold: true}, o))
	delete(seen, `t"0 run1 a&a100 2`) // of the first client, and of the connect that tries
	for id := 101; id < 106; id++ {
		key := fmt.Sprintf("t1 run1 b%d 2", id)
		if id%2 == 0 {
			key = fmt.Sprintf(`t"0 run1 a&a%d 2`, id)
		}
		if seen[key] != 1 {
			t.Errorf("%d × %s", seen[key], key)
		}
		delete(seen, key)
	}
	if len(seen) > 0 {
		t.Errorf("also seen: %v", seen)
	}
}

// TestUsageOfDialects: what cannot be meant is said before anything is opened.
func TestUsageOfDialects(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(o *Options)
		want   string
	}{
		"transport":     {func(o *Options) { o.Transport = "pigeon=1,polling=1" }, `transport "pigeon"`},
		"share":         {func(o *Options) { o.Transport = "websocket=1,polling" }, "share"},
		"parser":        {func(o *Options) { o.Parser = "xml" }, `parser "xml"`},
		"protocol":      {func(o *Options) { o.Protocol = 2 }, "must be 3 or 4"},
		"auth":          {func(o *Options) { o.Auth = "{{" }, "auth"},
		"row":           {func(o *Options) { o.Query = map[string]string{"a": `{{.Row "x"}}`} }, "no table"},
		"data":          {func(o *Options) { o.Data = "/does/not/exist.csv" }, "no such file"},
		"order":         {func(o *Options) { o.DataOrder = "random" }, "without data"},
		"process":       {func(o *Options) { o.Proc = -1 }, "negative"},
		"client":        {func(o *Options) { o.FirstID = -1 }, "negative"},
		"source family": {func(o *Options) { o.Sources = []netip.Addr{netip.MustParseAddr("::1")} }, "of the other kind"},
	} {
		o := brief("http://127.0.0.1:1")
		tc.change(&o)
		if _, err := (&Echo{}).Run(t.Context(), o); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want a usage error about %q", name, err, tc.want)
		}
	}
}

// TestSourceAddresses: IPv4 and IPv6, from where it was said.
func TestSourceAddresses(t *testing.T) {
	var mu sync.Mutex
	seen := map[netip.Addr]bool{}
	note := func(srv *sio.Server) {
		srv.OnConnect(func(s *sio.Socket) {
			mu.Lock()
			defer mu.Unlock()
			seen[s.Handshake().Address().Addr().Unmap()] = true
		})
	}
	server, source := "127.0.0.1:0", "127.0.0.1"
	if runtime.GOOS == "linux" { // elsewhere 127.0.0.1 is all there is
		source = "127.0.0.9"
	}
	tries := map[string]string{server: source}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil { // not every machine has IPv6
		l.Close()
		tries["[::1]:0"] = "::1"
	}
	for server, source := range tries {
		clear(seen)
		o := brief(startSioAt(t, server, sio.Options{}, note))
		o.Sources = []netip.Addr{netip.MustParseAddr(source)}
		clean(t, runScenario(t, &Connect{Hold: true}, o))
		mu.Lock()
		if len(seen) != 1 || !seen[o.Sources[0]] {
			t.Errorf("connected from %v, want %s", seen, source)
		}
		mu.Unlock()
	}
}
