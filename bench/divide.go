package bench

import (
	"fmt"
	"net/netip"

	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/bench/internal/script"
)

// A divisible scenario can be run by several processes, each a part of it. divide
// changes o and returns the scenario for part i of n; between them the parts have
// the connections, rates and rooms of the whole. The error wraps [ErrUsage].
type divisible interface {
	Scenario
	divide(o *Options, i, n int) (Scenario, error)
}

// divisibleBy is s if several processes can run it, or else says why not.
func divisibleBy(s Scenario) (divisible, error) {
	d, ok := s.(divisible)
	why := ""
	if w, has := s.(interface{ indivisible() string }); has {
		why = w.indivisible()
	} else if !ok {
		why = "nothing says how it could be divided"
	}
	if why != "" {
		return nil, fmt.Errorf("%w: %s cannot be run by several processes: %s", ErrUsage, s.Name(), why)
	}
	return d, nil
}

func (*Broadcast) indivisible() string {
	return "the next broadcast is sent when the last receiver has one, wherever that is, and latency is told by one clock"
}
func (*Slow) indivisible() string {
	return "who reads is compared with who does not, by one sender's clock"
}
func (*Churn) indivisible() string {
	return "who is in a room is known where its events are sent"
}
func (*Recovery) indivisible() string {
	return "what was sent to those who were cut off is known where it was sent"
}
func (*Crowd) indivisible() string {
	return "its processes have a server each, and meet by Meet"
}

// optionsOf is o for a run of s, with what s itself says and the defaults.
func optionsOf(s Scenario, o Options) (Options, error) {
	if f, ok := s.(*Script); ok {
		o = f.Options(o)
	}
	return o.withDefaults()
}

// share is part i of n of a whole: the first parts have one more if it does not
// come out even.
func share(whole, i, n int) int {
	s := whole / n
	if i < whole%n {
		s++
	}
	return s
}

// divideCommon gives o the part of what all scenarios have. clients says how many
// numbers of clients part k takes, so that no two parts have the same; nil: as many as
// it has connections.
func (o *Options) divideCommon(s Scenario, i, n int, clients func(k int) int) error {
	total := o.Conns
	if total < n {
		return fmt.Errorf("%w: %d connections for %d processes", ErrUsage, total, n)
	}
	if clients == nil {
		clients = func(k int) int { return share(total, k, n) }
	}
	o.Conns = share(total, i, n)
	o.Proc = i
	for before := range i {
		o.FirstID += clients(before)
	}
	o.Concurrency = max(1, share(o.Concurrency, i, n))
	if len(o.Sources) >= n {
		var own []netip.Addr
		for k := i; k < len(o.Sources); k += n {
			own = append(own, o.Sources[k])
		}
		o.Sources = own
	} else if len(o.Sources) == 0 {
		config, err := o.config()
		if err != nil {
			return err
		}
		conns := config.Connections(total)
		if redials(s) {
			conns = max(conns, redialSources*reactor.DefaultSourceShare*n)
		}
		o.Sources = reactor.LoopbackShare(config.Addr.Addr(), conns, i, n)
	}
	return nil
}

func (e *Echo) divide(o *Options, i, n int) (Scenario, error) {
	s := *e
	s.Rate /= float64(n)
	return &s, o.divideCommon(e, i, n, nil)
}

func (s *Namespaces) divide(o *Options, i, n int) (Scenario, error) {
	return s, o.divideCommon(s, i, n, nil)
}

func (s *Big) divide(o *Options, i, n int) (Scenario, error) {
	return s, o.divideCommon(s, i, n, nil)
}

func (s *Upgrade) divide(o *Options, i, n int) (Scenario, error) {
	return s, o.divideCommon(s, i, n, nil)
}

func (c *Connect) divide(o *Options, i, n int) (Scenario, error) {
	s := *c
	if c.Hold {
		return &s, o.divideCommon(c, i, n, nil)
	}
	if o.Concurrency < n {
		return nil, fmt.Errorf("%w: concurrency %d for %d processes", ErrUsage, o.Concurrency, n)
	}
	o.Conns = max(o.Conns, n) // has no meaning here
	if s.Cycles > 0 {
		if s.Cycles < n {
			return nil, fmt.Errorf("%w: %d cycles for %d processes", ErrUsage, s.Cycles, n)
		}
		s.Cycles = share(s.Cycles, i, n)
	}
	concurrency := o.Concurrency
	return &s, o.divideCommon(c, i, n, func(k int) int {
		return o.Loops * max(1, share(concurrency, k, n)/o.Loops) // as many as ride
	})
}

func (s *Storm) divide(o *Options, i, n int) (Scenario, error) {
	part, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	total := o.Conns
	if err := o.divideCommon(s, i, n, nil); err != nil {
		return nil, err
	}
	first := 0
	for k := range i {
		first += share(total, k, n)
	}
	part.first = first
	part.Rate /= float64(n)
	if part.Reconnect {
		cut := 0
		for id := range o.Conns {
			if part.cuts(id) {
				cut++
			}
		}
		if cut == 0 {
			return nil, fmt.Errorf("%w: %v of %d connections are cut off: too few for %d processes", ErrUsage, part.Cut, total, n)
		}
	}
	return &part, nil
}

func (s *Idle) divide(o *Options, i, n int) (Scenario, error) {
	part := *s
	steps, err := s.steps()
	if err != nil {
		return nil, err
	}
	part.Steps = nil
	for k, whole := range steps {
		own := share(whole, i, n)
		if own < 1 || k > 0 && own <= part.Steps[k-1] {
			return nil, fmt.Errorf("%w: steps %v for %d processes", ErrUsage, steps, n)
		}
		part.Steps = append(part.Steps, own)
	}
	o.Conns = steps[len(steps)-1] // for the addresses
	return &part, o.divideCommon(s, i, n, nil)
}

func (s *Rooms) divide(o *Options, i, n int) (Scenario, error) {
	part := *s
	if part.Rooms == 0 {
		part.Rooms = max(1, o.Conns/10)
	}
	if part.Rooms < n {
		return nil, fmt.Errorf("%w: %d rooms for %d processes: a room is of one process", ErrUsage, part.Rooms, n)
	}
	for k := range i {
		part.first += share(part.Rooms, k, n)
	}
	part.Rooms = share(part.Rooms, i, n)
	return &part, o.divideCommon(s, i, n, nil)
}

func (s *FanIn) divide(o *Options, i, n int) (Scenario, error) {
	part := *s
	collectors, senders := max(1, s.Collectors), o.Conns
	if collectors < n {
		return nil, fmt.Errorf("%w: %d collectors for %d processes: a collector and those who send to it are of one process", ErrUsage, collectors, n)
	}
	for k := range i {
		part.first += share(collectors, k, n)
	}
	part.Collectors = share(collectors, i, n)
	part.Rate /= float64(n)
	return &part, o.divideCommon(s, i, n, func(k int) int { return share(collectors, k, n) + share(senders, k, n) })
}

// divide: how many clients there will be nobody knows, so loops of all parts deal out the
// numbers in turn, see [stage.admit].
func (s *Script) divide(o *Options, i, n int) (Scenario, error) {
	return s, o.divideCommon(s, i, n, func(int) int { return o.Loops })
}

// indivisible: what a client broadcasts others get, whose processes neither know what was
// sent nor read the same clock.
func (s *Script) indivisible() string {
	for _, k := range s.file.Clients {
		for step := range script.Steps(k.Flow) {
			if step.Op == script.Broadcast {
				return fmt.Sprintf("line %d: a broadcast may be heard in another process than its sender's, and latency is told by one clock", step.Line)
			}
		}
	}
	return ""
}
