package sio_test

import (
	"bufio"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/internal/inproc"
	"github.com/e6a90ca8/sio/loop"
	"github.com/e6a90ca8/sio/siotest"
)

// A rawClient is a WebSocket without a client behind it, for tests that look at single
// packets or count allocations. The test's goroutine does everything.
type rawClient struct {
	t      testing.TB
	group  *loop.Group
	pipe   io.ReadWriteCloser
	buf    []byte // read and not yet used
	reader websocket.Reader
	packed bool // the last message came compressed, with so many bytes
	length int
}

// start runs a server on the system's clock, for clients of dialIn.
func startRaw(t testing.TB, srv *sio.Server) *loop.Group {
	t.Helper()
	g, err := inproc.Detach(srv, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return g
}

// dialRaw starts the server and opens a WebSocket session on its first loop.
func dialRaw(t testing.TB, srv *sio.Server) *rawClient {
	t.Helper()
	return dialIn(t, startRaw(t, srv), 0)
}

func dialIn(t testing.TB, g *loop.Group, index int) *rawClient {
	t.Helper()
	return dialWith(t, g, index, "EIO=4")
}

// dialWith opens a WebSocket session on the loop by a request with the query.
func dialWith(t testing.TB, g *loop.Group, index int, query string) *rawClient {
	t.Helper()
	p, err := g.Pipe(index, netip.MustParseAddrPort("192.0.2.1:1024"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return upgradeRaw(t, g, p, query)
}

// upgradeRaw opens a WebSocket session on a connection.
func upgradeRaw(t testing.TB, g *loop.Group, p io.ReadWriteCloser, query string) *rawClient {
	t.Helper()
	return upgradeOffering(t, g, p, query, "")
}

// upgradeOffering is upgradeRaw with an offer of extensions, unless that is empty.
func upgradeOffering(t testing.TB, g *loop.Group, p io.ReadWriteCloser, query, offer string) *rawClient {
	t.Helper()
	if offer != "" {
		offer = "Sec-WebSocket-Extensions: " + offer + "\r\n"
	}
	c := &rawClient{t: t, group: g, pipe: p, reader: websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 30}}}
	c.write([]byte("GET /socket.io/?transport=websocket&" + query + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" +
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2lvdGVzdCBzYXlzIGhpIQ==\r\n" + offer + "\r\n"))
	r := bufio.NewReader(p)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("opening handshake: %v %v", resp, err)
	}
	c.reader.Config.Deflate = resp.Header.Get("Sec-WebSocket-Extensions") != ""
	c.buf = make([]byte, r.Buffered())
	_, _ = io.ReadFull(r, c.buf)
	if got := c.next(); got[0] != '0' {
		t.Fatalf("got %q, want the open packet", got)
	}
	return c
}

func (c *rawClient) write(b []byte) {
	if _, err := c.pipe.Write(b); err != nil {
		c.t.Helper()
		c.t.Fatal(err)
	}
}

// frames are packets as masked text frames.
func frames(packets ...string) (b []byte) {
	for _, p := range packets {
		b = websocket.AppendMasked(b, websocket.Text, []byte(p), [4]byte{1, 2, 3, 4})
	}
	return b
}

func (c *rawClient) send(packets ...string) { c.write(frames(packets...)) }

// next is the next message from the server.
func (c *rawClient) next() string {
	c.t.Helper()
	var b [4096]byte
	for {
		m, n, err := c.reader.Next(c.buf)
		if err != nil {
			c.t.Fatal(err)
		}
		c.buf = c.buf[n:]
		if n > 0 && m.Opcode != websocket.Continuation {
			c.length, c.packed = len(m.Data), m.Compressed
			if m.Compressed {
				if m.Data, err = websocket.Inflate(nil, m.Data, 1<<30); err != nil {
					c.t.Fatal(err)
				}
			}
			return string(m.Data)
		}
		if n == 0 {
			n, err := c.pipe.Read(b[:])
			if err != nil {
				c.t.Fatal(err)
			}
			c.buf = append(c.buf, b[:n]...)
		}
	}
}

// skip reads and drops n bytes.
func (c *rawClient) skip(n int, space []byte) {
	for n > 0 {
		k, err := c.pipe.Read(space[:min(n, len(space))])
		if err != nil {
			c.t.Helper()
			c.t.Fatal(err)
		}
		n -= k
	}
}

// rest returns when the loops have done everything that they were told.
func (c *rawClient) rest() { c.group.Tick() }

// A rawPoller is a polling session whose requests are made by the test one by one.
type rawPoller struct {
	t    testing.TB
	srv  *sio.Server
	addr string // of the session, as a query
	next func(method, body string) (status int, answer string)
}

// startPolling opens a polling session beside the clients of siotest.
func startPolling(t testing.TB, srv *sio.Server) *rawPoller {
	t.Helper()
	p := &rawPoller{t: t, srv: srv}
	conn := siotest.Raw(t, srv)
	r := bufio.NewReader(conn)
	p.next = func(method, body string) (int, string) {
		t.Helper()
		_, err := io.WriteString(conn, method+" /socket.io/?EIO=4&transport=polling"+p.addr+" HTTP/1.1\r\nHost: x\r\n"+
			"Content-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	_, open := p.next("GET", "")
	_, rest, _ := strings.Cut(open, `"sid":"`)
	sid, _, ok := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("got %q", open)
	}
	p.addr = "&sid=" + sid
	return p
}

// get is the answer to a GET.
func (p *rawPoller) get() string {
	p.t.Helper()
	status, body := p.next("GET", "")
	if status != 200 {
		p.t.Fatalf("status %d: %s", status, body)
	}
	return body
}

// post posts packets.
func (p *rawPoller) post(body string) {
	p.t.Helper()
	if status, answer := p.next("POST", body); status != 200 || answer != "ok" {
		p.t.Fatalf("status %d: %s", status, answer)
	}
}

// join joins "/".
func (p *rawPoller) join() *sio.Socket {
	p.t.Helper()
	p.post("40")
	_, rest, _ := strings.Cut(p.get(), `40{"sid":"`)
	id, _, _ := strings.Cut(rest, `"`)
	s, ok := p.srv.Socket(id)
	if !ok {
		p.t.Fatalf("no socket %q", id)
	}
	return s
}
