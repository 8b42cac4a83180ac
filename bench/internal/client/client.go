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
// Engine.IO protocols 4 and 3, Socket.IO protocols 5 and 4, RFC 6455, RFC 7692,
// RFC 9112. TLS is not spoken: a load test of a proxy's TLS is another test.
package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/bench/internal/mix"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// Transport says how a session reaches the server.
type Transport string

const (
	WebSocket Transport = "websocket" // directly, no polling before
	Polling   Transport = "polling"   // and never anything else
	Upgrade   Transport = "upgrade"   // polling, then a WebSocket by probe; ready after it
)

// Transports are all of them.
var Transports = []string{string(WebSocket), string(Polling), string(Upgrade)}

// connections is how many TCP connections a session may hold at a time.
func (t Transport) connections() int {
	switch t {
	case Polling:
		return 2
	case Upgrade:
		return 3
	}
	return 1
}

// Parsers of Socket.IO packets.
const (
	JSON    = "json"    // text and attachments
	MsgPack = "msgpack" // one binary message, as socket.io-msgpack-parser has it
)

// DefaultTimeout is the default of [Config.Timeout].
const DefaultTimeout = 10 * time.Second

// maxMessage bounds a message from the server, in bytes, inflated.
const maxMessage = 64 << 20

// Config is what the sessions of a run have in common. Make it with [NewConfig];
// it must not change once a session uses it.
type Config struct {
	Transports mix.Mix // of the three, by number of the client
	Parsers    mix.Mix // of the two
	Protocol   int     // of Engine.IO: 4, or 3 for Socket.IO 2
	Addr       netip.AddrPort
	Host       string // the Host header
	Target     string // path and query of every request, without transport and sid
	Namespace  string // "/" or "/name"

	// Timeout bounds a handshake, from the start of the dial to Ready, and the
	// server's part of a goodbye. Default [DefaultTimeout].
	Timeout time.Duration

	seed      uint64
	firstID   int
	compress  bool
	kind      kind     // of all sessions, if there are no mixes
	mixed     bool     // else by their numbers
	headers   string   // further header lines, each with CRLF
	auth      []byte   // of every CONNECT, a JSON object; empty: none
	dress     *dress   // what differs from client to client; nil if nothing does
	connect   []byte   // the CONNECT packet, "40…"
	leave     []byte   // the DISCONNECT packet, "41…"
	accept    [28]byte // Sec-WebSocket-Accept for webSocketKey
	websocket websocket.Config
	deflated  websocket.Config // where permessage-deflate was agreed on
}

// Options are the parts of a [Config] that have defaults. Auth, Query and Headers
// are templates of package fill.
type Options struct {
	Transport  Transport         // of all sessions; default WebSocket
	Transports mix.Mix           // in place of Transport
	Parsers    mix.Mix           // default JSON
	Protocol   int               // default 4
	Compress   bool              // offer permessage-deflate, and insist on it
	Path       string            // of the Engine.IO server; default "/socket.io/"
	Namespace  string            // default that of the URL, else "/"
	Auth       string            // of the CONNECT packet, a JSON object; default none
	Query      map[string]string // further parameters of every request
	Headers    map[string]string // further headers of every request
	Timeout    time.Duration

	// Fill is what templates draw on, and its Seed that of the mixes; FirstID is
	// added to the number of every client.
	Fill    fill.Source
	FirstID int
}

// webSocketKey is the key of every opening handshake: no server can tell, and
// the answer is computed once.
const webSocketKey = "c2lvLWJlbmNoIGlzIG1lIQ=="

// NewConfig reads a server's URL: http or ws, host, port (default 80), and as
// path a namespace, as the official clients have it; a path that is the engine's
// is accepted, too. A query is sent with every request. The host is looked up
// here, once, and templates are tried out on the first client.
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
		Host:      u.Host,
		Namespace: o.Namespace,
		Timeout:   o.Timeout,
		compress:  o.Compress,
		seed:      o.Fill.Seed,
		firstID:   o.FirstID,
		websocket: websocket.Config{Client: true, MaxMessage: maxMessage},
		deflated:  websocket.Config{Client: true, MaxMessage: maxMessage, Deflate: true},
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if err := c.choose(&o); err != nil {
		return nil, err
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
	c.Target = path + "?"
	if u.RawQuery != "" {
		c.Target += u.RawQuery + "&"
	}
	c.Target += fmt.Sprintf("EIO=%d", c.Protocol)
	if strings.ContainsAny(c.Target+c.Host, " \r\n\t") {
		return nil, fmt.Errorf("server URL %q: a blank stands in it", server)
	}
	if err := c.fillIn(&o); err != nil {
		return nil, err
	}
	c.connect = packet(c.Namespace, '0', c.auth)
	c.leave = packet(c.Namespace, '1', nil)
	copy(c.accept[:], websocket.AppendAccept(nil, []byte(webSocketKey)))

	c.Addr, err = lookUp(u)
	return c, err
}

// choose takes the transports, parsers and the protocol of o.
func (c *Config) choose(o *Options) (err error) {
	if len(o.Transports) == 0 {
		o.Transports = mix.Of(string(o.Transport))
		if o.Transport == "" {
			o.Transports = mix.Of(string(WebSocket))
		}
	}
	if c.Transports, err = o.Transports.Check(Transports...); err != nil {
		return fmt.Errorf("transport %w", err)
	}
	if len(o.Parsers) == 0 {
		o.Parsers = mix.Of(JSON)
	}
	if c.Parsers, err = o.Parsers.Check(JSON, MsgPack); err != nil {
		return fmt.Errorf("parser %w", err)
	}
	switch c.Protocol = o.Protocol; {
	case c.Protocol == 0:
		c.Protocol = 4
	case c.Protocol == 3 && !slices.Equal(c.Parsers.Names(), []string{JSON}):
		return errors.New("Engine.IO protocol 3 is spoken with parser json only")
	case c.Protocol == 3 && o.Auth != "":
		return errors.New("auth: Engine.IO protocol 3 has none; its clients send a query")
	case c.Protocol != 3 && c.Protocol != 4:
		return fmt.Errorf("Engine.IO protocol %d: must be 3 or 4", c.Protocol)
	}
	c.kind = kindOf(c.Transports[0].Name, c.Parsers[0].Name)
	c.mixed = !c.Transports.One() || !c.Parsers.One()
	return nil
}

// fillIn takes auth, query and headers of o: what is the same for all clients is
// put where it belongs, the rest is c.dress.
func (c *Config) fillIn(o *Options) error {
	d := &dress{source: o.Fill}
	for _, name := range slices.Sorted(maps.Keys(o.Query)) {
		t, err := fill.New(o.Query[name])
		if err != nil {
			return fmt.Errorf("query %s: %w", name, err)
		}
		if name == "" {
			return errors.New("query: a name is missing")
		}
		if t.Constant() {
			c.Target += "&" + url.QueryEscape(name) + "=" + url.QueryEscape(o.Query[name])
			continue
		}
		d.query = append(d.query, field{url.QueryEscape(name), t})
	}
	for _, name := range slices.Sorted(maps.Keys(o.Headers)) {
		t, err := fill.New(o.Headers[name])
		if err != nil {
			return fmt.Errorf("header %s: %w", name, err)
		}
		if name == "" || strings.ContainsAny(name, " :\r\n\t") {
			return fmt.Errorf("header %q cannot be sent", name)
		}
		if !t.Constant() {
			d.headers = append(d.headers, field{name, t})
			continue
		}
		if strings.ContainsAny(o.Headers[name], "\r\n") {
			return fmt.Errorf("header %q: %q cannot be sent", name, o.Headers[name])
		}
		c.headers += name + ": " + o.Headers[name] + "\r\n"
	}
	if o.Auth != "" {
		t, err := fill.New(o.Auth)
		if err != nil {
			return fmt.Errorf("auth: %w", err)
		}
		if t.Constant() {
			var object map[string]any
			if err := json.Unmarshal([]byte(o.Auth), &object); err != nil || object == nil {
				return fmt.Errorf("auth %q is not a JSON object", o.Auth)
			}
			c.auth = []byte(o.Auth)
		} else {
			d.auth = t
		}
	}
	if d.query == nil && d.headers == nil && d.auth == nil {
		return nil
	}
	c.dress = d
	if _, _, err := d.request(c.firstID); err != nil {
		return err
	}
	_, err := d.connect(c.firstID)
	return err
}

// Connections is how many TCP connections n sessions may hold at a time.
func (c *Config) Connections(n int) int {
	total, parts := 0, 0
	for _, s := range c.Transports {
		total += s.Parts * Transport(s.Name).connections()
		parts += s.Parts
	}
	return (n*total + parts - 1) / parts
}

// kind is how one session of a run speaks.
type kind uint8

const (
	kindTransport kind = 3      // these bits: index into Transports
	kindMsgPack   kind = 1 << 2 // else JSON
)

func kindOf(transport, parser string) kind {
	k := kind(slices.Index(Transports, transport))
	if parser == MsgPack {
		k |= kindMsgPack
	}
	return k
}

func (k kind) transport() Transport { return Transport(Transports[k&kindTransport]) }

// kindOf is the kind of the client id.
func (c *Config) kindOf(id int) kind {
	if !c.mixed {
		return c.kind
	}
	// Another seed for the parsers, or each would go with one transport.
	return kindOf(c.Transports.Pick(id, c.seed), c.Parsers.Pick(id, ^c.seed))
}
