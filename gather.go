package sio

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/session"
)

// A Remote is a socket as [Target.Fetch] finds it. It implements [Sender].
type Remote struct {
	s *Socket
}

// ID is the socket's id.
func (r Remote) ID() string { return r.s.ID() }

// Rooms are the rooms that the socket is in, that of its id first.
func (r Remote) Rooms() []string { return r.s.Rooms() }

// Handshake is the request that the socket's connection began with.
func (r Remote) Handshake() *Handshake { return r.s.Handshake() }

// Socket is the socket itself, if it is one of this server.
func (r Remote) Socket() (*Socket, bool) { return r.s, r.s != nil }

// Emit sends an event to the socket.
func (r Remote) Emit(event string, args ...any) error { return r.s.Emit(event, args...) }

// Send sends a packet to the socket. It implements [Sender].
func (r Remote) Send(p *Packet) error { return r.s.Send(p) }

// Ask is [Socket.Ask].
func (r Remote) Ask(ctx context.Context, event string, args ...any) (*Msg, error) {
	return r.s.Ask(ctx, event, args...)
}

// Join brings the socket into the rooms.
func (r Remote) Join(rooms ...string) error { return r.s.Join(rooms...) }

// Leave takes the socket out of the rooms.
func (r Remote) Leave(rooms ...string) error { return r.s.Leave(rooms...) }

// Disconnect ends the socket.
func (r Remote) Disconnect(d Disconnect) { r.s.Disconnect(d) }

// MarshalJSON shows the id and the rooms.
func (r Remote) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"id": r.ID(), "rooms": r.Rooms()})
}

// gather calls f for everybody meant, on their loops, and returns when all have done
// so. What f does to a socket is done when gather returns.
func (t Target) gather(ctx context.Context, f func(s *Socket)) error {
	switch {
	case t.ns.match != nil:
		return ErrParentNamespace
	case t.ns.server.onLoop():
		return ErrOnLoop
	}
	var post posting
	post.resolve(t)
	var all sync.WaitGroup
	for i, space := range t.ns.spaces {
		sel, l := post.on(i), t.ns.server.loopAt(i)
		if sel == nil || l == nil {
			continue
		}
		all.Add(1)
		ok := l.Do(func(session.Host, session.Instant) {
			// What f has posted comes first. If a filter panics nobody shall wait for ever.
			defer func() {
				if !l.Do(func(session.Host, session.Instant) { all.Done() }) {
					all.Done()
				}
			}()
			space.Shard.Each(sel, func(m *broadcast.Member) { f(socketOf(m)) })
		})
		if !ok {
			all.Done()
		}
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Fetch returns everybody meant. Errors: ctx's; [ErrOnLoop]; [ErrParentNamespace].
func (t Target) Fetch(ctx context.Context) ([]Remote, error) {
	var mu sync.Mutex
	var found []Remote
	err := t.gather(ctx, func(s *Socket) {
		mu.Lock()
		found = append(found, Remote{s})
		mu.Unlock()
	})
	mu.Lock()
	defer mu.Unlock()
	return found[:len(found):len(found)], err
}

// IDs returns the ids of everybody meant.
func (t Target) IDs(ctx context.Context) ([]string, error) {
	found, err := t.Fetch(ctx)
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = r.ID()
	}
	return ids, err
}

// Count returns how many are meant. For all of a namespace, or one room, it costs
// next to nothing.
func (t Target) Count(ctx context.Context) (int, error) {
	if t.ns.match == nil && t.self == nil && t.skip == nil && t.filter == nil && len(t.except) == 0 {
		switch {
		case t.handle != nil:
			return t.handle.Len(), nil
		case len(t.rooms) == 0:
			return t.ns.Len(), nil
		case len(t.rooms) == 1 && t.ns.sockets.find(t.rooms[0]) == nil:
			if r := t.ns.dir.Find(t.rooms[0]); r != nil {
				return r.Count(), nil
			}
			return 0, nil
		}
	}
	found, err := t.Fetch(ctx)
	return len(found), err
}

// Join brings everybody meant into the rooms, and returns when they are: an event sent
// there afterwards reaches them. OnJoin is asked for each; sockets that it refuses stay
// out, and OnError is told.
func (t Target) Join(ctx context.Context, rooms ...string) error {
	return t.gather(ctx, func(s *Socket) {
		var p *PanicError // of OnJoin
		err := s.guard("", func() error { return s.Join(rooms...) })
		if err != nil && !errors.As(err, &p) {
			s.push(job{kind: jobError, err: err})
		}
	})
}

// Leave takes everybody meant out of the rooms, and returns when they are.
func (t Target) Leave(ctx context.Context, rooms ...string) error {
	return t.gather(ctx, func(s *Socket) { _ = s.Leave(rooms...) })
}

// Disconnect ends everybody meant, and returns when it is done.
func (t Target) Disconnect(ctx context.Context, d Disconnect) error {
	return t.gather(ctx, func(s *Socket) { s.Disconnect(d) })
}
