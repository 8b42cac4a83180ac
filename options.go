package sio

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/codec/json"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
	"github.com/e6a90ca8/sio/session"
)

// Transports is a set of transports, see [Options.Transports].
type Transports uint8

// The transports.
const (
	Polling Transports = 1 << iota
	WebSocket
	// WebTransport needs a listener of its own: see package
	// github.com/e6a90ca8/sio/webtransport.
	WebTransport
)

// Options are what a server is made with. The zero value has the reference server's
// defaults; its names for the options stand in the comments. Durations and sizes of 0
// mean the default, never "none".
type Options struct {
	// Path is where clients find the server. Requests whose path begins with it are the
	// server's. A slash is added at its end unless NoTrailingSlash. Default "/socket.io".
	// Node: path, addTrailingSlash.
	Path            string
	NoTrailingSlash bool

	// Transports are those that clients may use. Default polling and WebSocket. Node:
	// transports.
	Transports Transports
	// NoUpgrades keeps polling clients on polling. Node: allowUpgrades.
	NoUpgrades bool

	// AllowEIO3 lets clients in that speak revision 3 of Engine.IO's protocol, as those of
	// before 2020 do (JavaScript below 3, Java below 2, Swift below 16); without it they are
	// refused with the code 5. A client speaks it whose requests do not have EIO=4. It joins
	// "/" by itself, pings the server instead of being pinged, and its sockets have other ids:
	// see [Socket.ID]. Default false. Node: allowEIO3.
	AllowEIO3 bool

	// PingInterval is the time between two pings to a client, told to it. Default 25 s;
	// at least 100 ms. Node: pingInterval.
	PingInterval time.Duration
	// PingTimeout is how long a client has to answer a ping, from the ping or from the first
	// other packet that comes behind it. Default 20 s. Node: pingTimeout.
	PingTimeout time.Duration
	// UpgradeTimeout is how long a WebSocket may take to take over from polling. Default
	// 10 s. Node: upgradeTimeout.
	UpgradeTimeout time.Duration
	// ConnectTimeout is how long a client may take to join its first namespace, and how
	// long it may wait for an answer to any of those that it asks for later: whoever waits
	// longer is disconnected, so that functions of Use that hang do not pile up. Default
	// 45 s. Node: connectTimeout, for the first.
	ConnectTimeout time.Duration
	// AckTimeout is how long a question to clients waits whose context has no deadline.
	// Default 30 s; negative: until the client leaves. Node has none.
	AckTimeout time.Duration

	// MaxPayload bounds one message from a client, and the body of one request, in
	// bytes, told to clients. A longer one ends the session with [TransportError], over
	// polling with status 413. Default 1,000,000. Node: maxHttpBufferSize.
	MaxPayload int

	// InitialPacket is a message that each client is sent right behind the handshake:
	// one Socket.IO packet. Node: initialPacket.
	InitialPacket string

	// CORS lets pages of other origins use the server. Default: none. Node: cors.
	CORS *CORS
	// Cookie sets a cookie with the session id. Default: none. Node: cookie.
	Cookie *Cookie

	// Client are the files of the official client, npm's socket.io-client/dist, that are
	// served below Path: socket.io.js, socket.io.min.js, socket.io.esm.min.js,
	// socket.io.msgpack.min.js and the .map of each. Other files in it are not; a name that it
	// does not have is a request like any other. Files are read when they are first asked
	// for, on the worker pool, and kept; each may have 8 MiB. They are compressed as the
	// client likes it, once: those with .br or .gz behind the name are used if they are there.
	// Default: none are served. Node: serveClient, which has them at hand.
	Client fs.FS
	// ClientVersion is the ETag of these files, without quotes: such as "4.8.4". Default: one
	// for each file, made of its content.
	ClientVersion string

	// HTTPCompression says how the answers of polling are compressed. Node:
	// httpCompression.
	HTTPCompression HTTPCompression

	// PerMessageDeflate compresses the messages of WebSockets whose clients offer
	// permessage-deflate; nil, the default, turns every offer down. Node: perMessageDeflate.
	PerMessageDeflate *PerMessageDeflate

	// Queue bounds what waits to be sent to a slow client.
	Queue Queue
	// Limits bound what clients can make the server keep.
	Limits Limits

	// Handler serves every request on the server's addresses whose path is not the
	// server's. Default: 404.
	Handler http.Handler

	// TLS encrypts every TCP address that [Server.Run] listens on; unix sockets stay in the
	// clear, for a proxy on the same machine. It needs a certificate, or functions that
	// find one: GetCertificate may show each client another one, by its name for the server
	// or after a renewal, while connections that are open go on. [Server.RunTLS] reads files.
	// ClientAuth asks for client certificates, see [Handshake.TLS]. The configuration is
	// copied when the server runs, with NextProtos replaced by "http/1.1".
	//
	// A handshake must be done within Limits.HeadTime from accept. It runs on the worker
	// pool, as do the configuration's functions, which may block; one without a free worker
	// is closed. At most 2,048, and half as many as Workers, are under way; more wait. An idle connection costs 3.3 KB
	// more than one in the clear, an echo 1 us, and a broadcast is encrypted for each
	// receiver. A client that speaks HTTP is answered with 400. Default: no encryption. Node:
	// https.createServer.
	TLS *tls.Config

	// HTTP are middlewares for every request of the server's, those that ask for a WebSocket
	// included, the first one outermost. Fields that they set are in all answers, the 101
	// too; values that they put into the request's context are in [Handshake.Context]; one
	// that answers by itself keeps the request from the server, see also [RefuseRequest]. A
	// request for a WebSocket has passed them all when its connection is taken over: what
	// they see of the response until then is the status 101.
	//
	// With any, a client's requests are read by net/http, with a goroutine for each
	// connection that polls; WebSockets cost what they do without. Package siotest leaves
	// them out. Node: engine.use.
	HTTP []func(http.Handler) http.Handler

	// AllowRequest decides about each handshake, before a session exists. It runs on the
	// worker pool and may block. An error refuses the client with the code 4 and the text
	// "Forbidden", or that of [Forbid]. While all workers are busy, handshakes are answered
	// with 503. Node: allowRequest.
	AllowRequest func(ctx context.Context, h *Handshake) error

	// GenerateID makes the id of a session, which is a secret between server and client.
	// It must be unique among the clients that are there, hard to guess, and at most 256
	// bytes of UTF-8; over a cluster other servers expect 20 characters. It runs on the
	// worker pool and may block. An error refuses the client with the code 3. Default: 20
	// characters, 120 bits, of which at most 8, one for two loops, are a keyed hash of the
	// others and the rest random. Node: generateId.
	GenerateID func(ctx context.Context, h *Handshake) (string, error)

	// OnHeaders may add fields to each answer to a GET or POST of a session, and to each 101
	// of a WebSocket; initial is true for the first of a session. It is not called for
	// refusals. It is called on an event loop, and must not block. Names and values that
	// cannot stand in a header are left out. Node: the events initial_headers and headers.
	OnHeaders func(add http.Header, h *Handshake, initial bool)

	// OnHandshakeError is told of each request that was refused with one of the
	// protocol's errors. It is called on an event loop, and must not block. Node: the
	// event connection_error.
	OnHandshakeError func(e *HandshakeError)

	// CleanupEmptyChildNamespaces has the server forget a namespace that was made from a
	// pattern when its last socket has left it, or was refused: before OnDisconnect is
	// called. It is made anew for the next client; one in the application's hands has nobody
	// in it any more. What is kept for clients that may come back, see Recovery, goes with it.
	// Default: such namespaces stay, as others do. Node: cleanupEmptyChildNamespaces.
	CleanupEmptyChildNamespaces bool

	// OnNamespace is told of each namespace but "/" when it is made. Node: the event
	// new_namespace.
	OnNamespace func(n *Namespace)

	// AckError makes the arguments of the acknowledgement from an error of its handler.
	// Default: one object {"error":{"message":...}}, with the code and data of a [Fail];
	// of other errors the message is "internal error".
	AckError func(err error) []any

	// JSON replaces the way that arguments, the data of [Refuse] and what
	// [Handshake.DecodeAuth] decodes are encoded and decoded. Attachments are found and put
	// back around it. It does not see what is JSON already, or no value: [Raw], and what
	// the methods of [Msg] and [Packet] for numbers, strings and the like read and write;
	// nor packets of the function [Prepare], which belong to no server: see
	// [Namespace.Prepare]. Node: the parser's replacer and reviver.
	JSON *JSON

	// Recovery lets clients that have lost their connection go on where they were. Default:
	// nil, they begin anew. Node: connectionStateRecovery.
	Recovery *Recovery

	// Parser replaces the encoding of Socket.IO packets; clients must be made with the same.
	// Default: the one that official clients use by themselves. Node: parser.
	Parser Parser

	// NoMsgpack leaves clients that are made with socket.io-msgpack-parser out. Without it
	// they and others are served side by side, in the same rooms: a client whose first
	// message is binary speaks MessagePack, and all that its sockets send and get is put in
	// the default encoding, and from it, at the border. A packet of it holds up to 1,024
	// buffers, or Limits.Attachments if that is more. With a Parser there is no such choice.
	// Clients of revision 3 of Engine.IO cannot choose: they are greeted before they say
	// anything. The reference server, whose parser is one for all, closes the connection.
	NoMsgpack bool

	// Engine watches the connections below the namespaces.
	Engine *EngineHooks

	// Logger is told of what goes wrong, of errors that no OnError takes, see
	// [Namespace.OnError], and at debug level of what goes on: [DebugHandler] chooses among
	// that. Default: slog.Default().
	Logger *slog.Logger

	// Loops is the number of event loops. Default GOMAXPROCS; at most 256.
	Loops int
	// NoBatchedWrites has each connection written to by a system call of its own. Without it,
	// on Linux where io_uring may be used, a loop writes to up to 256 connections with one.
	// That is for broadcasts, and for what handlers send to several clients at about the same
	// time; connections over TLS, and all while Engine.Flush watches, have their own anyway.
	// Where the system refuses io_uring nothing has to be set: the debug log says so, scope
	// "engine", and [Stats].Batched stays 0. A seccomp filter that kills for a system call it
	// does not know, as systemd's SystemCallFilter does by default, cannot be asked: there
	// it has to be set, or io_uring_setup and io_uring_enter be allowed.
	NoBatchedWrites bool
	// Workers bounds the goroutines that handle events at once. They exist only while
	// they are needed, so the bound costs nothing until handlers block: then it keeps a
	// dependency that hangs from taking all memory. Default 10,000.
	Workers int
	// MaxConns bounds the open connections. One more is answered with 503 and closed.
	// Default: none but what the servers of the process may have together, which bounds
	// larger values, too: its limit of descriptors, less those open at the start, less a
	// reserve of 64 and 8 for each loop. Where the system tells no limit: 10,000. With a
	// unix socket, and on other systems than Linux, connections are taken faster than they
	// can be refused: leave room for that in the process's limit of descriptors.
	MaxConns int
}

// HTTPCompression says how the answers of polling are compressed.
type HTTPCompression struct {
	// Off sends them as they are.
	Off bool
	// Threshold is the length in bytes from which they are compressed. Default 1,024.
	Threshold int
}

// PerMessageDeflate says how the messages of WebSockets are compressed. Both sides forget
// each message before the next one: a connection keeps no window, of which the reference
// server's cost some hundred KiB each, and a broadcast is compressed once for everybody.
// What clients send compressed counts for [Options.MaxPayload] as it came, and inflated.
//
// Source: RFC 7692.
type PerMessageDeflate struct {
	// Threshold is the length in bytes from which messages are compressed, unless
	// Compress(false) forbids it, or they get no shorter. Default 1,024. Node: threshold.
	Threshold int
}

// Queue bounds what waits to be sent to a slow client, beyond what the kernel has
// taken.
type Queue struct {
	// MaxBytes is how much may wait. A client for which more waits is disconnected, with
	// the reason [SlowConsumer]. One message that is longer by itself is let through when
	// nothing else waits. Default 1 MiB: 100 MB for a hundred clients that have hung.
	MaxBytes int
	// VolatileBytes is how much may be queued in one turn of the event loop before
	// volatile events are dropped. They are dropped in any case while the client's
	// transport has not taken what it was sent before. Default 64 KiB.
	VolatileBytes int
}

// Limits bound what clients can make the server keep. All have a default.
type Limits struct {
	// Attachments bounds those of one packet. Default 10, as in the reference server;
	// official clients refuse more from us too. Packets in MessagePack have none; see
	// NoMsgpack for their buffers.
	Attachments int
	// AttachmentTime is how long all attachments of a packet may take to arrive. Default
	// 30 s.
	AttachmentTime time.Duration
	// RoomsPerSocket bounds the rooms of one socket. Default 0: none, since rooms are the
	// application's doing.
	RoomsPerSocket int
	// QueuedEvents and QueuedBytes bound what waits for a socket's handlers. At either the
	// client is not read until they are done, so TCP holds it back. While the socket is
	// asked something it is read up to twice as far, for the answer stands behind its
	// events; an answer behind more than that comes when handlers have gone on, and never
	// to a serial handler that waits for it. Default 1,024 events and 1 MiB.
	QueuedEvents int
	QueuedBytes  int

	// HeadBytes and HeadFields bound a request head. Default 16 KiB and 100.
	HeadBytes  int
	HeadFields int
	// HeadTime is how long a request head may take from its first byte, and a new
	// connection to send one. Default 10 s.
	HeadTime time.Duration
	// BodyTime is how long a request body may take; one of which less than 10 KiB come in
	// 10 s is given up before. Default 30 s.
	BodyTime time.Duration
	// WriteTime is how long a client may take nothing of an answer to a request. Default
	// 10 s.
	WriteTime time.Duration
	// IdleTime is how long a connection may be without a request. Default 60 s.
	IdleTime time.Duration
	// CloseTime is how long a WebSocket's peer may take to answer our close frame.
	// Default 5 s.
	CloseTime time.Duration
	// Fragments bounds those of one WebSocket message. Default 16,384.
	Fragments int
}

// JSON is a pair of functions that encode and decode one argument.
type JSON struct {
	Marshal   func(v any) ([]byte, error)
	Unmarshal func(data []byte, v any) error
}

const (
	defaultPath        = "/socket.io"
	defaultWorkers     = 10_000
	defaultCompression = 1024
	minPingInterval    = 100 * time.Millisecond
)

// withDefaults fills in what was left out, and checks the rest.
func (o Options) withDefaults() (Options, error) {
	o.Path = cmp.Or(o.Path, defaultPath)
	if o.Path[0] != '/' {
		return o, fmt.Errorf("sio: path %q does not begin with a slash", o.Path)
	}
	if n := len(o.Path); n > 1 && o.Path[n-1] == '/' {
		o.Path = o.Path[:n-1]
	}
	if !o.NoTrailingSlash && o.Path != "/" {
		o.Path += "/"
	}
	if o.Transports == 0 {
		o.Transports = Polling | WebSocket
	}
	if o.Transports&^(Polling|WebSocket|WebTransport) != 0 {
		return o, errors.New("sio: unknown transport")
	}
	for _, d := range []struct {
		v    *time.Duration
		def  time.Duration
		name string
	}{
		{&o.PingInterval, 25 * time.Second, "PingInterval"},
		{&o.PingTimeout, 20 * time.Second, "PingTimeout"},
		{&o.UpgradeTimeout, 10 * time.Second, "UpgradeTimeout"},
		{&o.ConnectTimeout, 45 * time.Second, "ConnectTimeout"},
		{&o.Limits.AttachmentTime, 30 * time.Second, "Limits.AttachmentTime"},
		{&o.Limits.HeadTime, 10 * time.Second, "Limits.HeadTime"},
		{&o.Limits.BodyTime, 30 * time.Second, "Limits.BodyTime"},
		{&o.Limits.WriteTime, 10 * time.Second, "Limits.WriteTime"},
		{&o.Limits.IdleTime, 60 * time.Second, "Limits.IdleTime"},
		{&o.Limits.CloseTime, 5 * time.Second, "Limits.CloseTime"},
	} {
		*d.v = cmp.Or(*d.v, d.def)
		if *d.v < 0 {
			return o, fmt.Errorf("sio: %s is negative", d.name)
		}
	}
	if o.PingInterval < minPingInterval {
		return o, fmt.Errorf("sio: PingInterval is below %v", minPingInterval)
	}
	o.AckTimeout = cmp.Or(o.AckTimeout, 30*time.Second)
	for _, n := range []struct {
		v    *int
		def  int
		name string
	}{
		{&o.MaxPayload, websocket.DefaultMaxMessage, "MaxPayload"},
		{&o.HTTPCompression.Threshold, defaultCompression, "HTTPCompression.Threshold"},
		{&o.Queue.MaxBytes, 1 << 20, "Queue.MaxBytes"},
		{&o.Queue.VolatileBytes, 64 << 10, "Queue.VolatileBytes"},
		{&o.Limits.Attachments, socketio.DefaultMaxAttachments, "Limits.Attachments"},
		{&o.Limits.RoomsPerSocket, 0, "Limits.RoomsPerSocket"},
		{&o.Limits.QueuedEvents, 1024, "Limits.QueuedEvents"},
		{&o.Limits.QueuedBytes, 1 << 20, "Limits.QueuedBytes"},
		{&o.Limits.HeadBytes, http1.DefaultHeadBytes, "Limits.HeadBytes"},
		{&o.Limits.HeadFields, http1.DefaultFields, "Limits.HeadFields"},
		{&o.Limits.Fragments, websocket.DefaultMaxFragments, "Limits.Fragments"},
		{&o.Loops, runtime.GOMAXPROCS(0), "Loops"},
		{&o.Workers, defaultWorkers, "Workers"},
		{&o.MaxConns, 0, "MaxConns"},
	} {
		*n.v = cmp.Or(*n.v, n.def)
		if *n.v < 0 {
			return o, fmt.Errorf("sio: %s is negative", n.name)
		}
	}
	if d := o.PerMessageDeflate; d != nil {
		if d.Threshold < 0 {
			return o, errors.New("sio: PerMessageDeflate.Threshold is negative")
		}
		o.PerMessageDeflate = &PerMessageDeflate{Threshold: cmp.Or(d.Threshold, defaultCompression)}
	}
	o.Loops = min(o.Loops, broadcast.MaxLoops)
	if o.Recovery != nil {
		r, err := o.Recovery.withDefaults(&o)
		if err != nil {
			return o, err
		}
		o.Recovery = r
	}
	if o.AckError == nil {
		o.AckError = ackError
	}
	for _, m := range o.HTTP {
		if m == nil {
			return o, errors.New("sio: HTTP: a middleware is nil")
		}
	}
	if o.JSON != nil && (o.JSON.Marshal == nil || o.JSON.Unmarshal == nil) {
		return o, errors.New("sio: JSON needs both functions")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}

// ackError is the default of [Options.AckError].
func ackError(err error) []any {
	type body struct {
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}
	b := body{Message: "internal error"}
	if f, ok := asFail(err); ok {
		b = body(f)
	}
	return []any{map[string]any{"error": b}}
}

// config is what the loops need of the options.
func (s *Server) config() session.Config {
	o := &s.options
	var t session.Transports
	if o.Transports&Polling != 0 {
		t |= session.Set(session.Polling)
	}
	if o.Transports&WebSocket != 0 {
		t |= session.Set(session.WebSocket)
	}
	if o.Transports&WebTransport != 0 {
		t |= session.Set(session.WebTransport)
	}
	c := session.Config{
		Path: o.Path, Transports: t, AllowUpgrades: !o.NoUpgrades, AllowEIO3: o.AllowEIO3,
		PingInterval: o.PingInterval, PingTimeout: o.PingTimeout, UpgradeTimeout: o.UpgradeTimeout,
		ConnectTimeout: o.ConnectTimeout, HeadTimeout: o.Limits.HeadTime, BodyTimeout: o.Limits.BodyTime,
		IdleTimeout: o.Limits.IdleTime, CloseTimeout: o.Limits.CloseTime, DrainTimeout: drainTimeout,
		BinaryTimeout: o.Limits.AttachmentTime, WriteTimeout: o.Limits.WriteTime,
		MaxPayload: o.MaxPayload, MaxAttachments: o.Limits.Attachments, MaxPipelined: maxPipelined,
		SoftLimit: o.Queue.VolatileBytes, HardLimit: o.Queue.MaxBytes,
		CompressFrom: o.HTTPCompression.Threshold,
		HTTP:         http1.Limits{HeadBytes: o.Limits.HeadBytes, Fields: o.Limits.HeadFields},
		Frames:       websocket.Config{MaxMessage: o.MaxPayload, MaxFragments: o.Limits.Fragments},
		CORS:         s.cors, Cookie: s.cookie, Client: s.client,
		Hooks:   s.hooks(),
		Confirm: o.Recovery != nil,
	}
	c.Msgpack = !o.NoMsgpack && o.Parser == nil
	if o.Parser != nil {
		c.Translator = &translator{parser: o.Parser, server: s}
	}
	if o.HTTPCompression.Off {
		c.CompressFrom = -1
	}
	if o.PerMessageDeflate != nil {
		c.DeflateFrom = o.PerMessageDeflate.Threshold
	}
	if o.InitialPacket != "" {
		c.InitialPacket = []byte(o.InitialPacket)
	}
	return c
}

const (
	// drainTimeout is how long a polling session that closes waits for its client to ask
	// again. It is the reference server's.
	drainTimeout = 30 * time.Second

	// maxPipelined is how many bytes of requests are kept behind one that waits for its
	// answer. Official clients send none.
	maxPipelined = 64 << 10
)

// engineOf makes a json.Engine of the option.
func engineOf(j *JSON) *json.Engine {
	if j == nil {
		return nil
	}
	return &json.Engine{
		Marshal: func(dst []byte, v any) ([]byte, error) {
			b, err := j.Marshal(v)
			return append(dst, b...), err
		},
		Unmarshal: j.Unmarshal,
	}
}
