package main

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/e6a90ca8/sio"
)

type ctx = context.Context

// A cast says who is sent to.
type cast struct {
	From     string   `json:"from"`
	To       []string `json:"to"`
	Except   []string `json:"except"`
	Local    bool     `json:"local"`
	Volatile bool     `json:"volatile"`
	Compress *bool    `json:"compress"`
}

// target is the cast in a namespace; s is the socket that sends, nil for the control
// namespace's.
func (c *cast) target(n *sio.Namespace, s *sio.Socket) sio.Target {
	t := n.All()
	if c.From == "socket" && s != nil {
		t = s.Broadcast()
	}
	t = t.To(c.To...).Except(c.Except...)
	if c.Local {
		t = t.Local()
	}
	if c.Volatile {
		t = t.Volatile()
	}
	if c.Compress != nil {
		t = t.Compress(*c.Compress)
	}
	return t
}

// emitCast emits the event and arguments that m has behind the cast at index i.
func emitCast(n *sio.Namespace, s *sio.Socket, m *sio.Msg, i int) error {
	var c cast
	err1 := m.Decode(i, &c)
	event, err2 := m.Str(i + 1)
	args, err3 := rest(m, i+2)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	if err := c.target(n, s).Emit(event, args...); err != nil {
		return err
	}
	return m.Ack()
}

// askCast asks with the time, event and arguments that m has behind the cast at index
// i. It waits for the answers: its events are handled free of the socket's order.
func askCast(n *sio.Namespace, s *sio.Socket, m *sio.Msg, i int) error {
	var c cast
	err1 := m.Decode(i, &c)
	ms, err2 := m.Int(i + 1)
	event, err3 := m.Str(i + 2)
	args, err4 := rest(m, i+3)
	if err := cmp.Or(err1, err2, err3, err4); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(m.Socket().Context(), time.Duration(ms)*time.Millisecond)
	defer cancel()
	a := answer{Values: []any{}}
	for reply, err := range c.target(n, s).AskAll(wait, event, args...) {
		if err != nil {
			a.Error = why(err)
			continue
		}
		first := any(nil)
		if values, err := rest(reply.Msg, 0); err != nil {
			return err
		} else if len(values) > 0 {
			first = values[0]
		}
		a.Values = append(a.Values, first)
	}
	return m.Ack(a)
}

// why is the error of an answer.
func why(err error) any {
	var partial *sio.PartialError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, sio.ErrDisconnected), errors.As(err, &partial):
		return "disconnected"
	default:
		return err.Error()
	}
}
