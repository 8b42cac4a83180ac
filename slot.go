package sio

import (
	"slices"
	"sync/atomic"
)

// A Slot is a place for a value of type T in every socket: typed per-socket state
// without maps. Make slots once, in package variables:
//
//	var player = sio.NewSlot[*Player]()
//
// A client that comes back ([Options.Recovery]) has another socket with the same values.
//
// Any goroutine; the value is the user's to guard if it changes inside. The zero Slot is
// nobody's: its methods panic.
type Slot[T any] struct{ number int } // from 1

var slots atomic.Int64

// NewSlot makes a slot. Each makes the table of a socket that uses it 16 bytes
// longer, and slots are never given back.
func NewSlot[T any]() Slot[T] { return Slot[T]{number: int(slots.Add(1))} }

// index is the slot's place in the table of a socket.
func (l Slot[T]) index() int {
	if l.number == 0 {
		panic("sio: a Slot that NewSlot has not made")
	}
	return l.number - 1
}

// Get returns the slot's value in s, the zero value if it was not set.
func (l Slot[T]) Get(s *Socket) T {
	v, _ := l.Lookup(s)
	return v
}

// Lookup is Get, and says whether the value was set.
func (l Slot[T]) Lookup(s *Socket) (T, bool) {
	i := l.index()
	if t := s.slots.Load(); t != nil && i < len(*t) {
		v, ok := (*t)[i].(T)
		return v, ok
	}
	var zero T
	return zero, false
}

// Set sets the slot's value in s. A nil value of an interface type T cannot be told
// from one that was not set.
func (l Slot[T]) Set(s *Socket, v T) {
	i := l.index()
	for {
		old := s.slots.Load()
		var t []any
		if old != nil {
			t = slices.Clone(*old)
		}
		if i >= len(t) {
			t = append(t, make([]any, i+1-len(t))...)
		}
		t[i] = v
		if s.slots.CompareAndSwap(old, &t) {
			return
		}
	}
}
