package sio

import (
	"errors"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
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
	queues []runQueue
	logger *slog.Logger

	// pool is there from start to release: two goroutines of its own look after it.
	pool atomic.Pointer[ants.PoolWithFuncGeneric[task]]

	// free is how many workers may still be sent. It is ours and not the pool's, whose
	// own count goes down some time after a worker has looked for the last time whether
	// it is wanted: a queue that asked in between would wait for ever.
	//
	//	asker                       worker
	//	                            free = 1
	//	sees free == 0
	//	starved = true              or: sees starved == true, goes there
	//	sees free == 1, sends one
	free    atomic.Int32
	workers int32
	loose   atomic.Int32  // goroutines of free handlers
	bursts  atomic.Uint64 // tasks done
	awaited atomic.Bool   // quiet is to be closed when the last one is done

	mu     sync.Mutex
	starts int           // calls of start
	quiet  chan struct{} // nil unless somebody waits
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
	searching bool        // a worker is on its way that has not taken a socket yet
	starved   atomic.Bool // asked when there was none left to send
	_         [64]byte
}

func newDispatcher(loops, workers int, logger *slog.Logger) *dispatcher {
	d := &dispatcher{
		queues: make([]runQueue, loops), logger: logger,
		workers: int32(min(workers, math.MaxInt32)),
	}
	d.free.Store(d.workers)
	return d
}

// start makes the pool, unless it is there.
func (d *dispatcher) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.starts++
	if d.pool.Load() != nil { // of those who still work
		return nil
	}
	pool, err := ants.NewPoolWithFuncGeneric(-1, d.serve,
		ants.WithNonblocking(true), // a loop asks, and must not wait
		ants.WithExpiryDuration(10*time.Second),
		ants.WithLogger(antsLogger{d.logger}),
	)
	if err != nil {
		return err
	}
	d.pool.Store(pool)
	return nil
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

// ask sends a worker to a queue. If there is none left, the next worker that has
// nothing to do goes there.
func (d *dispatcher) ask(q *runQueue) {
	if d.take() {
		if !d.send(task{queue: q}) {
			q.miss()
		}
		return
	}
	q.miss()
	if d.free.Load() > 0 {
		d.feed()
	}
}

// take takes the right to send a worker, if there is one left.
func (d *dispatcher) take() bool {
	for {
		n := d.free.Load()
		if n <= 0 {
			return false
		}
		if d.free.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// send sends a worker that was taken. It reports false when the pool has been
// released.
func (d *dispatcher) send(t task) bool {
	if pool := d.pool.Load(); pool == nil || pool.Invoke(t) != nil {
		d.free.Add(1)
		return false
	}
	return true
}

// feed sends workers to queues that asked in vain. It is called whenever there may be
// one to send again.
func (d *dispatcher) feed() {
	for i := 0; i < len(d.queues); i++ {
		q := &d.queues[i]
		if !q.starved.Load() {
			continue
		}
		if !d.take() {
			return // whoever has the last one feeds when it is done
		}
		if q.starved.Swap(false) && q.search() {
			if !d.send(task{queue: q}) {
				q.miss()
				return
			}
			continue
		}
		// It was not wanted, but another queue may have missed it meanwhile.
		d.back()
		i = -1
	}
}

// search notes that a worker is on its way. It reports false if one was already.
func (q *runQueue) search() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.searching {
		return false
	}
	q.searching = true
	return true
}

// miss notes that no worker could be sent.
func (q *runQueue) miss() {
	q.mu.Lock()
	q.searching = false
	q.mu.Unlock()
	q.starved.Store(true)
}

// back gives a worker back.
func (d *dispatcher) back() {
	d.bursts.Add(1)
	if d.free.Add(1) == d.workers && d.awaited.Load() {
		d.signal()
	}
}

// serve is a worker's life for one task.
func (d *dispatcher) serve(t task) {
	defer d.feed() // also when a handler ends the goroutine
	defer d.back()
	if t.f != nil {
		d.call(t.f)
		return
	}
	w := workers.Get().(*worker)
	d.workOff(w, t.queue)
	workers.Put(w)
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// workOff does what the sockets in a queue have to do, until there are none.
func (d *dispatcher) workOff(w *worker, q *runQueue) {
	searching := true
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
func (d *dispatcher) offload(f func()) bool { return d.take() && d.send(task{f: f}) }

// loosen runs f on a goroutine of its own.
func (d *dispatcher) loosen(f func()) {
	d.loose.Add(1)
	go func() {
		defer func() {
			d.bursts.Add(1)
			if d.loose.Add(-1) == 0 && d.awaited.Load() {
				d.signal()
			}
		}()
		f()
	}()
}

// busy is the number of goroutines that work, or are about to.
func (d *dispatcher) busy() int { return int(d.workers - d.free.Load() + d.loose.Load()) }

// signal tells those who wait to look again.
func (d *dispatcher) signal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quiet != nil {
		close(d.quiet)
		d.quiet = nil
		d.awaited.Store(false)
	}
}

// idle reports whether nothing is done and nothing is to be done. A worker that is
// done goes to where it was asked for in vain, and is free in between: so it is not
// enough that all are free.
//
//	idle                        worker of A
//	the queue B has a socket
//	                            free = all, then goes to B, which is empty then
//
// Nobody was done meanwhile, so nobody worked when the queues were found empty.
func (d *dispatcher) idle() bool {
	for {
		bursts := d.bursts.Load()
		for i := range d.queues {
			if !d.queues[i].empty() {
				return false
			}
		}
		if d.busy() > 0 {
			return false
		}
		if d.bursts.Load() == bursts {
			return true
		}
	}
}

func (q *runQueue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head == len(q.sockets)
}

// rest waits until nothing is done and nothing is to be done, and then ends the pool.
// If that takes longer than wait it returns an error, and the pool ends when those who
// still work are done, unless it is started again.
func (d *dispatcher) rest(wait time.Duration) error {
	d.mu.Lock()
	starts := d.starts
	d.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	if d.await(t.C) {
		return d.release(starts, t.C)
	}
	go func() {
		d.await(nil)
		_ = d.release(starts, nil)
	}()
	return errBusy
}

// await waits until nothing is done and nothing is to be done. It reports false if that
// is not so when it gets late.
func (d *dispatcher) await(late <-chan time.Time) bool {
	for {
		d.mu.Lock()
		if d.quiet == nil {
			d.quiet = make(chan struct{})
			d.awaited.Store(true) // and then look: who is done counts, and then looks at this
		}
		quiet := d.quiet
		d.mu.Unlock()
		if d.idle() {
			return true
		}
		select {
		case <-quiet:
		case <-late:
			return false
		}
	}
}

// release ends the pool, unless it was started again.
func (d *dispatcher) release(starts int, late <-chan time.Time) error {
	d.mu.Lock()
	if d.starts != starts {
		d.mu.Unlock()
		return nil
	}
	pool := d.pool.Swap(nil)
	d.mu.Unlock()
	if pool == nil {
		return nil
	}
	// Not ReleaseTimeout, which spins without yielding until the pool's own goroutines have
	// seen the end, and so keeps them from it: that took most of a millisecond.
	pool.Release()
	for pool.Running() > 0 { // workers that are on their way out
		select {
		case <-late:
			return errBusy
		default:
			runtime.Gosched()
		}
	}
	return nil
}

var errBusy = errors.New("sio: handlers are still running")

type antsLogger struct{ l *slog.Logger }

func (a antsLogger) Printf(format string, args ...any) {
	a.l.Warn("ants", "format", format, "args", args)
}
