package session

import "github.com/e6a90ca8/sio/codec/socketio"

// IDLen is the length of session and socket ids, in characters. Peers in a cluster
// recognise rooms that are sockets by it.
const IDLen = 20

// A Table is what the sessions of one loop have in common: their host, where they are
// found by id, and what they lend each other for the length of a turn or a request.
// Sessions and connections point to it alone. It belongs to the loop.
type Table struct {
	Host
	Count Count

	byID     map[string]*Session
	outputs  []*Output
	requests []*request
	partials []*partial
	args     socketio.Args // of the packet being received
	event    Event         // that is being handed over
	name     []byte        // of an event, when it has to be unescaped

	// Space to put short things together in, for one statement at a time: a buffer on the
	// stack would be moved to the heap for the sake of the hooks that may see it.
	packet [256]byte
	fields [1024]byte
}

// Count is what a loop's sessions have done since it was made. It belongs to the loop.
type Count struct {
	Events  int64 // that came in
	Packets int64 // Socket.IO packets that were queued for clients, each receiver of a broadcast counted
	Dropped int64 // volatile packets that were not queued
}

// maxSpare bounds each of the free lists: what a busy turn leaves behind is kept for
// the next one, not for ever.
const maxSpare = 1024

// NewTable makes the empty table of a host.
func NewTable(h Host) *Table { return &Table{Host: h, byID: make(map[string]*Session)} }

// Find returns the session with the id, or nil.
func (t *Table) Find(id []byte) *Session { return t.byID[string(id)] }

// Len is the number of sessions.
func (t *Table) Len() int { return len(t.byID) }

// All returns the sessions in no order, so that the caller may end them.
func (t *Table) All() []*Session {
	all := make([]*Session, 0, len(t.byID))
	for _, s := range t.byID {
		all = append(all, s)
	}
	return all
}

func (t *Table) output() *Output {
	if n := len(t.outputs); n > 0 {
		o := t.outputs[n-1]
		t.outputs = t.outputs[:n-1]
		return o
	}
	return new(Output)
}

func (t *Table) free(o *Output) {
	o.reset()
	if len(t.outputs) < maxSpare {
		t.outputs = append(t.outputs, o)
	}
}

func (t *Table) request() *request {
	if n := len(t.requests); n > 0 {
		r := t.requests[n-1]
		t.requests = t.requests[:n-1]
		return r
	}
	return new(request)
}

func (t *Table) freeRequest(r *request) {
	*r = request{head: r.head[:0], sid: r.sid[:0]}
	if len(t.requests) < maxSpare {
		t.requests = append(t.requests, r)
	}
}

func (t *Table) partial() *partial {
	if n := len(t.partials); n > 0 {
		p := t.partials[n-1]
		t.partials = t.partials[:n-1]
		return p
	}
	return new(partial)
}

func (t *Table) freePartial(p *partial) {
	p.reset()
	if len(t.partials) < maxSpare {
		t.partials = append(t.partials, p)
	}
}
