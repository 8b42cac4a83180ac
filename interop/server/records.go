package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/e6a90ca8/sio"
)

// maxRecords bounds the records that are kept, and maxRefusals the refusals.
const (
	maxRecords  = 10_000
	maxRefusals = 1000
)

// A record is what is remembered of a socket, also after its end.
type record struct {
	Errors int      `json:"errors"`
	Reason *string  `json:"reason"` // null until it ends
	Rooms  []string `json:"rooms"`  // when it ended
	Times  int      `json:"times"`  // that the end was reported
}

// records are those of the newest sockets.
type records struct {
	mu    sync.Mutex
	byID  map[string]*record
	order []string // ids, the oldest first
}

func (r *records) begin(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[id] = &record{Rooms: []string{}}
	r.order = append(r.order, id)
	if len(r.order) > maxRecords {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
}

// change has f change a record, if it is still there.
func (r *records) change(id string, f func(*record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.byID[id]; x != nil {
		f(x)
	}
}

// get is a copy of a record, nil if there is none.
func (r *records) get(id string) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.byID[id]
	if x == nil {
		return nil
	}
	c := *x
	return &c
}

// failed is told of errors on a socket: of packets that could not be read, of the
// event middleware of /watch, and of handlers. A handler that finds its client gone
// has done nothing wrong.
func (a *app) failed(s *sio.Socket, err error) {
	if errors.Is(err, sio.ErrClosed) {
		return
	}
	a.records.change(s.ID(), func(r *record) { r.Errors++ })
	var refused sio.Refuse
	if errors.As(err, &refused) && refused.Data != nil {
		_ = s.Emit("error.report", refused.Message, refused.Data) // fails only if the client has left
	}
}

// ended is told of each socket's end.
func (a *app) ended(s *sio.Socket, r sio.Reason) {
	a.records.change(s.ID(), func(x *record) {
		reason := string(r)
		x.Reason = &reason
		x.Rooms = sorted(s.Rooms())
		x.Times++
	})
	if a.ctx.Err() == nil {
		return
	}
	line, _ := json.Marshal(struct { // texts only: it cannot fail
		ID     string     `json:"id"`
		Nsp    string     `json:"nsp"`
		Reason sio.Reason `json:"reason"`
	}{s.ID(), s.Namespace().Name(), r})
	fmt.Printf("disconnect %s\n", line)
}

// A refusal is a request that was refused.
type refusal struct {
	url     string
	Code    int            `json:"code"`
	Message string         `json:"message"`
	Context map[string]any `json:"context"`
}

// refusals are the newest ones.
type refusals struct {
	mu   sync.Mutex
	list []refusal
}

// add remembers a refusal. It is called on event loops: it does not block.
func (r *refusals) add(e *sio.HandshakeError) {
	x := refusal{url: e.Request.URL(), Code: e.Code, Message: messages[e.Code], Context: make(map[string]any)}
	for name, value := range e.Context {
		switch name {
		case "error": // no text in the reference
		case "protocol":
			x.Context[name] = 3 // whatever is not 4
		default:
			x.Context[name] = value
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list = append(r.list, x); len(r.list) > maxRefusals {
		r.list = r.list[1:]
	}
}

// messages are the standard texts of the codes.
var messages = [...]string{
	"Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden", "Unsupported protocol version",
}

// marked are the refusals whose URL has the mark, in order.
func (r *refusals) marked(mark string) []refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := []refusal{}
	for _, x := range r.list {
		if strings.Contains(x.url, "mark="+mark) {
			found = append(found, x)
		}
	}
	return found
}
