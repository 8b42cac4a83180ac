package session

import (
	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// IDLen is the length of session and socket ids, in characters. Peers in a cluster
// recognise rooms that are sockets by it.
const IDLen = 20

// A Table is what the sessions of one loop have in common: their host, where they are
// found by id, and what they lend each other for the length of a turn or a request.
// Sessions and connections point to it alone. It belongs to the loop.
type Table struct {
	Host
	config *Config // the host's, and its application: asked for several times a packet
	app    App
	Count  Count

	byID     map[string]*Session
	outputs  spares[Output, *Output]
	requests spares[request, *request]
	partials spares[partial, *partial]
	args     socketio.Args // of the packet being received
	event    Event         // that is being handed over
	name     []byte        // of an event, when it has to be unescaped

	fromMsgpack msgpack.Decoder
	toMsgpack   msgpack.Encoder
	msgpack     []byte // what it has written last

	files   clientCache
	slow    map[*Conn]slowness // peers that are behind with HTTP answers
	scratch []byte             // for the buffers of one write
	deflate deflating          // what the compressed messages of WebSockets need

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

// NewTable makes the empty table of a host.
func NewTable(h Host) *Table {
	return &Table{Host: h, config: h.Config(), app: h.App(), byID: make(map[string]*Session)}
}

// Config is the host's.
func (t *Table) Config() *Config { return t.config }

// App is the host's.
func (t *Table) App() App { return t.app }

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

func (t *Table) output() *Output { return t.outputs.get() }

func (t *Table) free(o *Output) {
	o.reset()
	t.outputs.put(o)
}

// buffers is what o has to be written, valid until the next call.
func (t *Table) buffers(o *Output) (bufs [][]byte) {
	bufs, t.scratch = o.buffers(t.scratch)
	if cap(t.scratch) > maxScratch {
		t.scratch = nil
	}
	return bufs
}

// maxScratch is how much of the space that writes are put together in is kept, in bytes.
const maxScratch = 1 << 20

func (t *Table) request() *request { return t.requests.get() }

func (t *Table) freeRequest(r *request) {
	*r = request{head: r.head[:0], sid: r.sid[:0], cors: r.cors[:0]}
	t.requests.put(r)
}

func (t *Table) partial() *partial { return t.partials.get() }

func (t *Table) freePartial(p *partial) {
	p.reset()
	t.partials.put(p)
}
