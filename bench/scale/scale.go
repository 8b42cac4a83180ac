package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/e6a90ca8/sio/bench"
	"github.com/e6a90ca8/sio/bench/internal/proc"
)

// pair is a server with its generator.
type pair struct {
	server    *bench.Server
	generator *generator
	serverAt  *proc.Process
	clientAt  *proc.Process
	idle      proc.Memory // of the server before its first connection
}

// scale is one run.
type scale struct {
	*config
	pairs  []*pair
	kernel int64 // what the kernel held before the first connection, bytes; 0: not known
}

// run goes through the steps. With an error there is the result of the steps before.
func (c *config) run(ctx context.Context) (*result, error) {
	s := &scale{config: c}
	defer s.stop()
	res := newResult(c)
	s.kernel = kernelMemory()
	for k, n := range c.steps {
		if err := s.room(n); err != nil {
			return res, err
		}
		at, err := s.step(ctx, k)
		if err != nil {
			return res, err
		}
		res.add(at)
	}
	res.finish()
	for _, p := range s.pairs { // after the last step they say goodbye
		if err := p.generator.proceed(); err != nil {
			return res, err
		}
	}
	ends, err := s.wait(ctx, over)
	if err != nil {
		return res, err
	}
	res.Errors = 0 // those of the steps are among what comes
	for _, r := range ends {
		res.count(r)
	}
	return res, nil
}

// stop ends everything that was started.
func (s *scale) stop() {
	for _, p := range s.pairs {
		if p.generator != nil {
			p.generator.stop()
		}
	}
	for _, p := range s.pairs {
		p.server.Stop()
	}
}

// room says whether there is memory for n connections.
func (s *scale) room(n int) error {
	const each = 16 << 10 // both ends of a connection, with the kernel's share, about
	open := 0
	for i, p := range s.steps {
		if p == n && i > 0 {
			open = s.steps[i-1]
		}
	}
	available := memInfo("MemAvailable")
	if need := int64(n-open)*each + s.reserve<<20; available != 0 && available < need {
		return fmt.Errorf("%d MiB of memory are available: %d connections need %d, with the reserve", available>>20, n, need>>20)
	}
	return nil
}

// step opens the connections of step k and measures.
func (s *scale) step(ctx context.Context, k int) (*step, error) {
	n := s.steps[k]
	for i := len(s.pairs); i < processes(n, s.per); i++ {
		if err := s.start(ctx, i, k); err != nil {
			return nil, err
		}
	}
	at := &step{Conns: n, Processes: len(s.pairs), Each: make([]each, len(s.pairs))}
	s.say("%d connections, %d processes", n, len(s.pairs))
	if _, err := s.together(ctx, bench.CrowdConnect); err != nil {
		return nil, err
	}

	opened, err := s.wait(ctx, bench.CrowdRest)
	if err != nil {
		return nil, err
	}
	for i, r := range opened {
		at.Each[i].Conns = r.Conns
	}
	if err := sleep(ctx, s.settle); err != nil {
		return nil, err
	}
	if err := s.memory(at); err != nil {
		return nil, err
	}

	reports, spent, err := s.window(ctx, bench.CrowdRested)
	if err != nil {
		return nil, err
	}
	for i, r := range reports {
		at.Each[i].RestCPU, at.Each[i].Heartbeats = spent[i].server.Seconds(), r.Heartbeats
	}
	at.Rest = s.rest.Seconds()

	if _, err := s.together(ctx, ""); err != nil {
		return nil, err
	}
	if _, err := s.wait(ctx, bench.CrowdBroadcast); err != nil {
		return nil, err
	}
	began := time.Now()
	reports, spent, err = s.window(ctx, bench.CrowdTold)
	if err != nil {
		return nil, err
	}
	at.Told = time.Since(began).Seconds()
	for i, r := range reports {
		e := &at.Each[i]
		e.Broadcasts, e.Deliveries, e.Last = r.Broadcasts, r.Deliveries, *r.Last
		e.BroadcastCPU, e.ClientCPU = spent[i].server.Seconds(), spent[i].client.Seconds()
		at.Errors += r.Errors
	}
	if k+1 < len(s.steps) { // on to the next step's beginning
		if _, err := s.together(ctx, ""); err != nil {
			return nil, err
		}
	}
	return at, nil
}

// start starts pair i at step k.
func (s *scale) start(ctx context.Context, i, k int) error {
	server, err := bench.StartServer(ctx, bench.ServerSpec{Name: fmt.Sprint("server ", i), Command: s.server})
	if err != nil {
		return err
	}
	p := &pair{server: server}
	s.pairs = append(s.pairs, p)
	if p.serverAt, err = proc.Open(server.PID()); err != nil {
		return err
	}
	if p.idle, err = p.serverAt.Memory(); err != nil {
		return err
	}
	o := order{
		URL: server.URL(), Rest: s.rest, Duration: s.duration, Patience: s.patience,
		// Two addresses of its own, in case one has too few ports.
		Sources: []netip.Addr{netip.AddrFrom4([4]byte{127, 10, byte(i), 1}), netip.AddrFrom4([4]byte{127, 10, byte(i), 2})},
	}
	for _, n := range s.steps[k:] {
		o.Steps = append(o.Steps, share(n, s.per, i))
	}
	if p.generator, err = startGenerator(o); err != nil {
		return err
	}
	p.clientAt, err = proc.Open(p.generator.cmd.Process.Pid)
	return err
}

// together waits until all generators are at a part of their run, if it has a name, and
// lets them go on.
func (s *scale) together(ctx context.Context, at string) (reports []report, err error) {
	if at != "" {
		if reports, err = s.wait(ctx, at); err != nil {
			return nil, err
		}
	}
	for _, p := range s.pairs {
		if err := p.generator.proceed(); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// wait waits until all generators are at a part of their run.
func (s *scale) wait(ctx context.Context, at string) ([]report, error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	reports := make([]report, len(s.pairs))
	for i, p := range s.pairs {
		var err error
		if reports[i], err = p.generator.next(ctx, at); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// spent is processor time.
type spent struct{ server, client time.Duration }

// window lets all generators go on to the end of a part, and says what it took.
func (s *scale) window(ctx context.Context, end string) ([]report, []spent, error) {
	read := func() (server, client []proc.CPU, err error) {
		for _, p := range s.pairs {
			a, err := p.serverAt.CPU()
			if err != nil {
				return nil, nil, fmt.Errorf("server %d: %w", p.server.PID(), err)
			}
			b, err := p.clientAt.CPU()
			if err != nil {
				return nil, nil, fmt.Errorf("generator: %w", err)
			}
			server, client = append(server, a), append(client, b)
		}
		return server, client, nil
	}
	server, client, err := read()
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.together(ctx, ""); err != nil {
		return nil, nil, err
	}
	reports, err := s.wait(ctx, end)
	if err != nil {
		return nil, nil, err
	}
	serverEnd, clientEnd, err := read()
	if err != nil {
		return nil, nil, err
	}
	took := make([]spent, len(s.pairs))
	for i := range took {
		took[i] = spent{serverEnd[i].Since(server[i]), clientEnd[i].Since(client[i])}
	}
	return reports, took, nil
}

// memory reads what the servers and the kernel hold.
func (s *scale) memory(at *step) error {
	for i, p := range s.pairs {
		m, err := p.serverAt.Memory()
		if err != nil {
			return fmt.Errorf("server %d: %w", p.server.PID(), err)
		}
		at.Each[i].RSS, at.Each[i].IdleRSS = m.RSS, p.idle.RSS
		at.Each[i].PSS = m.PSS
	}
	if k := kernelMemory(); k != 0 && s.kernel != 0 {
		at.Kernel = k - s.kernel
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
