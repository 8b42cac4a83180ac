package siotest

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/e6a90ca8/sio"
)

// Send sends a typed event from the client.
//
// Errors: those of [Client.Emit].
func Send[T any](c *Client, e sio.Event[T], v T) error { return c.Emit(string(e), v) }

// Receive waits for the next event, which must be this one, and returns its argument.
// It fails the test at once as [Client.Expect] does, and if the argument is no T.
func Receive[T any](c *Client, e sio.Event[T]) T {
	c.conn.t.Helper()
	got := c.Expect(string(e))
	var v T
	switch err := got.Decode(0, &v); {
	case got.Len() == 0:
		c.conn.t.Fatalf("%v", err)
	case err != nil:
		c.conn.t.Fatalf("siotest: argument 0 of %v is no %T: %v", got, v, err)
	}
	return v
}

// Call has the client ask the server, and returns the answer; the zero value if it is
// empty. An answer that [sio.Options].AckError has made of an error, in its default form,
// is returned as a [sio.Fail], with its Data as [encoding/json.RawMessage].
//
// Errors: also those of [Client.Ask], which a Call waits like, and of decoding the
// answer.
func Call[In, Out any](c *Client, r sio.Request[In, Out], in In) (Out, error) {
	var out Out
	e, err := c.Ask(context.Background(), string(r), in)
	if err != nil {
		return out, err
	}
	if f, ok := failure(e); ok {
		return out, f
	}
	if e.Len() == 0 {
		return out, nil
	}
	err = e.Decode(0, &out)
	return out, err
}

// failure is the error that an acknowledgement tells of, if it does.
func failure(e *Event) (sio.Fail, bool) {
	var told struct {
		Error *struct {
			Code    string          `json:"code"`
			Message *string         `json:"message"`
			Data    json.RawMessage `json:"data"`
		} `json:"error"`
	}
	if e.Len() != 1 || e.Decode(0, &told) != nil || told.Error == nil || told.Error.Message == nil {
		return sio.Fail{}, false
	}
	f := sio.Fail{Code: told.Error.Code, Message: *told.Error.Message}
	if told.Error.Data != nil {
		f.Data = told.Error.Data
	}
	return f, true
}

// Answer has f answer whenever the server asks the client this request. An error of f
// is told to the server as a handler's would be told to a client: as an object
// {"error":{"message":...}}, with the code and data of a [sio.Fail]. What was said of
// [Client.On] holds.
func Answer[In, Out any](c *Client, r sio.Request[In, Out], f func(in In) (Out, error)) {
	c.On(string(r), func(e *Event) {
		var in In
		var out Out
		err := e.Decode(0, &in)
		if err == nil {
			out, err = f(in)
		}
		if err != nil {
			_ = e.Ack(told(err))
			return
		}
		_ = e.Ack(out)
	})
}

// told is the answer that tells of an error.
func told(err error) any {
	body := map[string]any{"message": err.Error()}
	var f sio.Fail
	p := &f
	if errors.As(err, &f) || errors.As(err, &p) {
		body["message"] = p.Message
		if p.Code != "" {
			body["code"] = p.Code
		}
		if p.Data != nil {
			body["data"] = p.Data
		}
	}
	return map[string]any{"error": body}
}
