package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/session"
)

// This file is the way in for requests that net/http has read: of a server of the
// application's, in which the group is mounted, or of the one behind the loops, when there
// are middlewares. A request that asks for a WebSocket brings its connection along, which
// is a loop's from then on. Any other is a visit.

// ServeHTTP serves a request that a server of the application's has read. It waits for
// the group to start. Any goroutine.
func (g *Group) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	target := r.RequestURI
	if !g.config.Serves([]byte(target)) { // a prefix was stripped, or the request was made by a test
		target = r.URL.RequestURI()
	}
	if !g.config.Serves([]byte(target)) {
		g.elsewhere(w, r)
		return
	}
	select {
	case <-g.started:
		g.summoned()
		g.enter(w, r, target, true)
	case <-g.done:
		tryLater(w)
	case <-r.Context().Done():
	}
}

// elsewhere serves a request that is not for the engine.
func (g *Group) elsewhere(w http.ResponseWriter, r *http.Request) {
	if g.handler != nil {
		g.handler.ServeHTTP(w, r)
		return
	}
	http.NotFound(w, r)
}

// An arrival is a request on its way to the engine. Middlewares find it in the context.
type arrival struct {
	group   *Group
	target  string        // raw, of which the engine is sure that it is its own
	mounted bool          // the connection is not one of the group's
	err     error         // why a middleware refuses it
	asked   *http.Request // it has passed the middlewares and asks for a WebSocket
	answer  bool          // a middleware has answered it
}

type arrivalKey struct{}

// enter lets a request for the engine in, through the middlewares.
func (g *Group) enter(w http.ResponseWriter, r *http.Request, target string, mounted bool) {
	a := &arrival{group: g, target: target, mounted: mounted}
	upgrade := asksForUpgrade(r)
	switch {
	case g.chain == nil && upgrade:
		g.hijack(w, r, a)
	case g.chain == nil:
		g.visit(w, r, a)
	case upgrade:
		// The connection is taken over when all middlewares are done: some set their fields
		// only then.
		g.chain.ServeHTTP(&upgradeWriter{w, a}, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)))
		if asked := a.asked; asked != nil && !a.answer {
			a.asked = nil // the session keeps the context, which has a in it
			g.hijack(w, asked, a)
		}
	default:
		g.chain.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), arrivalKey{}, a)))
	}
}

// passed is the handler at the end of the middlewares.
func passed(w http.ResponseWriter, r *http.Request) {
	a, _ := r.Context().Value(arrivalKey{}).(*arrival)
	switch {
	case a == nil:
		panic("sio: a middleware has replaced the request's context by one that does not come from it")
	case asksForUpgrade(r):
		a.asked = r
		w.WriteHeader(http.StatusSwitchingProtocols) // what waits for this adds its fields now
	default:
		a.group.visit(w, r, a)
	}
}

// Refuse has the engine refuse the request that a middleware was called with, for err. It
// reports false if r did not come to the middlewares of a group. Any goroutine.
func Refuse(w http.ResponseWriter, r *http.Request, err error) bool {
	a, _ := r.Context().Value(arrivalKey{}).(*arrival)
	if a == nil {
		return false
	}
	if a.err = err; err == nil {
		a.err = errRefused
	}
	passed(w, r)
	return true
}

var errRefused = errors.New("sio: refused by a middleware")

// asksForUpgrade reports whether a request has what makes the engine take it for one that
// asks for another protocol, see [http1.Head].ConnectionUpgrade.
func asksForUpgrade(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ProtoMinor > 0 &&
		slices.ContainsFunc(r.Header["Connection"], func(v string) bool { return http1.ListHasToken([]byte(v), "upgrade") }) &&
		slices.ContainsFunc(r.Header["Upgrade"], func(v string) bool { return v != "" })
}

// front is what the session is told of the request beside its bytes.
func (a *arrival) front(r *http.Request, fields []byte) *session.Front {
	f := &session.Front{Fields: fields, Err: a.err}
	if ctx := r.Context(); !untouched(ctx) {
		f.Context = context.WithoutCancel(ctx)
	}
	return f
}

// untouched reports whether a request's context is as net/http has made it: to keep it would
// cost ten objects, and tell nobody anything.
//
// Assumed: contexts print themselves as those of the pinned Go do, link by link. Where they
// do not, or anybody has added a link, the context is kept. TestMountedObjects fails if that
// is always so.
func untouched(ctx context.Context) bool {
	s, ok := ctx.(fmt.Stringer)
	return ok && plainContext.MatchString(s.String())
}

var plainContext = regexp.MustCompile(`^context\.Background` +
	`\.WithValue\(net/http context value http-server, [^()]*\)` +
	`\.WithValue\(net/http context value local-addr, [^()]*\)(\.WithCancel)*$`)

// An upgradeWriter is the response to a request for a WebSocket while it is with the
// middlewares. Status 101 is not theirs to send.
type upgradeWriter struct {
	http.ResponseWriter
	a *arrival
}

// Unwrap is for [http.ResponseController].
func (w *upgradeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *upgradeWriter) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols && w.a.asked != nil {
		return
	}
	w.a.answer = w.a.answer || status >= 200 || status == http.StatusSwitchingProtocols
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *upgradeWriter) Write(b []byte) (int, error) {
	if len(b) == 0 && w.a.asked != nil && !w.a.answer {
		return 0, nil // who has kept the response back has nothing to send
	}
	w.a.answer = true
	return w.ResponseWriter.Write(b)
}

// FlushError does nothing while there is no answer.
func (w *upgradeWriter) FlushError() error {
	if !w.a.answer {
		return nil
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (w *upgradeWriter) Flush() { _ = w.FlushError() }

// hijack takes over the connection of a request that asks for a WebSocket. It belongs to a
// loop then, with the request in front: one of TCP as its own connections do, any other
// behind a goroutine.
func (g *Group) hijack(w http.ResponseWriter, r *http.Request, a *arrival) {
	unread, ok := appendHead(nil, r, a.target, true)
	if !ok {
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
		return
	}
	l := g.homeOf(a.target)
	if l == nil || a.mounted && !g.letIn(l) {
		tryLater(w)
		return
	}
	fields := upgradeFields(w.Header())
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		g.logger.Error("sio: a request for a WebSocket has come through a http.ResponseWriter that has neither Hijack nor Unwrap", "err", err)
		if a.mounted {
			g.giveBack()
		}
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	_ = nc.SetDeadline(time.Time{})
	if buffered != nil {
		rest, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		unread = append(unread, rest...)
	}
	way := &passage{unread: unread}
	if p, ok := nc.(*prefixedConn); ok {
		nc, way = p.passage(append(unread, p.unread...))
		if a.mounted { // it is another group's, in whose handler this one is mounted
			p.once.Do(p.group.giveBack)
		}
	}
	way.front = a.front(r, fields)
	switch nc.(type) {
	case *net.TCPConn, *net.UnixConn:
		err = l.enroll(nc, way)
	default:
		err = l.stream(nc, addrOf(r.RemoteAddr), r.TLS, way.unread, way.front)
	}
	if err != nil {
		_ = nc.Close()
		g.giveBack()
	}
}

// letIn takes a place for a connection of somebody else's.
func (g *Group) letIn(l *Loop) bool {
	if g.take() && !g.closing.Load() {
		return true
	}
	g.giveBack()
	l.stats.Refused.Add(1)
	return false
}

// upgradeFields are the fields that middlewares want in the answer to a request for a
// WebSocket. Those of the opening handshake are not theirs, nor those of a body.
func upgradeFields(h http.Header) (fields []byte) {
	for name, values := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Connection", "Upgrade", "Content-Length", "Content-Type", "Transfer-Encoding", "Trailer", "Date":
			continue
		}
		if !http1.ValidFieldName(name) || strings.HasPrefix(strings.ToLower(name), "sec-websocket-") {
			continue
		}
		for _, v := range values {
			if http1.ValidFieldValue(v) {
				fields = http1.AppendField(fields, name, v)
			}
		}
	}
	return fields
}

// homeOf is the loop that a request for the engine goes to: that of its session, or any. It
// is nil while there is no loop.
func (g *Group) homeOf(target string) *Loop {
	_, query, _ := strings.Cut(target, "?")
	var scratch [session.IDLen]byte
	sid, _ := http1.QueryValue(scratch[:0], []byte(query), "sid")
	if i := g.home(sid); i >= 0 {
		return g.Loop(i)
	}
	return g.anyLoop()
}

// anyLoop is a loop, each in turn; nil if there is none yet.
func (g *Group) anyLoop() *Loop {
	at := int(g.arrivals.Add(1))
	for i := range g.loops {
		if l := g.Loop((at + i) % len(g.loops)); l != nil {
			return l
		}
	}
	return nil
}

// appendHead writes the head of a request as it stood on the wire, but for the order and
// the case of its fields. Without whole it leaves out what is between the client and the
// server that has read it, and frames the body anew. It reports false if a middleware has
// made something of the request that no head can have.
func appendHead(b []byte, r *http.Request, target string, whole bool) ([]byte, bool) {
	proto := "HTTP/1.1"
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		proto = "HTTP/1.0"
	}
	if !plain(r.Method) || !plain(target) || !plain(r.Host) {
		return b, false
	}
	b = append(b, r.Method+" "+target+" "+proto+"\r\n"...)
	if r.Host != "" { // HTTP/1.0 does without, and an empty one is refused
		b = http1.AppendField(b, "Host", r.Host)
	}
	switch {
	case whole && len(r.TransferEncoding) > 0, !whole && hasBody(r) && r.ContentLength < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case !whole && (hasBody(r) || r.Method == http.MethodPost):
		b = http1.AppendFieldInt(b, "Content-Length", max(r.ContentLength, 0))
	}
	for name, values := range r.Header {
		if name == "Host" { // HTTP/2 leaves it here
			continue
		}
		if !whole && (between(name) || name == "Content-Length" || name == "Expect") {
			continue
		}
		for _, v := range values {
			if !http1.ValidFieldName(name) || !http1.ValidFieldValue(v) {
				return b, false
			}
			b = http1.AppendField(b, name, v)
		}
	}
	return append(b, "\r\n"...), true
}

// plain reports whether s has no blanks and no control characters.
func plain(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }) < 0
}

// between reports whether a field is about one connection only. Source: RFC 9110, section
// 7.6.1.
func between(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}
