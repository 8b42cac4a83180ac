package loop

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/session"
)

// A visit is one request that net/http has read, as a connection of a loop: its bytes are
// written out as they would have stood on the wire, and what the session writes is taken
// for the response. So a request is judged, answered and refused in one place, whoever
// has read it. It lasts as long as the request.
//
// Its methods are the waiting goroutine's, except those of [session.Wire].
type visit struct {
	loop   *Loop
	remote netip.AddrPort
	tls    *tls.ConnectionState
	bare   bool // a HEAD: the answer has no body

	// The loop's.
	conn session.Conn
	in   []byte // what it is to receive; the waiting goroutine's again after taken

	taken chan struct{} // the loop has received in
	done  chan struct{} // closed when over

	mu   sync.Mutex
	out  []byte // of the answer, what has come
	want int    // its length; 0 while its head has not come whole
	over bool   // it has come whole, or the session will say no more
}

var _ session.Wire = (*visit)(nil)

// visit serves a request for the engine that is to be answered through w. It returns when
// the answer is written, or when the client has gone.
func (g *Group) visit(w http.ResponseWriter, r *http.Request, a *arrival) {
	head, ok := appendHead(nil, r, a.target, false)
	if !ok {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	l := g.homeOf(a.target)
	if l == nil {
		tryLater(w)
		return
	}
	if a.mounted { // a connection of the group's has its place
		defer g.conns.Add(-1)
		if g.conns.Add(1) > g.maxConns {
			l.stats.Refused.Add(1)
			tryLater(w)
			return
		}
	}
	v := &visit{
		loop: l, remote: addrOf(r.RemoteAddr), tls: r.TLS, bare: r.Method == http.MethodHead,
		taken: make(chan struct{}, 1), done: make(chan struct{}),
	}
	front := a.front(r, nil)
	if !l.Do(func(_ session.Host, now session.Instant) {
		l.stats.Connections.Add(1)
		v.conn.Init(l, v, now)
		v.conn.Front(front)
		v.receive(now, head)
	}) {
		tryLater(w)
		return
	}
	rc := http.NewResponseController(w)
	status := 0
	if hasBody(r) {
		status = v.body(rc, r)
	} else {
		// A poll may wait for longer than the server gives a request to be read.
		_ = rc.SetReadDeadline(time.Time{})
	}
	if status == 0 {
		select {
		case <-v.done:
		case <-r.Context().Done():
		case <-g.done:
		}
	}
	l.Do(func(_ session.Host, now session.Instant) {
		l.stats.Connections.Add(-1)
		v.conn.Closed(now, nil)
	})
	switch out, whole := v.answer(); {
	case whole:
		v.write(w, rc, r, out)
	case status != 0:
		http.Error(w, http.StatusText(status), status)
	case v.isOver(): // a listener of our own would hang up
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	case r.Context().Err() != nil: // nobody listens
	default:
		tryLater(w) // the loops have ended
	}
}

// tryLater answers a request that there is no place for.
func tryLater(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "5")
	http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
}

func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// A piece of a body has its chunk header in front, where the body is chunked, and its CRLF
// behind.
const (
	pieceSize = 32 << 10
	pieceHead = len("8000\r\n")
	pieceTail = len("\r\n")
)

var lastChunk = []byte("0\r\n\r\n")

// body brings the request's body to the session, a piece at a time. It ends early when the
// session has answered without waiting for the rest. It returns the status of the answer if
// the body cannot be read, else 0.
func (v *visit) body(rc *http.ResponseController, r *http.Request) (status int) {
	stop := v.interrupt(rc)
	defer stop()
	left, size := r.ContentLength, int64(pieceSize)
	if left >= 0 {
		size = min(size, left)
	}
	buf := make([]byte, pieceHead+int(size)+pieceTail)
	for {
		n, err := r.Body.Read(buf[pieceHead : len(buf)-pieceTail])
		if v.isOver() {
			return 0
		}
		if left >= 0 {
			piece := buf[pieceHead:][:min(int64(n), left)]
			if left -= int64(len(piece)); left == 0 {
				stop() // before the answer that this piece brings about
			}
			if len(piece) > 0 && !v.feed(piece) || left == 0 {
				return 0
			}
		} else if n > 0 {
			copy(buf, fmt.Sprintf("%04x\r\n", n))
			copy(buf[pieceHead+n:], "\r\n")
			if !v.feed(buf[:pieceHead+n+pieceTail]) {
				return 0
			}
		}
		switch {
		case err == nil:
		case err == io.EOF && left < 0:
			stop()
			v.feed(append(buf[:0], lastChunk...))
			return 0
		case errors.As(err, new(*http.MaxBytesError)): // a middleware's bound is lower than ours
			return http.StatusRequestEntityTooLarge
		default:
			return http.StatusBadRequest
		}
	}
}

// feed has the session receive b, and waits until it has. It reports whether it did.
func (v *visit) feed(b []byte) bool {
	v.in = b
	if !v.loop.Do(v.deliver) {
		return false
	}
	select {
	case <-v.taken:
		return true
	case <-v.loop.group.done:
		return false
	}
}

func (v *visit) deliver(_ session.Host, now session.Instant) {
	v.receive(now, v.in)
	v.taken <- struct{}{}
}

// receive brings bytes to the session. A panic costs the request. Loop only.
func (v *visit) receive(now session.Instant, b []byte) {
	defer func() {
		if p := recover(); p != nil {
			v.loop.panicked(p)
			v.Close()
		}
	}()
	v.loop.counted.read += int64(len(b))
	v.conn.Receive(now, b)
}

// interrupt ends a Read of the body when the session answers before it has come. stop must
// be called before the request is over; it may be called again.
func (v *visit) interrupt(rc *http.ResponseController) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-v.done:
		case <-v.loop.group.done:
		case <-end:
			return
		}
		_ = rc.SetReadDeadline(time.Unix(1, 0))
	}()
	return sync.OnceFunc(func() { close(end); <-ended })
}

func (v *visit) isOver() bool {
	select {
	case <-v.done:
		return true
	default:
		return false
	}
}

// answer is what the session has written, and whether that is an answer.
func (v *visit) answer() (out []byte, whole bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.out, v.want > 0 && len(v.out) >= v.want
}

// write sends the answer to the client, in pieces of which each must be taken within the
// time for that.
func (v *visit) write(w http.ResponseWriter, rc *http.ResponseController, r *http.Request, out []byte) {
	end := bytes.Index(out, endOfHead) + len(endOfHead)
	head, body := out[:end], out[end:]
	status, _ := strconv.Atoi(string(head[len("HTTP/1.1 "):][:3]))
	header := w.Header()
	for name := range http1.Fields(head) {
		if n := http.CanonicalHeaderKey(string(name)); n != "Set-Cookie" && n != "Vary" {
			header.Del(n) // what the engine says holds
		}
	}
	for name, value := range http1.Fields(head) {
		switch n := http.CanonicalHeaderKey(string(name)); n {
		case "Date": // the server has its own
		case "Connection":
			if r.ProtoMajor == 1 && http1.ListHasToken(value, "close") {
				header.Set(n, "close")
			}
		default:
			header.Add(n, string(value))
		}
	}
	timeout := v.loop.group.config.WriteTimeout
	_ = rc.SetWriteDeadline(time.Now().Add(timeout))
	w.WriteHeader(status)
	for len(body) > 0 {
		n := min(len(body), writePiece)
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		if body = body[n:]; len(body) > 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(timeout))
		}
	}
}

const writePiece = 64 << 10

var endOfHead = []byte("\r\n\r\n")

// Write implements [session.Wire].
func (v *visit) Write(bufs [][]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return
	}
	for _, b := range bufs {
		v.out = append(v.out, b...)
		v.loop.counted.written += int64(len(b))
	}
	if v.want == 0 {
		end := bytes.Index(v.out, endOfHead)
		if end < 0 {
			return
		}
		v.want = end + len(endOfHead)
		if !v.bare {
			n, _ := strconv.Atoi(string(http1.Field(v.out[:v.want], "Content-Length")))
			v.want += n
		}
	}
	if len(v.out) >= v.want {
		v.finishLocked()
	}
}

func (v *visit) finishLocked() {
	if !v.over {
		v.over = true
		close(v.done)
	}
}

// Buffered implements [session.Wire]: what the client has to take is net/http's.
func (v *visit) Buffered() int { return 0 }

// Pause implements [session.Wire].
func (v *visit) Pause(bool) bool { return false }

// Shutdown implements [session.Wire].
func (v *visit) Shutdown() { v.Close() }

// Close implements [session.Wire].
func (v *visit) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.finishLocked()
}

// Remote implements [session.Wire].
func (v *visit) Remote() netip.AddrPort { return v.remote }

// TLS implements [session.Wire].
func (v *visit) TLS() *tls.ConnectionState { return v.tls }

// addrOf is the address that net/http has for a request, zero if it is none.
func addrOf(s string) netip.AddrPort {
	if p, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	if a, err := netip.ParseAddr(s); err == nil { // of a middleware that knows better
		return netip.AddrPortFrom(a.Unmap(), 0)
	}
	return netip.AddrPort{}
}
