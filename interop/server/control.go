package main

import (
	"cmp"
	"slices"

	"github.com/e6a90ca8/sio"
)

// The control namespace's events whose arguments and answer have fixed types.
const (
	recordOf sio.Request[string, *record]             = "record"
	errorsOf sio.Request[string, []refusal]           = "errors"
	fetch    sio.Request2[string, cast, []found]      = "fetch"
	end      sio.Request3[string, string, bool, bool] = "end"
)

// control is the test's own view of the other namespaces.
func (a *app) control(n *sio.Namespace) {
	recordOf.Handle(n, func(_ ctx, _ *sio.Socket, id string) (*record, error) { return a.records.get(id), nil })
	errorsOf.Handle(n, func(_ ctx, _ *sio.Socket, mark string) ([]refusal, error) { return a.refusals.marked(mark), nil })
	n.On("stats", func(_ *sio.Socket, m *sio.Msg) error {
		return m.Ack(map[string]int{"clients": a.srv.Stats().Sessions})
	})
	fetch.Handle(n, a.fetch)
	end.Handle(n, func(_ ctx, _ *sio.Socket, nsp, id string, all bool) (bool, error) {
		s, ok := a.srv.Of(nsp).Socket(id)
		if ok {
			s.Disconnect(sio.Disconnect{Close: all})
		}
		return ok, nil
	})

	n.On("cast", a.in(func(n *sio.Namespace, m *sio.Msg) error { return emitCast(n, nil, m, 1) }))
	n.On("cast.ask", a.in(func(n *sio.Namespace, m *sio.Msg) error { return askCast(n, nil, m, 1) }), sio.Free)
	n.On("ask", a.in(func(n *sio.Namespace, m *sio.Msg) error {
		id, err := m.Str(1)
		if err != nil {
			return err
		}
		if s, ok := n.Socket(id); ok {
			return ask(s, m, 2)
		}
		return m.Ack(answer{Error: "unknown", Values: []any{}})
	}))

	n.On("sockets.join", a.rooms(func(ctx ctx, t sio.Target, rooms []string) error { return t.Join(ctx, rooms...) }))
	n.On("sockets.leave", a.rooms(func(ctx ctx, t sio.Target, rooms []string) error { return t.Leave(ctx, rooms...) }))
	n.On("sockets.disconnect", a.in(func(n *sio.Namespace, m *sio.Msg) error {
		var c cast
		err1 := m.Decode(1, &c)
		all, err2 := m.Bool(2)
		if err := cmp.Or(err1, err2); err != nil {
			return err
		}
		if err := c.target(n, nil).Disconnect(m.Socket().Context(), sio.Disconnect{Close: all}); err != nil {
			return err
		}
		return m.Ack()
	}))
	n.On("dyn.emit", func(_ *sio.Socket, m *sio.Msg) error {
		event, err1 := m.Str(0)
		args, err2 := rest(m, 1)
		if err := cmp.Or(err1, err2); err != nil {
			return err
		}
		if err := a.parent.Emit(event, args...); err != nil {
			return err
		}
		return m.Ack()
	})
}

// in is a handler of an event whose argument 0 names a namespace.
func (a *app) in(f func(n *sio.Namespace, m *sio.Msg) error) sio.Handler {
	return func(_ *sio.Socket, m *sio.Msg) error {
		name, err := m.Str(0)
		if err != nil {
			return err
		}
		return f(a.srv.Of(name), m)
	}
}

// rooms is a handler of an event that brings a cast's sockets into rooms, or out.
func (a *app) rooms(f func(ctx ctx, t sio.Target, rooms []string) error) sio.Handler {
	return a.in(func(n *sio.Namespace, m *sio.Msg) error {
		var c cast
		var rooms []string
		if err := cmp.Or(m.Decode(1, &c), m.Decode(2, &rooms)); err != nil {
			return err
		}
		if err := f(m.Socket().Context(), c.target(n, nil), rooms); err != nil {
			return err
		}
		return m.Ack()
	})
}

// found is a socket as fetch tells of it.
type found struct {
	ID    string            `json:"id"`
	Rooms []string          `json:"rooms"`
	Query map[string]string `json:"query"`
	Tag   any               `json:"tag"`
}

func (a *app) fetch(ctx ctx, _ *sio.Socket, nsp string, c cast) ([]found, error) {
	sockets, err := c.target(a.srv.Of(nsp), nil).Fetch(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]found, 0, len(sockets))
	for _, r := range sockets {
		f := found{ID: r.ID(), Rooms: sorted(r.Rooms()), Query: query(r.Handshake())}
		if s, ok := r.Socket(); ok {
			f.Tag = tag.Get(s)
		}
		list = append(list, f)
	}
	// Ids are ASCII: the order of bytes is that of UTF-16.
	slices.SortFunc(list, func(a, b found) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}
