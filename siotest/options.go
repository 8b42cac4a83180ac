package siotest

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/e6a90ca8/sio"
)

// A DialOption is an option of [Dial].
type DialOption func(*config)

// config is what the connection of a client is made with.
type config struct {
	auth    any
	header  http.Header
	query   url.Values
	path    string
	remote  netip.AddrPort
	loop    int // -1: they take turns
	polling bool
	upgrade bool
	mute    bool
	resume  *Client
}

// Auth is what the client sends to join the namespace, [sio.Handshake.DecodeAuth]:
// anything that encoding/json makes an object of. By default it sends nothing.
func Auth(v any) DialOption { return func(c *config) { c.auth = v } }

// Resume makes the client come back as c, which has lost its connection, with what the
// server has given it for that: see [sio.Options].Recovery. Without that the new client is
// simply another one. [Client.Recovered] tells.
func Resume(c *Client) DialOption { return func(cfg *config) { cfg.resume = c } }

// Header adds a field to each of the client's HTTP requests. The fields of the protocol
// and Host are there without it.
func Header(name, value string) DialOption {
	return func(c *config) { c.header.Add(name, value) }
}

// Query sets a parameter of the URL of the client's HTTP requests. Of the protocol's own
// only EIO can be set, for a client of another version.
func Query(name, value string) DialOption {
	return func(c *config) { c.query.Set(name, value) }
}

// Polling makes the client use HTTP long-polling, in place of a WebSocket.
func Polling() DialOption { return func(c *config) { c.polling = true } }

// Upgrade makes the client begin with polling and move to a WebSocket before [Dial]
// returns. To move later use [Polling] and [Client.Upgrade].
func Upgrade() DialOption { return func(c *config) { c.polling, c.upgrade = true, true } }

// Loop makes the client's connections arrive on the event loop with the number, from 0
// to [sio.Options].Loops-1; with another number they fail. By default the clients of a
// server take turns, in the order of their Dial.
func Loop(i int) DialOption { return func(c *config) { c.loop = i } }

// Remote is the client's address. By default it is one of 192.0.2.0/24 (RFC 5737),
// another for each client.
func Remote(addr netip.AddrPort) DialOption { return func(c *config) { c.remote = addr } }

// Mute makes the client leave the protocol's pings unanswered, like one whose network is
// gone: the server ends it when its patience is over, see [Clock.Advance].
func Mute() DialOption { return func(c *config) { c.mute = true } }

func configOf(w *world, opts []DialOption) *config {
	n := w.dialed.Add(1) - 1
	c := &config{
		header: make(http.Header), query: make(url.Values), path: w.path, loop: -1,
		remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + n%254)}), uint16(1024+n%60000)),
	}
	for _, o := range opts {
		o(c)
	}
	if c.loop < 0 && w.group != nil {
		c.loop = int(n) % w.group.Len()
	}
	return c
}

// Dial connects a client to a namespace of the server, which it starts if need be, and
// fails the test at once if that does not succeed. The client is disconnected when the
// test ends. It speaks WebSocket unless [Polling] or [Upgrade] say otherwise. The client
// fails the test t, also if it is used by a subtest of it.
func Dial(t TB, srv *sio.Server, namespace string, opts ...DialOption) *Client {
	t.Helper()
	c, err := TryDial(t, srv, namespace, opts...)
	if err != nil {
		t.Fatalf("siotest: Dial %q: %v", namespace, err)
	}
	return c
}

// TryDial is Dial for a client that may be refused: the error is then a
// [*ConnectError] or a [*HandshakeError]. Like Dial it fails the test at once if the
// server cannot be started.
//
// Errors: also [ErrClosed] if the server hangs up, [ErrTimeout], those of encoding
// [Auth], of [Upgrade], and of a server that has stopped.
func TryDial(t TB, srv *sio.Server, namespace string, opts ...DialOption) (*Client, error) {
	t.Helper()
	return dial(t, start(t, srv, nil), namespace, opts)
}

// DialAddr is Dial for a server that listens, at "host:port": one that has to be tested
// with the network, or is not this process's. [Loop] and [Remote] mean nothing then, and
// nobody can tell that nothing more will come: [Client.ExpectNone] and [Client.Drain]
// fail.
func DialAddr(t TB, addr, namespace string, opts ...DialOption) *Client {
	t.Helper()
	c, err := TryDialAddr(t, addr, namespace, opts...)
	if err != nil {
		t.Fatalf("siotest: DialAddr %q %q: %v", addr, namespace, err)
	}
	return c
}

// TryDialAddr is [TryDial] for a server that listens. The error may also be one of the
// network.
func TryDialAddr(t TB, addr, namespace string, opts ...DialOption) (*Client, error) {
	t.Helper()
	return dial(t, &world{host: addr, path: defaultPath}, namespace, opts)
}

const defaultPath = "/socket.io/"

// Raw opens a connection to the server, which it starts if need be, and leaves the rest
// to the test: what it writes is read as HTTP. Read waits, without a limit, and is ended
// by Close from another goroutine; Write never waits. Of the options [Loop] and [Remote]
// count. It is closed when the test ends. It fails the test at once if the server has
// stopped.
func Raw(t TB, srv *sio.Server, opts ...DialOption) io.ReadWriteCloser {
	t.Helper()
	w := start(t, srv, nil)
	cfg := configOf(w, opts)
	c, err := w.pipe(cfg)
	if err != nil {
		t.Fatalf("siotest: Raw: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Path is where a server of [DialAddr] has its engine, if not at "/socket.io/".
func Path(path string) DialOption { return func(c *config) { c.path = path } }

func dial(t TB, w *world, namespace string, opts []DialOption) (*Client, error) {
	t.Helper()
	cfg := configOf(w, opts)
	c := newConn(t, w, cfg)
	t.Cleanup(c.shutdown)
	if err := c.dial(); err != nil {
		c.shutdown()
		return nil, err
	}
	k, err := c.join(namespace, cfg)
	if err == nil && cfg.upgrade {
		err = c.upgrade()
	}
	if err != nil {
		c.shutdown()
		return nil, err
	}
	return k, nil
}

// Of joins another namespace on the client's connection. Of the options only [Auth] and
// [Resume] count. It fails the test at once if that does not succeed.
func (c *Client) Of(namespace string, opts ...DialOption) *Client {
	c.conn.t.Helper()
	k, err := c.TryOf(namespace, opts...)
	if err != nil {
		c.conn.t.Fatalf("siotest: Of %q: %v", namespace, err)
	}
	return k
}

// TryOf is Of for a client that may be refused: the error is then a [*ConnectError].
//
// Errors: also [ErrClosed], [ErrTimeout], those of encoding [Auth], and one that says so
// if the connection is in the namespace already.
func (c *Client) TryOf(namespace string, opts ...DialOption) (*Client, error) {
	cfg := config{header: make(http.Header), query: make(url.Values)}
	for _, o := range opts {
		o(&cfg)
	}
	return c.conn.join(namespace, &cfg)
}

// fields are the header of a request, without those of the protocol, in a fixed order.
func (c *config) fields(dst []byte) []byte {
	names := make([]string, 0, len(c.header))
	for name := range c.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range c.header[name] {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = append(dst, value...)
			dst = append(dst, "\r\n"...)
		}
	}
	return dst
}
