package sio

import (
	"log/slog"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"
)

// A dispatcher finds workers for sockets that have something to do. There is a queue
// for each loop, so that loops do not meet at one lock, and one pool for all.
//
// A socket is in a queue at most once. A worker is asked for once for a burst, not
// once for an event, and each worker asks for the next one only when it takes a socket
// and leaves others behind: so a handler that blocks holds up nobody, and one that
// does not costs no further worker.
type dispatcher struct {
	pool   *ants.PoolWithFuncGeneric[task]
	queues []runQueue
	logger *slog.Logger
}

// A task is what the pool is asked to do: work off a queue, or call a function.
type task struct {
	queue *runQueue
	f     func()
}

// A runQueue holds the sockets of one loop that want a worker, in order.
type runQueue struct {
	mu        sync.Mutex
	sockets   []*Socket // a ring would save the copy when it wraps; a slice is refilled from empty mostly
	head      int
	searching bool // a worker is on its way that has not taken a socket yet
	starved   bool // the pool had none left to send
	_         [64]byte
}

func newDispatcher(loops, workers int, logger *slog.Logger) (*dispatcher, error) {
	d := &dispatcher{queues: make([]runQueue, loops), logger: logger}
	var err error
	d.pool, err = ants.NewPoolWithFuncGeneric(workers, d.serve,
		ants.WithNonblocking(true), // a loop asks, and must not wait
		ants.WithExpiryDuration(10*time.Second),
		ants.WithLogger(antsLogger{logger}),
	)
	return d, err
}

// submit puts a socket that its caller owns in its loop's queue. Any goroutine.
func (d *dispatcher) submit(s *Socket) {
	q := &d.queues[s.session().Host().Index()]
	q.mu.Lock()
	q.sockets = append(q.sockets, s)
	ask := !q.searching
	q.searching = true
	q.mu.Unlock()
	if ask {
		d.ask(q)
	}
}

// ask sends a worker to a queue. If the pool has none left, the next worker that has
// nothing to do goes there.
func (d *dispatcher) ask(q *runQueue) {
	if d.pool.Invoke(task{queue: q}) == nil {
		return
	}
	q.mu.Lock()
	q.searching, q.starved = false, true
	q.mu.Unlock()
}

// serve is a worker's life for one task.
func (d *dispatcher) serve(t task) {
	if t.f != nil {
		d.call(t.f)
	} else {
		w := workers.Get().(*worker)
		d.workOff(w, t.queue, true)
		workers.Put(w)
	}
	// Before it goes, it looks after queues that were told there was nobody.
	for i := range d.queues {
		q := &d.queues[i]
		q.mu.Lock()
		starved := q.starved
		q.starved = false
		q.mu.Unlock()
		if starved {
			w := workers.Get().(*worker)
			d.workOff(w, q, false)
			workers.Put(w)
		}
	}
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// workOff does what the sockets in a queue have to do, until there are none.
func (d *dispatcher) workOff(w *worker, q *runQueue, searching bool) {
	for {
		q.mu.Lock()
		if searching {
			q.searching, searching = false, false
		}
		if q.head == len(q.sockets) {
			q.sockets, q.head = q.sockets[:0], 0
			q.mu.Unlock()
			return
		}
		s := q.sockets[q.head]
		q.sockets[q.head] = nil
		q.head++
		if q.head > 1024 && q.head*2 > len(q.sockets) {
			q.sockets = q.sockets[:copy(q.sockets, q.sockets[q.head:])]
			q.head = 0
		}
		ask := q.head < len(q.sockets) && !q.searching
		if ask {
			q.searching = true
		}
		q.mu.Unlock()
		if ask {
			d.ask(q)
		}
		if s.work(w) {
			d.submit(s) // behind the others
		}
	}
}

// call runs a function of ours that is not a socket's.
func (d *dispatcher) call(f func()) {
	defer func() {
		if v := recover(); v != nil {
			d.logger.Error("sio: panic", "value", v)
		}
	}()
	f()
}

// offload runs f on the pool. It reports whether it could.
func (d *dispatcher) offload(f func()) bool { return d.pool.Invoke(task{f: f}) == nil }

// busy is the number of workers that are working.
func (d *dispatcher) busy() int { return d.pool.Running() }

// release ends the pool; jobs under way are waited for, at most so long.
func (d *dispatcher) release(wait time.Duration) error { return d.pool.ReleaseTimeout(wait) }

type antsLogger struct{ l *slog.Logger }

func (a antsLogger) Printf(format string, args ...any) {
	a.l.Warn("ants", "format", format, "args", args)
}
