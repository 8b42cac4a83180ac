package bench

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// Namespaces has every connection be in many namespaces at a time, the first of
// them with its CONNECT, the others asked for at once when that is answered, and
// echo in each. Its operation is one answer. An answer in another namespace than
// that of its message is an error.
type Namespaces struct {
	Count  int    // default 10
	Prefix string // a namespace's name in front of its number; default "/bench-"
	Kind   Kind   // Event (default) or Ack
	Depth  int    // messages under way of each connection in each namespace; default 1
	Size   int    // as [Echo.Size], in the namespace with the longest name; default [DefaultNamespaceSize]
}

// DefaultNamespaceSize is the default of [Namespaces.Size]: the name of the
// namespace is in each packet, and its number in each payload.
const DefaultNamespaceSize = 96

// Misrouted counts answers in another namespace than that of their message.
const Misrouted = "wrong namespace"

// Bounds of a [Namespaces].
const (
	maxNamespaces = 10_000
	maxStrands    = 4_000_000 // connections times namespaces

	// toldNamespaces is up to how many each has a latency of its own in the result.
	toldNamespaces = 16
)

// Name is "namespaces".
func (*Namespaces) Name() string { return "namespaces" }

func (s *Namespaces) withDefaults(o *Options) (Namespaces, error) {
	c := *s
	if c.Count == 0 {
		c.Count = 10
	}
	if c.Prefix == "" {
		c.Prefix = "/bench-"
	}
	if c.Kind == "" {
		c.Kind = Event
	}
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Size == 0 {
		c.Size = DefaultNamespaceSize
	}
	switch {
	case c.Count < 1 || c.Count > maxNamespaces:
		return c, fmt.Errorf("%w: %d namespaces: must be 1 to %d", ErrUsage, c.Count, maxNamespaces)
	case c.Count > maxStrands/o.Conns:
		return c, fmt.Errorf("%w: %d connections in %d namespaces: must be at most %d together", ErrUsage, o.Conns, c.Count, maxStrands)
	case c.Depth < 1 || c.Depth > maxWaiting:
		return c, fmt.Errorf("%w: depth %d: must be 1 to %d", ErrUsage, c.Depth, maxWaiting)
	case c.Kind != Event && c.Kind != Ack:
		return c, fmt.Errorf("%w: namespaces of kind %q: must be event or ack", ErrUsage, c.Kind)
	}
	if err := client.CheckNamespace(c.Prefix); err != nil {
		return c, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return c, nil
}

// name is the name of namespace i.
func (s *Namespaces) name(i int) string { return s.Prefix + strconv.Itoa(i) }

// talks makes what is said in each namespace on each loop.
func (s *Namespaces) talks(o *Options) ([][]*talk, error) {
	all := make([][]*talk, s.Count)
	longest := len(strconv.Itoa(s.Count - 1))
	for i := range all {
		size := s.Size - (longest - len(strconv.Itoa(i)))
		var err error
		if all[i], err = newTalks(s.name(i), s.Kind, size, namespaceMark(i), s.Depth, o); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// markStart begins the mark of a namespace in a payload.
const markStart = "of."

// namespaceMark stands in each message to namespace i.
func namespaceMark(i int) string { return fmt.Sprintf("%s%0*d.", markStart, idDigits, i) }

// Run implements [Scenario].
func (s *Namespaces) Run(ctx context.Context, o Options) (*Result, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := s.withDefaults(&o)
	if err != nil {
		return nil, err
	}
	o.Namespace = c.name(0)
	talks, err := c.talks(&o)
	if err != nil {
		return nil, err
	}
	r, err := newRun(ctx, s, o, o.Conns)
	if err != nil {
		return nil, err
	}
	defer r.close()
	realms := make([]*realm, o.Loops)
	for i, w := range r.workers {
		realms[i] = &realm{worker: w, scenario: &c, talks: make([]*talk, c.Count)}
		for k := range talks {
			realms[i].talks[k] = talks[k][i]
		}
		realms[i].echoes = make([]hist.Histogram, min(c.Count, toldNamespaces))
	}
	if err := r.open(o.Conns, func(w *worker, _ int) member {
		return &citizen{realm: realms[w.index], strands: make([]exchange, c.Count)}
	}); err != nil {
		return nil, err
	}
	err = r.measure(
		func(w *worker) { realms[w.index].start() },
		func(*worker) {},
		func(w *worker) bool { return realms[w.index].waiting() })
	if err != nil {
		return nil, err
	}
	if !r.interrupted {
		r.each(func(w *worker) {
			for _, m := range w.members {
				if m := m.(*citizen); m.Live() {
					m.lose("no answer at the end")
				}
			}
		})
	}
	if err := r.goodbye(); err != nil {
		return nil, err
	}
	return c.result(r, realms), nil
}

func (s *Namespaces) result(r *run, realms []*realm) *Result {
	var echo, enter hist.Histogram
	var n uint64
	each := make([]hist.Histogram, min(s.Count, toldNamespaces))
	r.each(func(w *worker) {
		echo.Merge(&w.latency)
		n += w.recorded
		enter.Merge(&realms[w.index].enter)
		for i := range each {
			each[i].Merge(&realms[w.index].echoes[i])
		}
	})
	res := r.result("echo", n)
	res.Parameters["connections"] = r.options.Conns
	res.Parameters["namespaces"] = s.Count
	res.Parameters["kind"] = string(s.Kind)
	res.Parameters["depth"] = s.Depth
	res.Parameters["size"] = s.Size
	res.latency("echo", &echo)
	res.latency("enter", &enter)
	if s.Count <= toldNamespaces {
		for i := range each {
			res.latency("echo in "+s.name(i), &each[i])
		}
	}
	res.throughput()
	return res
}

// realm is what the sessions of one loop share.
type realm struct {
	*worker
	scenario *Namespaces
	talks    []*talk // by the namespace's number
	enter    hist.Histogram
	echoes   []hist.Histogram // by the number, for the first ones; in the window
}

// start begins to send.
func (r *realm) start() {
	for _, m := range r.members {
		m := m.(*citizen)
		if !m.Live() {
			continue
		}
		m.Batch(func() {
			for i := range m.strands {
				m.strands[i].begin(&m.peer, r.talks[i])
			}
		})
	}
}

// waiting says whether answers are under way.
func (r *realm) waiting() bool {
	for _, t := range r.talks {
		if t.waiting > 0 {
			return true
		}
	}
	return false
}

// citizen is one session.
type citizen struct {
	peer
	realm   *realm
	strands []exchange // by the namespace's number
	in      int        // namespaces it is in
	asked   time.Duration
}

func (m *citizen) Ready(s *client.Session) {
	m.w.connected(&m.peer)
	m.asked = m.w.loop.Now()
	s.Batch(func() {
		for i := 1; i < len(m.strands); i++ {
			s.Enter(m.realm.scenario.name(i))
		}
	})
	m.entered()
}

// Entered implements [client.Enterer].
func (m *citizen) Entered(_ *client.Session, _ string, err error) {
	if err != nil {
		m.Abort()
		m.w.closed(&m.peer, err)
		return
	}
	m.realm.enter.Record(m.w.loop.Now() - m.asked)
	m.entered()
}

// entered counts a namespace.
func (m *citizen) entered() {
	if m.in++; m.in == len(m.strands) {
		m.w.opened(&m.peer)
	}
}

func (m *citizen) Text(_ *client.Session, packet []byte) {
	i := m.realm.scenario.number(packet)
	switch {
	case i < 0 || i >= len(m.strands):
		m.w.fail(Misrouted, client.Quote(packet))
		return
	case !m.live:
		m.w.fail(NotAsked, client.Quote(packet))
		return
	}
	t := m.realm.talks[i]
	if of, ok := marked(packet); ok && of != i {
		m.w.fail(Misrouted, fmt.Sprintf("the answer to a message to %s: %s", m.realm.scenario.name(of), client.Quote(packet)))
		return
	}
	took, ok := m.strands[i].text(&m.peer, t, packet)
	if !ok {
		return
	}
	if took >= 0 {
		m.w.operation(took)
		if m.w.recording && i < len(m.realm.echoes) {
			m.realm.echoes[i].Record(took)
		}
	}
	if m.w.sending {
		m.strands[i].send(&m.peer, t, m.w.loop.Now())
	}
}

// number is the number of the namespace that a packet, without its Engine.IO
// digit, came in, -1 if it is none of ours.
func (s *Namespaces) number(packet []byte) int {
	if len(packet) < 1 || !bytes.HasPrefix(packet[1:], []byte(s.Prefix)) {
		return -1
	}
	rest := packet[1+len(s.Prefix):]
	end := bytes.IndexByte(rest, ',')
	if end < 1 || end > idDigits || end > 1 && rest[0] == '0' {
		return -1
	}
	n, ok := digits(rest[:end])
	if !ok {
		return -1
	}
	return int(n)
}

// marked reads the number of the namespace that an answer's message was sent to.
func marked(packet []byte) (number int, ok bool) {
	at := bytes.Index(packet, []byte("."+markStart))
	if at < 0 {
		return 0, false
	}
	rest := packet[at+1+len(markStart):]
	if len(rest) < idDigits {
		return 0, false
	}
	n, ok := digits(rest[:idDigits])
	return int(n), ok
}

// lose counts what this session still waits for.
func (m *citizen) lose(why string) {
	for i := range m.strands {
		m.strands[i].lose(&m.peer, m.realm.talks[i], why+" in "+m.realm.scenario.name(i))
	}
}

// giveUp implements [patient].
func (m *citizen) giveUp() {
	if !m.Live() {
		return
	}
	for i := range m.strands {
		for range m.strands[i].giveUp(&m.peer, m.realm.talks[i]) {
			m.strands[i].send(&m.peer, m.realm.talks[i], m.w.loop.Now())
		}
	}
}

func (m *citizen) Closed(_ *client.Session, err error) {
	if m.live {
		m.lose("closed without answer")
	}
	m.w.closed(&m.peer, err)
}
