package session

import "context"

// A Front is what is known of a connection's next request beside its bytes, when another
// HTTP server has read it before the engine.
type Front struct {
	// Context is what that server and its middlewares have attached to the request; nil if
	// there is nothing. The session keeps it: it must not end with the request.
	Context context.Context

	// Fields are sent with the answer, each with its CRLF. They must be valid.
	Fields []byte

	// Err, if not nil, has the request refused with the code 3, whatever else is wrong
	// with it.
	Err error
}

// Front attaches f to the next request of a connection on which none has begun.
func (c *Conn) Front(f *Front) { c.request().front = f }

// Context is what whoever stands before the engine has attached to the current request;
// nil if there is nothing.
func (c *Conn) Context() context.Context {
	if c.req == nil || c.req.front == nil {
		return nil
	}
	return c.req.front.Context
}

// fronted adds the fields that whoever stands before the engine wants in this answer.
func (c *Conn) fronted(fields []byte) []byte {
	if c.req == nil || c.req.front == nil {
		return fields
	}
	return append(fields, c.req.front.Fields...)
}
