package bench

import (
	"fmt"
	"slices"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/bench/internal/script"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// play is a kind of client, compiled for one loop.
type play struct {
	kind      *script.Kind
	namespace string
	lines     []line
	loops     int            // the most that are in one another
	speeches  int            // broadcasts in it
	heard     []string       // events that steps wait for, at most maxHeard
	listen    map[string]int // events that may come: -1, or an index in heard
	binary    *line          // an echo of attachments, if there is one
	env       *client.Env    // nil: the worker's
}

// maxHeard bounds the events of one kind of client that steps wait for: each is
// a byte of a client.
const maxHeard = 8

// A line is a step, compiled. Its stencils are filled in by whoever sends, so it
// belongs to one loop.
type line struct {
	step *script.Step
	run  func(a *actor, l *line) bool // says whether the next one may run at once
	stat int                          // of its latency, -1: none

	out, in *stencil
	data    *stencil // an attachment that comes back
	answer  string   // the event that answers
	number  int      // of a broadcast among those of all kinds: speech
	place   int      // and among those of its own kind
	own     bool     // the sender is in the room, and waits for its own copy
	room    *text
	head    string // what stands in front of a text that is filled in
	args    *text
	parts   [][]byte // attachments
	slot    int      // of an event that is waited for
	loop    int      // which loop of those in one another
	to      int      // the line behind the loop, or that it goes back to
	timeout time.Duration
}

const (
	connectName  = "connect"
	deliveryName = "delivery"
	connectStat  = 0 // index of connectName among the names
	deliveryStat = 1
)

// compiler makes the plays of one loop.
type compiler struct {
	options *Options
	source  fill.Source
	names   []string
	speech  []*line // broadcasts of all kinds
	plays   []*play
	play    *play
}

// speechDigits is the width of a broadcast's number in its payload.
const speechDigits = 4

// compile makes the plays. namespace is that of clients that have no other.
func (s *Script) compile(o *Options, namespace string) (*compiler, error) {
	c := &compiler{options: o, source: o.source(), names: []string{connectName, deliveryName}}
	for i := range s.file.Clients {
		k := &s.file.Clients[i]
		c.play = &play{kind: k, namespace: namespace, listen: map[string]int{}}
		if k.Namespace != "" {
			c.play.namespace = k.Namespace
		}
		for _, name := range k.Listen {
			c.play.listen[name] = -1
		}
		if err := c.flow(k.Flow, 0); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrUsage, s.file.Name, err)
		}
		for j := range c.play.lines {
			l := &c.play.lines[j]
			if l.step.Op == script.Broadcast {
				c.speech = append(c.speech, l)
			}
			if l.data != nil {
				c.play.binary = l
			}
		}
		c.plays = append(c.plays, c.play)
	}
	return c, nil
}

// stat is the index of a latency's name.
func (c *compiler) stat(name string) int {
	if name == "" {
		return -1
	}
	if i := slices.Index(c.names, name); i >= 0 {
		return i
	}
	c.names = append(c.names, name)
	return len(c.names) - 1
}

func (c *compiler) flow(steps []script.Step, depth int) error {
	for i := range steps {
		s := &steps[i]
		if err := c.step(s, depth); err != nil {
			return fmt.Errorf("line %d: %s: %w", s.Line, s.Op, err)
		}
	}
	return nil
}

// event is the head of an event with its attachments, up to the bracket; ack is
// the mark of its id, empty if it has none.
func (c *compiler) event(attachments int, ack string) string {
	digit := byte('2')
	if attachments > 0 {
		digit = '5'
	}
	return client.Prefix(c.play.namespace, digit, attachments) + ack
}

// ackMark is a place for the number of a message as an acknowledgement id.
const ackMark = ackBase + seqMark

func (c *compiler) step(s *script.Step, depth int) (err error) {
	e := &c.options.Events
	l := line{step: s, stat: c.stat(s.Name), slot: -1, timeout: s.Timeout}
	if l.timeout == 0 {
		l.timeout = c.options.Timeout
	}
	switch s.Op {
	case script.Echo:
		l.run = (*actor).echo
		d, err := newDialogue(c.play.namespace, Kind(s.Form), s.Size, "", e)
		if err != nil {
			return err
		}
		l.out, l.in, l.data, l.answer = d.out, d.in, d.data, d.name
	case script.Emit:
		err = c.emit(&l)
	case script.Join, script.Leave:
		l.run = (*actor).joinOrLeave
		name := e.Join
		if s.Op == script.Leave {
			name = e.Leave
		}
		l.out = newStencil(c.event(0, ackMark) + "[" + quoted(name) + ",")
		l.room, err = c.text(s.Room)
	case script.Broadcast:
		err = c.broadcast(&l)
	case script.Wait:
		l.run = (*actor).wait
		l.slot = slices.Index(c.play.heard, s.Event)
		if l.slot < 0 {
			l.slot = len(c.play.heard)
			c.play.heard = append(c.play.heard, s.Event)
			c.play.listen[s.Event] = l.slot
		}
		if l.slot >= maxHeard {
			err = fmt.Errorf("a client can wait for %d events at the most", maxHeard)
		}
	case script.Think:
		l.run = (*actor).think
	case script.Disconnect:
		l.run = (*actor).disconnect
	case script.Reconnect:
		l.run = (*actor).reconnect
	case script.Repeat:
		return c.repeat(&l, depth)
	}
	if err == nil {
		c.play.lines = append(c.play.lines, l)
	}
	return err
}

func (c *compiler) repeat(l *line, depth int) error {
	begin := len(c.play.lines)
	l.run, l.loop = (*actor).repeat, depth
	c.play.lines = append(c.play.lines, *l)
	c.play.loops = max(c.play.loops, depth+1)
	if err := c.flow(l.step.Do, depth+1); err != nil {
		return err
	}
	l.run, l.to = (*actor).again, begin+1
	c.play.lines = append(c.play.lines, *l)
	return nil
}

func (c *compiler) emit(l *line) (err error) {
	s := l.step
	l.run, l.answer = (*actor).emit, s.Reply
	ack := ""
	if s.Ack {
		ack = ackMark
	}
	l.head = c.event(len(s.Binary), ack) + "[" + quoted(s.Event)
	args := s.Args
	if args != "" {
		args = "," + args
	}
	for i, size := range s.Binary {
		args += string(socketio.AppendPlaceholder([]byte{','}, i))
		l.parts = append(l.parts, []byte(filler(size)))
	}
	l.args, err = c.text(args + "]")
	l.out = newStencil(l.head)
	return err
}

func (c *compiler) broadcast(l *line) error {
	s := l.step
	l.run = (*actor).broadcast
	l.number, l.place = len(c.speech), c.play.speeches
	for i := range c.play.lines { // those of this kind are not in c.speech yet
		if c.play.lines[i].step.Op == script.Broadcast {
			l.number++
		}
	}
	c.play.speeches++
	var err error
	if l.room, err = c.text(s.Room); err != nil {
		return err
	}
	for other := range script.Steps(c.play.kind.Flow) {
		l.own = l.own || other.Op == script.Join && other.Room == s.Room
	}
	frame := c.event(0, "") + "[" + quoted(c.options.Events.BroadcastReply) + `,""]`
	body, err := payload(frame, s.Size, true)
	if err != nil {
		return err
	}
	const fields = seqDigits + 1 + idDigits + 1 + stampDigits + 1
	if len(body) < fields+speechDigits+1 {
		return fmt.Errorf("%w: size %d: this message needs at least %d bytes", ErrUsage, s.Size, len(frame)+fields+speechDigits+1)
	}
	body = body[:fields] + fmt.Sprintf("%0*d.", speechDigits, l.number) + body[fields+speechDigits+1:]
	l.in = newStencil(c.event(0, "")[1:] + "[" + quoted(c.options.Events.BroadcastReply) + `,"` + body + `"]`)
	l.head = c.event(0, "") + "[" + quoted(c.options.Events.Broadcast) + ","
	l.out = newStencil(`,"` + body + `"]`)
	return nil
}

// text is what a template makes for one client.
type text struct {
	template *fill.Template
	constant string // what it makes if it is the same for all
}

// text compiles a template, and tries it: what it lacks is found before the run.
func (c *compiler) text(s string) (*text, error) {
	t, err := fill.New(s)
	if err != nil {
		return nil, err
	}
	first, err := t.Fill(&c.source, 0)
	if err != nil || t.Constant() {
		return &text{constant: first}, err
	}
	return &text{template: t}, nil
}

// fill makes the text for a.
func (t *text) fill(a *actor) string {
	if t.template == nil {
		return t.constant
	}
	s := a.stage
	made, err := t.template.Fill(&s.source, s.options.FirstID+a.number)
	if err != nil {
		s.fail(BadTemplate, fmt.Sprintf("line %d: %v", a.line().step.Line, err))
	}
	return made
}
