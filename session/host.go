package session

import (
	"context"
	"crypto/tls"
	"net/netip"

	"github.com/e6a90ca8/sio/codec/http1"
)

// A Host is the loop that connections and sessions live on. All its methods are
// called on that loop's goroutine, except Run.
type Host interface {
	// Index is the loop's number, from 0.
	Index() int
	// Config is the loop's configuration: always the same pointer, but what it points to
	// may change between turns.
	Config() *Config
	// App is the server that the loop works for, always the same.
	App() App
	// Sessions is the table of the loop's sessions.
	Sessions() *Table

	// Clock reads the clock now. Everything else gets the time as an argument; this
	// is for the few places that measure.
	Clock() Instant
	// Wall is the time of day in milliseconds of Unix time.
	Wall() int64
	// Date is the Date field of an HTTP response with its CRLF, a view.
	Date() []byte
	// Random is a number from 0 to below n, for jitter; not for secrets.
	Random(n int64) int64
	// NewID fills in 20 characters of URL-safe base64, at least 112 bits of them
	// from the system's random source, from which [Host.Home] tells the loop.
	NewID(id *[IDLen]byte)
	// Home is the number of the loop that a session id was made on, or -1 if no
	// loop of this server can have made it.
	Home(sid []byte) int

	// Claim takes a session id that the application made, so that [Host.Home] finds it;
	// it reports false if the id is taken. Unclaim gives it back.
	Claim(sid string) bool
	Unclaim(sid string)

	// Schedule asks for t.Expire at or shortly after the instant. See [Timed].
	Schedule(t Timed, at Instant)
	// Forget says that t has ended and needs no reminder.
	Forget(t Timed)
	// Written asks for c.Flush at the end of the turn.
	Written(c *Conn)
	// Fanned is as Written, for output that may wait for its share of a long
	// broadcast.
	Fanned(c *Conn)
	// Bulky asks for c.Flush as soon as the current operation is over, without waiting
	// for the end of the turn.
	Bulky(c *Conn)
	// Laden says that broadcasts have queued much for some connection: what was queued by
	// them is to be written before more is queued.
	Laden()
	// Answerable asks for s.FlushPolling at the end of the turn.
	Answerable(s *Session)
	// Later asks for s.Close(r, err) at the end of the turn, for callers that must
	// not end the session now because they walk over others.
	Later(s *Session, r Reason, err error)

	// Run makes f run on the loop with the given number, behind everything that this
	// goroutine had run there before. f is dropped when that loop has stopped.
	Run(loop int, f func(h Host, now Instant))

	// Move takes the connection away to another loop, where a new one begins with
	// the unread bytes. It reports whether it could; if so c is dead.
	Move(c *Conn, loop int, unread []byte) bool
	// Foreign hands the connection with the unread bytes, which begin with a request
	// that is not for the engine, to whoever serves such requests. It reports whether
	// there is somebody; if so c is dead.
	Foreign(c *Conn, unread []byte) bool

	// Buffer gives an empty buffer with room for at least n bytes; Release takes it
	// back. Buffers that are not given back are garbage collected.
	Buffer(n int) []byte
	Release(b []byte)
}

// A Wire is the connection's descriptor, or what stands for one. Loop only.
type Wire interface {
	// Write hands the buffers over, in order. It may change bufs, not the bytes.
	// What the kernel does not take is kept by the wire and counted by Buffered. A
	// failure is told by [Conn.Closed], possibly before Write returns.
	Write(bufs [][]byte)
	// Buffered is how many bytes the kernel has not taken yet.
	Buffered() int
	// Pause stops and resumes reading. A wire that cannot returns false.
	Pause(on bool) bool
	// Shutdown ends our direction once everything has been written: TCP FIN.
	Shutdown()
	// Close ends the connection now. [Conn.Closed] follows.
	Close()
	// Remote is the peer's address; zero if it has none.
	Remote() netip.AddrPort
	// TLS is what TLS has negotiated; nil if the connection is not encrypted by it. It is
	// shared, and not changed once a byte has come.
	TLS() *tls.ConnectionState
}

// Timed is something with deadlines. A Timed has at most one live entry in the
// wheel; the entry is only a reminder, the true deadlines are its own.
type Timed interface {
	// Expire does what is due and returns the next deadline, or 0 for none.
	Expire(now Instant) Instant
	// Entry is where the wheel notes the instant of the live entry; 0 when there is
	// none.
	Entry() *Instant
}

// An App is the server above the protocol. Its methods are called on a loop and
// must not block.
type App interface {
	// Admit is asked about each handshake before the session is made. It either
	// answers at once, or returns [Undecided] and has [Conn.Admitted] called on c's
	// loop later, with the same ticket.
	Admit(c *Conn, ticket uint32, r *Request) Verdict

	// Refused is told of each handshake or request that was refused, with the
	// protocol's error code and what was wrong.
	Refused(r *Request, f *Failure)

	// Connect is called for each CONNECT. nsp and auth (JSON text, or empty) are
	// views. It answers by calling, at once or later but on s's loop, exactly one of
	// [Session.Grant] and [Session.Deny] for the same name. Until then the session
	// accepts nothing for that namespace.
	Connect(s *Session, now Instant, nsp, auth []byte)

	// Event hands over an event. All of e is a view.
	Event(now Instant, k *Socket, e *Event)
	// Failed is told that the session will end over a packet that could not be read, for
	// each of its sockets.
	Failed(k *Socket, err error)
	// Left is told once, when a joined socket has ended. Its rooms are left when it
	// returns.
	Left(k *Socket, r Reason, err error)
	// Withdrawn is told once, when the session of a bidding socket has ended. Grant and
	// Deny do nothing for it any more.
	Withdrawn(k *Socket, r Reason, err error)

	// Opened and Ended are told of each session, the latter after its sockets.
	Opened(s *Session)
	Ended(s *Session, r Reason, err error)

	// Untranslatable is told of a packet that a [Translator] could not put in the clients'
	// encoding. It is not sent.
	Untranslatable(err error)

	// Offload runs f on another goroutine. It reports whether it could.
	Offload(f func()) bool
}

// Verdict is an App's answer to a handshake.
type Verdict struct {
	State VerdictState
	Text  string // of Rejected: replaces the text "Forbidden" if not empty
	SID   string // of Admitted: the session's id, if the application makes its own
	Err   error  // of Broken: why no id could be made
}

// VerdictState says how an App decided.
type VerdictState uint8

// The ways in which an App can decide.
const (
	Admitted   VerdictState = iota
	Rejected                // error code 4
	Overloaded              // nobody is free to decide: 503
	Broken                  // no session id could be made: error code 3
	Undecided               // Conn.Admitted will follow
)

// A Request is what is known of one HTTP request to the engine. All slices are
// views.
type Request struct {
	http1.Head
	Remote    netip.AddrPort
	Secure    bool                 // encrypted up to this server
	TLS       *tls.ConnectionState // see [Wire]
	Context   context.Context      // see [Front]; nil if there was none
	Transport []byte               // query parameter
	SID       []byte               // query parameter
	EIO       []byte               // query parameter
	Wall      int64                // milliseconds of Unix time, once an App is shown it
}

// A Failure is why a request was refused.
//
// Source: Engine.IO protocol 4, and the reference server's "connection_error".
type Failure struct {
	Code    int    // 0 to 5
	Message string // of the code, or the application's
	Name    string // "TRANSPORT_MISMATCH" and the like, or ""
	Detail  string // the offending transport, sid, method, protocol or origin
	Was     string // of TRANSPORT_MISMATCH and PROTOCOL_MISMATCH: the session's
	Err     error  // of ID_GENERATION_ERROR and MIDDLEWARE_FAILURE
}

// The codes of refused requests.
const (
	CodeTransport = 0 // Transport unknown
	CodeSID       = 1 // Session ID unknown
	CodeMethod    = 2 // Bad handshake method
	CodeRequest   = 3 // Bad request
	CodeForbidden = 4 // Forbidden
	CodeProtocol  = 5 // Unsupported protocol version
)

var failureText = [...]string{
	CodeTransport: "Transport unknown",
	CodeSID:       "Session ID unknown",
	CodeMethod:    "Bad handshake method",
	CodeRequest:   "Bad request",
	CodeForbidden: "Forbidden",
	CodeProtocol:  "Unsupported protocol version",
}
