package main

import "github.com/e6a90ca8/sio"

// value is what clients send with the event object.
type value struct {
	ID    int64             `json:"id"`
	Name  string            `json:"name"`
	Tags  []string          `json:"tags"`
	Attrs map[string]string `json:"attrs"`
	Items []item            `json:"items"`
}

type item struct {
	ID    int64   `json:"id"`
	Label string  `json:"label"`
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
}

// offer registers the events with a namespace, or with a pattern of some.
func offer(n *sio.Namespace, mode ...sio.HandlerOption) {
	n.On("echo", func(s *sio.Socket, m *sio.Msg) error { return m.Forward(s, "echo") }, mode...)
	n.On("ack", func(s *sio.Socket, m *sio.Msg) error {
		args := make([]any, m.Len())
		for i := range args {
			args[i] = sio.Raw(m.Raw(i))
		}
		return m.Ack(args...)
	}, mode...)
	n.On("object", func(s *sio.Socket, m *sio.Msg) error {
		var v value
		if err := m.Decode(0, &v); err != nil {
			return err
		}
		return s.Emit("object", v)
	}, mode...)
	n.On("join", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		if err := s.Join(room); err != nil {
			return err
		}
		return m.Ack()
	}, mode...)
	n.On("leave", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		if err := s.Leave(room); err != nil {
			return err
		}
		return m.Ack()
	}, mode...)
	n.On("broadcast", func(s *sio.Socket, m *sio.Msg) error {
		room, err := m.Str(0)
		if err != nil {
			return err
		}
		p := sio.Prepare("broadcast")
		defer p.Release()
		if b, ok := m.Binary(1); ok {
			p.Binary(b)
		} else {
			p.Raw(m.Raw(1))
		}
		return s.Namespace().To(room).Send(p)
	}, mode...)
}
