package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/e6a90ca8/sio/bench/internal/client"
)

// probe connects one session and says goodbye.
func (r *run) probe() error {
	p := &probe{over: make(chan error, 1)}
	w := r.workers[0]
	w.loop.Post(func() { p.Start(w.env, p) })
	select {
	case err := <-p.over:
		var e *client.Error
		if errors.As(err, &e) && e.Name == client.GoodbyeLate {
			return nil // the run will count such
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.options.URL, err)
		}
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

type probe struct {
	client.Session
	over chan error
}

func (p *probe) Ready(*client.Session)               { p.Goodbye() }
func (p *probe) Text(*client.Session, []byte)        {}
func (p *probe) Binary(*client.Session, []byte)      {}
func (p *probe) Closed(_ *client.Session, err error) { p.over <- err }

// open starts n members, made by make with their id, and returns when each is
// open or has failed; it is an error if none is open. Ids go on over several
// calls. A member tells by w.opened, or by w.closed, that it is.
func (r *run) open(n int, create func(w *worker, id int) member) error {
	r.enlist(n, create)
	before := r.ready()
	done := make(chan struct{}, len(r.workers))
	for _, w := range r.workers {
		w.loop.Post(func() {
			w.settled = func() { done <- struct{}{} }
			w.armPatrol()
			w.advance()
		})
	}
	if err := r.await("connect", 0, done, len(r.workers)); err != nil {
		return err
	}
	if r.ready() <= before {
		return r.worst()
	}
	own := r.ready()
	all, err := r.meet("connected", own)
	r.elsewhere = int(all - own)
	return err
}

// ready is the number of sessions that are open.
func (r *run) ready() (n int64) {
	for _, w := range r.workers {
		n += w.ready.Load()
	}
	return n
}

// enlist makes n members as open does, and starts none.
func (r *run) enlist(n int, create func(w *worker, id int) member) {
	first := 0
	for _, w := range r.workers {
		w.loop.Do(func() { first += len(w.members) })
	}
	for i, w := range r.workers {
		w.loop.Do(func() {
			w.next, w.greeting = len(w.members), true
			for id := first + i; id < first+n; id += len(r.workers) {
				m := create(w, id)
				*m.base() = peer{w: w, id: id}
				w.members = append(w.members, m)
			}
		})
	}
}

// worst is the most frequent error as an error of the whole run.
func (r *run) worst() error {
	var all client.Tally
	r.each(func(w *worker) { all.Merge(&w.tally) })
	entries := all.Entries()
	if len(entries) == 0 {
		return errors.New("no session could be opened")
	}
	name := slices.MaxFunc(slices.Sorted(maps.Keys(entries)), func(a, b string) int {
		return int(min(entries[a].Count, 1<<30)) - int(min(entries[b].Count, 1<<30))
	})
	return &client.Error{Name: name, Detail: entries[name].Example}
}

// advance keeps width handshakes or goodbyes in flight, and tells when all are
// done.
func (w *worker) advance() {
	for w.opening < w.width && w.next < len(w.members) {
		m := w.members[w.next]
		w.next++
		p := m.base()
		if w.greeting {
			w.opening++
			p.opening = true
			p.started = w.loop.Now()
			p.StartWith(w.env, m, client.Start{ID: p.id})
		} else if p.Live() {
			w.opening++
			p.opening = true
			p.Goodbye()
		} else {
			p.Abort()
		}
	}
	if w.opening == 0 && w.next == len(w.members) && w.settled != nil {
		settled := w.settled
		w.settled = nil
		settled()
	}
}

// opened is told by a member that it is all that the scenario wants of it.
func (w *worker) opened(p *peer) {
	p.live = true
	w.ready.Add(1)
	if p.opening {
		p.opening = false
		w.opening--
		w.advance()
	}
}

// connected is told by a member in its Ready, before opened.
func (w *worker) connected(p *peer) {
	d := w.loop.Now() - p.started
	w.connect.Record(d)
	w.ways.record(p.Transport(), d)
	if w.run.counts != byMember {
		w.interval.latency.Record(d)
	}
	if w.run.counts == connects {
		w.done.Add(1)
	}
}

// closed is told by a member in its Closed.
func (w *worker) closed(p *peer, err error) {
	w.failError(err)
	if p.live {
		p.live = false
		w.ready.Add(-1)
	}
	if p.opening {
		p.opening = false
		w.opening--
		w.advance()
	}
}

// goodbye ends all sessions, politely if the run was not interrupted.
func (r *run) goodbye() error {
	if r.interrupted || r.ctx.Err() != nil {
		return nil
	}
	done := make(chan struct{}, len(r.workers))
	for _, w := range r.workers {
		w.loop.Post(func() {
			w.next, w.greeting = 0, false
			w.settled = func() { done <- struct{}{} }
			w.advance()
		})
	}
	err := r.await("goodbye", 0, done, len(r.workers))
	if errors.Is(err, context.Canceled) {
		r.interrupted = true
		return nil
	}
	return err
}
