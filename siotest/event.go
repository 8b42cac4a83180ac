package siotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// An Event is an event, or an acknowledgement, as it came from the server, with its
// arguments. It lasts, and never changes: any goroutine may use it.
type Event struct {
	client *Client
	name   string
	args   socketio.Args
	first  int // index of argument 0
	parts  [][]byte
	id     int64
	offset string // that the server has added as last argument
}

// newEvent makes an event of a packet and attachments that nobody else uses. They were
// checked before.
func newEvent(c *Client, p *socketio.Packet, parts [][]byte, first int) *Event {
	e := &Event{client: c, first: first, parts: parts, id: -1}
	_ = e.args.Parse(p.Data)
	if first > 0 {
		e.id = p.ID
		name, escaped, _ := e.args.EventName()
		if escaped {
			name, _ = socketio.Unquote(nil, e.args.At(0))
		}
		e.name = string(name)
		if n := e.args.Len(); c.pid != "" && e.id < 0 && n > 1 {
			_ = json.Unmarshal(e.args.At(n-1), &e.offset) // if it is a text
		}
	}
	return e
}

// Name is the event's name; "" in an acknowledgement.
func (e *Event) Name() string { return e.name }

// Len is the number of arguments, without the one that a server with
// [sio.Options].Recovery adds to tell how far the client has come.
func (e *Event) Len() int {
	n := e.args.Len() - e.first
	if e.offset != "" {
		n--
	}
	return n
}

// Raw is the JSON text of argument i, attachments as placeholders; nil if there is
// none. It must not be changed.
func (e *Event) Raw(i int) []byte {
	if i < 0 || i >= e.Len() {
		return nil
	}
	return e.args.At(e.first + i)
}

// Binary is argument i if it is a buffer, of any length. It must not be changed.
func (e *Event) Binary(i int) ([]byte, bool) {
	n, ok := socketio.Placeholder(e.Raw(i))
	if !ok || n >= len(e.parts) {
		return nil, false
	}
	return e.parts[n], true
}

// Decode stores argument i in what v points to, by the rules of encoding/json, with
// buffers as [sio.Msg.Decode] has them.
//
// Errors: of decoding; one that says so if there is no argument i.
func (e *Event) Decode(i int, v any) error {
	raw := e.Raw(i)
	if raw == nil {
		return fmt.Errorf("siotest: %v has no argument %d", e, i)
	}
	return codec.Decode(raw, v, e.parts)
}

// Args are all arguments: objects as map[string]any, arrays as []any, numbers as
// float64, buffers as []byte. Errors: of decoding.
func (e *Event) Args() ([]any, error) {
	out := make([]any, e.Len())
	for i := range out {
		v, err := codec.Value(e.Raw(i), e.parts)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// WantsAck reports whether the server waits for an answer, or has waited for one.
func (e *Event) WantsAck() bool { return e.id >= 0 }

// Ack answers the server. A second answer is sent too: what the server makes of it is
// for the test to see.
//
// Errors: [ErrClosed]; those of encoding; an error if the server wants no answer.
func (e *Event) Ack(args ...any) error {
	if !e.WantsAck() {
		return fmt.Errorf("siotest: the server wants no answer to %v", e)
	}
	frames, err := e.client.packet(socketio.Ack, e.id, nil, args)
	if err != nil {
		return err
	}
	return e.client.send(frames)
}

// Is reports whether the event's arguments are these. They are compared as values of
// JSON: 1 and 1.0 are the same, and so are a struct and a map of its fields.
func (e *Event) Is(args ...any) bool {
	_, ok := e.compare(args)
	return ok
}

// compare is Is; it also tells what the arguments are as text.
func (e *Event) compare(args []any) (want string, ok bool) {
	frames, err := e.client.packet(socketio.Event, -1, nil, args)
	if err != nil {
		return "(" + err.Error() + ")", false
	}
	p, err := socketio.Parse(frames[0].data[1:], maxAttachments)
	if err != nil {
		return "(" + err.Error() + ")", false
	}
	var parts [][]byte
	for _, f := range frames[1:] {
		parts = append(parts, f.data)
	}
	other := newEvent(e.client, &p, parts, 0)
	a, err1 := e.Args()
	b, err2 := other.Args()
	return other.list(), err1 == nil && err2 == nil && reflect.DeepEqual(a, b)
}

// String is the name and the arguments, long ones cut.
func (e *Event) String() string { return e.name + e.list() }

const maxShown = 200

func (e *Event) list() string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range e.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		raw := e.Raw(i)
		if data, ok := e.Binary(i); ok {
			raw = fmt.Appendf(nil, "<%d bytes: %x>", len(data), data[:min(len(data), 16)])
		}
		if len(raw) > maxShown {
			raw = append(bytes.Clone(raw[:maxShown]), "..."...)
		}
		b.Write(raw)
	}
	b.WriteByte(')')
	return b.String()
}
