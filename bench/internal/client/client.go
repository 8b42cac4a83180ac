// Package client is a Socket.IO client made to be had by the ten thousand: one
// [Session] is a few hundred bytes and no goroutine, and speaks WebSocket,
// polling, or polling and then WebSocket, over the connections of a
// [reactor.Loop].
//
// It keeps the protocol (opening handshake, Engine.IO open, heartbeat, CONNECT to
// one namespace, goodbye) and leaves events to its [Handler], which gets them as
// text. What a server does against the protocol ends the session with an
// [*Error] whose Name can be counted.
//
// # Ownership
//
// An [Env] and its sessions belong to one loop and are used on that loop's
// goroutine only. A [Config] is shared and must not change.
//
// # Sources
//
// Engine.IO protocol 4, Socket.IO protocol 5, RFC 6455, RFC 9112. TLS is not
// spoken: a load test of a proxy's TLS is another test.
package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// Transport says how a session reaches the server.
type Transport string

const (
	WebSocket Transport = "websocket" // directly, no polling before
	Polling   Transport = "polling"   // and never anything else
	Upgrade   Transport = "upgrade"   // polling, then a WebSocket by probe; ready after it
)

// Connections is how many TCP connections a session may hold at a time.
func (t Transport) Connections() int {
	switch t {
	case Polling:
		return 2
	case Upgrade:
		return 3
	}
	return 1
}

// DefaultTimeout is the default of [Config.Timeout].
const DefaultTimeout = 10 * time.Second

// maxMessage bounds a message from the server, in bytes.
const maxMessage = 64 << 20

// Config is what the sessions of a run have in common. Make it with [NewConfig];
// it must not change once a session uses it.
type Config struct {
	Transport Transport
	Addr      netip.AddrPort // where to connect
	Host      string         // the Host header
	Target    string         // path and query of every request, without transport and sid
	Namespace string         // "/" or "/name"

	// Timeout bounds a handshake, from the start of the dial to Ready, and the
	// server's part of a goodbye. Default [DefaultTimeout].
	Timeout time.Duration

	headers   string   // further header lines, each with CRLF
	auth      []byte   // of every CONNECT, a JSON object; empty: none
	connect   []byte   // the CONNECT packet, "40…"
	leave     []byte   // the DISCONNECT packet, "41…"
	accept    [28]byte // Sec-WebSocket-Accept for webSocketKey
	websocket websocket.Config
}

// Options are the parts of a [Config] that have defaults.
type Options struct {
	Transport Transport         // default WebSocket
	Path      string            // of the Engine.IO server; default "/socket.io/"
	Namespace string            // default that of the URL, else "/"
	Auth      json.RawMessage   // of the CONNECT packet, a JSON object; default none
	Headers   map[string]string // further headers of every request
	Timeout   time.Duration
}

// webSocketKey is the key of every opening handshake: no server can tell, and
// the answer is computed once.
const webSocketKey = "c2lvLWJlbmNoIGlzIG1lIQ=="

// NewConfig reads a server's URL: http or ws, host, port (default 80), and as
// path a namespace, as the official clients have it; a path that is the engine's
// is accepted, too. A query is sent with every request. The host is looked up
// here, once.
func NewConfig(server string, o Options) (*Config, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("server URL: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
	case "https", "wss":
		return nil, fmt.Errorf("server URL %q: TLS is not spoken here; aim at the plain port behind it", server)
	default:
		return nil, fmt.Errorf("server URL %q: the scheme must be http or ws", server)
	}
	if u.Hostname() == "" {
		return nil, fmt.Errorf("server URL %q has no host", server)
	}
	c := &Config{
		Transport: o.Transport,
		Host:      u.Host,
		Namespace: o.Namespace,
		Timeout:   o.Timeout,
		websocket: websocket.Config{Client: true, MaxMessage: maxMessage},
	}
	switch c.Transport {
	case "":
		c.Transport = WebSocket
	case WebSocket, Polling, Upgrade:
	default:
		return nil, fmt.Errorf("transport %q: must be websocket, polling or upgrade", c.Transport)
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}

	path := o.Path
	if path == "" {
		path = "/socket.io/"
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	switch place := strings.TrimSuffix(u.EscapedPath(), "/"); {
	case place == "" || place == strings.TrimSuffix(path, "/"):
	case c.Namespace == "":
		c.Namespace = u.Path
	}
	if !strings.HasPrefix(c.Namespace, "/") {
		c.Namespace = "/" + c.Namespace
	}
	if err := CheckNamespace(c.Namespace); err != nil {
		return nil, err
	}
	c.Target = path + "?EIO=4"
	if u.RawQuery != "" {
		c.Target = path + "?" + u.RawQuery + "&EIO=4"
	}
	if strings.ContainsAny(c.Target+c.Host, " \r\n\t") {
		return nil, fmt.Errorf("server URL %q: a blank stands in it", server)
	}

	for name, value := range o.Headers {
		if name == "" || strings.ContainsAny(name, " :\r\n\t") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("header %q: %q cannot be sent", name, value)
		}
		c.headers += name + ": " + value + "\r\n"
	}
	if len(o.Auth) > 0 {
		var object map[string]any
		if err := json.Unmarshal(o.Auth, &object); err != nil || object == nil {
			return nil, fmt.Errorf("auth %q is not a JSON object", o.Auth)
		}
	}
	c.auth = o.Auth
	c.connect = packet(c.Namespace, '0', o.Auth)
	c.leave = packet(c.Namespace, '1', nil)
	copy(c.accept[:], websocket.AppendAccept(nil, []byte(webSocketKey)))

	c.Addr, err = lookUp(u)
	return c, err
}

// packet makes a Socket.IO packet for a namespace, in its Engine.IO message.
func packet(namespace string, digit byte, payload []byte) []byte {
	return append([]byte(Prefix(namespace, digit, 0)), payload...)
}

// Prefix is what stands before the acknowledgement id and the JSON of an event
// that is sent to [Config.Namespace]; see the function of the same name.
func (c *Config) Prefix(digit byte, attachments int) string {
	return Prefix(c.Namespace, digit, attachments)
}

// Prefix is what stands before the acknowledgement id and the JSON of an event
// that is sent to namespace, for a packet of the type digit: "42", "42/ns,",
// and with attachments "451-/ns,".
func Prefix(namespace string, digit byte, attachments int) string {
	b := []byte{'4', digit}
	if attachments > 0 {
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	return string(b)
}

// CheckNamespace says whether a session can be in a namespace of this name.
func CheckNamespace(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("namespace %q: must begin with a slash", name)
	case strings.ContainsAny(name, ",\x1e"):
		return fmt.Errorf("namespace %q: no comma may stand in it", name)
	}
	return nil
}

// lookUp finds the address of u's host, an IPv4 one if there is.
func lookUp(u *url.URL) (netip.AddrPort, error) {
	port := uint64(80)
	if text := u.Port(); text != "" {
		var err error
		if port, err = strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
			return netip.AddrPort{}, fmt.Errorf("port %q: must be 1 to 65535", text)
		}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
	}
	ips, err := net.LookupIP(u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	slices.SortStableFunc(ips, func(a, b net.IP) int { return len(b.To4()) - len(a.To4()) })
	for _, ip := range ips {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
		}
	}
	return netip.AddrPort{}, errors.New("no address for " + u.Hostname())
}

// An Env is what the sessions of one loop share: buffers, deadlines, counts.
// Loop only.
type Env struct {
	Config *Config
	Loop   *reactor.Loop

	// Heartbeats counts the pings answered.
	Heartbeats uint64

	corked *Session // its writes are collected in out
	out    []byte
	spare  [][]byte // carry buffers not in use
	mask   uint32

	deadlines []deadline // in their order, all of one length
	first     int        // of deadlines
	sweep     *reactor.Timer
	live      []*Session // ready ones, watched for silence
	watch     *reactor.Timer
}

// deadline is when a session has to have done its handshake or goodbye.
type deadline struct {
	s  *Session
	at time.Duration
}

// watchStep is how often ready sessions are checked for silence.
const watchStep = 5 * time.Second

// NewEnv makes the Env of one loop. It may be called from any goroutine before
// the loop first uses it.
func NewEnv(config *Config, loop *reactor.Loop) *Env {
	e := &Env{Config: config, Loop: loop, mask: 0x9e3779b9}
	e.sweep = loop.NewTimer(e.expire)
	e.watch = loop.NewTimer(e.listen)
	return e
}

// within gives s until [Config.Timeout] from now.
func (e *Env) within(s *Session) {
	s.deadline = e.Loop.Now() + e.Config.Timeout
	if e.first == len(e.deadlines) {
		e.deadlines, e.first = e.deadlines[:0], 0
		e.sweep.Arm(s.deadline)
	} else if e.first > 1024 && e.first*2 > len(e.deadlines) {
		n := copy(e.deadlines, e.deadlines[e.first:])
		clear(e.deadlines[n:])
		e.deadlines, e.first = e.deadlines[:n], 0
	}
	e.deadlines = append(e.deadlines, deadline{s, s.deadline})
}

// expire ends the sessions whose time is over, and forgets those that made it.
func (e *Env) expire() {
	for e.first < len(e.deadlines) {
		d := &e.deadlines[e.first]
		if d.s != nil && d.s.deadline == d.at && d.at > e.Loop.Now() {
			e.sweep.Arm(d.at)
			return
		}
		s, at := d.s, d.at
		*d = deadline{}
		e.first++
		if s != nil && s.deadline == at {
			s.late()
		}
	}
}

// listen ends the sessions that have not heard a ping for as long as the server
// said it would take at most.
func (e *Env) listen() {
	now := e.Loop.Now()
	for i := len(e.live) - 1; i >= 0; i-- { // downwards: ending one moves the last into its place
		if s := e.live[i]; s.patience > 0 && !s.paused && now-s.heard > time.Duration(s.patience)*time.Millisecond {
			s.end(&Error{Name: NoHeartbeat, Detail: fmt.Sprintf("no ping for %v", (now - s.heard).Round(time.Millisecond))})
		}
	}
	if len(e.live) > 0 {
		e.watch.Arm(now + watchStep)
	}
}

// cork starts to collect what s writes; uncork writes it. They do not nest for
// one session, and no callback runs between the cork and uncork of another.
func (e *Env) cork(s *Session) (before *Session, at int) {
	before, at = e.corked, len(e.out)
	e.corked = s
	return before, at
}

func (e *Env) uncork(s, before *Session, at int) {
	e.corked = before
	if len(e.out) > at {
		if s.state != ended && s.conn != nil {
			s.conn.Write(e.out[at:])
		}
		e.out = e.out[:at]
		if at == 0 && cap(e.out) > 1<<20 {
			e.out = nil
		}
	}
	if s.poll != nil {
		s.poll.flush()
	}
}

// buffer is an empty buffer for a piece of a message.
func (e *Env) buffer() []byte {
	if n := len(e.spare); n > 0 {
		b := e.spare[n-1]
		e.spare = e.spare[:n-1]
		return b
	}
	return nil
}

// recycle takes a buffer back.
func (e *Env) recycle(b []byte) {
	if cap(b) > 0 && cap(b) <= 256<<10 && len(e.spare) < 64 {
		e.spare = append(e.spare, b[:0])
	}
}

// nextMask is a masking key; that it can be guessed does no harm here.
func (e *Env) nextMask() [4]byte {
	e.mask = e.mask*1664525 + 1013904223
	m := e.mask
	return [4]byte{byte(m), byte(m >> 8), byte(m >> 16), byte(m >> 24)}
}
