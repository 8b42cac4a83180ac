package client

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"syscall"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
)

// Names of errors: what a run counts by. A scenario adds its own.
const (
	Refused        = "connection refused"
	ConnectTimeout = "connect timeout"
	HandshakeLate  = "handshake timeout"
	NotSocketIO    = "not a Socket.IO server"
	Denied         = "handshake refused"
	NamespaceDeny  = "namespace refused"
	ClosedByServer = "closed by server"
	Reset          = "connection reset"
	BadFrame       = "malformed frame"
	BadPacket      = "malformed packet"
	BadHTTP        = "malformed HTTP"
	HTTPStatus     = "unexpected HTTP status"
	Unexpected     = "unexpected packet"
	NoHeartbeat    = "heartbeat missing"
	GoodbyeLate    = "goodbye not answered"
	Descriptors    = "too few descriptors"
	SourcePorts    = "no free source port"
	NotCompressed  = "compression refused"
	BadTemplate    = "template not filled in"
	Network        = "network error"
)

// Error is why a session ended.
type Error struct {
	Name   string // one of the names above, to count by
	Detail string // what exactly, for one example of each
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Name
	}
	return e.Name + ": " + e.Detail
}

// nameOf turns what the reactor says into an Error.
func nameOf(err error) *Error {
	name := Network
	switch {
	case errors.Is(err, io.EOF):
		return &Error{Name: ClosedByServer, Detail: "the server ended the TCP connection"}
	case errors.Is(err, syscall.ECONNREFUSED):
		name = Refused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		name = Reset
	case errors.Is(err, reactor.ErrDialTimeout):
		name = ConnectTimeout
	case errors.Is(err, reactor.ErrDescriptors):
		name = Descriptors
	case errors.Is(err, reactor.ErrSourcePorts):
		name = SourcePorts
	}
	return &Error{Name: name, Detail: err.Error()}
}

// A Tally counts errors by name and keeps one example of each. The zero value
// is empty. One goroutine at a time.
type Tally struct {
	entries map[string]*TallyEntry
	total   uint64
}

// TallyEntry is one name in a [Tally].
type TallyEntry struct {
	Count   uint64 `json:"count"`
	Example string `json:"example"`
}

// Add counts one error name; detail is kept as the example if it is the first.
func (t *Tally) Add(name, detail string) { t.AddN(name, detail, 1) }

// AddN counts n at once; n == 0 does nothing.
func (t *Tally) AddN(name, detail string, n uint64) {
	if n == 0 {
		return
	}
	if t.entries == nil {
		t.entries = map[string]*TallyEntry{}
	}
	e := t.entries[name]
	if e == nil {
		e = &TallyEntry{Example: strings.Clone(detail)}
		t.entries[name] = e
	}
	e.Count += n
	t.total += n
}

// AddError counts err by its name; nil is none.
func (t *Tally) AddError(err error) {
	if err == nil {
		return
	}
	var e *Error
	if errors.As(err, &e) {
		t.Add(e.Name, e.Detail)
		return
	}
	t.Add(Network, err.Error())
}

// Merge adds the counts of other.
func (t *Tally) Merge(other *Tally) {
	for _, name := range slices.Sorted(maps.Keys(other.entries)) {
		t.AddN(name, other.entries[name].Example, other.entries[name].Count)
	}
}

// Total is the number of errors counted.
func (t *Tally) Total() uint64 { return t.total }

// Entries returns a copy of the table.
func (t *Tally) Entries() map[string]TallyEntry {
	m := make(map[string]TallyEntry, len(t.entries))
	for name, e := range t.entries {
		m[name] = *e
	}
	return m
}

// Quote is b for an error text: quoted, and cut after 160 bytes.
func Quote(b []byte) string {
	const most = 160
	if len(b) > most {
		return fmt.Sprintf("%q… (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
