package broadcast

import (
	"slices"
	"sync"
	"testing"
)

// TestRoomEventsInOrder: while one goroutine is being told that a room has gone, another
// raises it again, and yet another lowers it. Neither waits, and what they did is told
// behind the first.
func TestRoomEventsInOrder(t *testing.T) {
	d := NewDirectory(1)
	entered, leave := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	var told []RoomEventKind
	first := true
	d.Watch = func(e RoomEvent) {
		if e.Room != "room" {
			return
		}
		mu.Lock()
		gate := e.Kind == RoomDeleted && first
		mu.Unlock()
		if gate {
			first = false
			close(entered)
			<-leave
		}
		mu.Lock()
		told = append(told, e.Kind)
		mu.Unlock()
	}
	r := d.Raise("room", 0)
	var all sync.WaitGroup
	all.Go(func() { d.Lower(r, 0) })
	<-entered
	again := d.Raise("room", 0)
	d.Raise("another", 0)
	d.Lower(again, 0)
	d.Raise("room", 0)
	mu.Lock()
	if len(told) != 1 {
		t.Errorf("told %v before the deletion is over", told)
	}
	mu.Unlock()
	close(leave)
	all.Wait()
	want := []RoomEventKind{RoomCreated, RoomDeleted, RoomCreated, RoomDeleted, RoomCreated}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	if n := len(d.part("room").telling); n != 0 {
		t.Errorf("%d rooms are still being told of", n)
	}
}

// TestRoomEventsAlternate: many goroutines raise and lower one room. Whatever the order,
// no creation follows another, and no two are told at once.
func TestRoomEventsAlternate(t *testing.T) {
	d := NewDirectory(4)
	var telling sync.Mutex
	last, n := RoomDeleted, 0
	d.Watch = func(e RoomEvent) {
		if !telling.TryLock() {
			t.Error("told of two events at once")
			return
		}
		defer telling.Unlock()
		if e.Kind == last {
			t.Errorf("event %d: %v follows its like", n, e.Kind)
		}
		last = e.Kind
		n++
	}
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for range 5000 {
				d.Lower(d.Raise("room", g), g)
			}
		})
	}
	all.Wait()
	if last != RoomDeleted || n < 2 {
		t.Errorf("%d events, the last is %v", n, last)
	}
}

// TestRoomEventsFromWithin: Watch may change the room that it is told of, and may panic:
// what it caused is told behind the event, either way.
func TestRoomEventsFromWithin(t *testing.T) {
	for _, panics := range []bool{false, true} {
		d := NewDirectory(1)
		var told []RoomEventKind
		d.Watch = func(e RoomEvent) {
			told = append(told, e.Kind)
			if len(told) == 1 {
				d.Lower(d.Find("room"), 0)
				d.Raise("room", 0)
				if panics {
					panic("on demand")
				}
			}
		}
		func() {
			defer func() {
				if (recover() != nil) != panics {
					t.Errorf("the panic does not come through, or from nowhere")
				}
			}()
			d.Raise("room", 0)
		}()
		if want := []RoomEventKind{RoomCreated, RoomDeleted, RoomCreated}; !slices.Equal(told, want) {
			t.Errorf("panics %v: told %v, want %v", panics, told, want)
		}
		d.Lower(d.Find("room"), 0)
		if len(told) != 4 || told[3] != RoomDeleted {
			t.Errorf("panics %v: later events are lost: %v", panics, told)
		}
	}
}
