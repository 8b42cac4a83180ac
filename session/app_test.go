package session

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// A fakeApp grants "/" and "/chat", refuses other namespaces, sends "echo" events back
// and notes all others. It can be told to put off what it decides.
type fakeApp struct {
	w        *world
	pid      string // of sockets that are let in
	verdict  Verdict
	waiting  []waiting // handshakes that were put off
	delay    bool      // decisions about CONNECT are put off
	bids     []*fakeSocket
	sockets  map[string]*fakeSocket
	sessions map[string]*Session // those opened and not ended
	over     []*Session          // that have ended
	dirs     map[string]*broadcast.Directory
	spaces   map[string][]*Space // of each loop
	offload  []func()
	full     bool // there is nobody to offload to
	onEnd    func(s *Session)
	onEvent  func(now Instant, k *Socket, e *Event) bool // nil, or whether it dealt with it
}

type waiting struct {
	c      *Conn
	ticket uint32
}

// A fakeSocket is a socket of the application's.
type fakeSocket struct {
	Socket
	app   *fakeApp
	ended bool
	due   int // acknowledgements
}

func newFakeApp(w *world) *fakeApp {
	a := &fakeApp{
		w: w, sockets: make(map[string]*fakeSocket), sessions: make(map[string]*Session),
		dirs: make(map[string]*broadcast.Directory), spaces: make(map[string][]*Space),
	}
	for _, nsp := range []string{"/", "/chat"} {
		d := broadcast.NewDirectory(len(w.hosts))
		a.dirs[nsp] = d
		for i := range w.hosts {
			a.spaces[nsp] = append(a.spaces[nsp], NewSpace(nsp, i, d))
		}
	}
	return a
}

func (a *fakeApp) Admit(c *Conn, ticket uint32, r *Request) Verdict {
	if a.verdict.State == Undecided {
		a.waiting = append(a.waiting, waiting{c, ticket})
	}
	return a.verdict
}

func (a *fakeApp) Refused(r *Request, f *Failure) {
	line := fmt.Sprintf("%d %s %s %s", f.Code, f.Name, f.Detail, f.Was)
	a.w.say("?", render([]byte(strings.Join(strings.Fields(line), " "))))
}

func (a *fakeApp) Connect(s *Session, now Instant, nsp, auth []byte) {
	spaces := a.spaces[string(nsp)]
	if spaces == nil {
		s.Deny(now, nil, string(nsp), []byte(`{"message":"Invalid namespace"}`))
		return
	}
	k := &fakeSocket{app: a}
	k.Init(s, spaces[s.Host().Index()])
	s.Bid(&k.Socket)
	if len(auth) > 0 {
		a.w.say("=", shown(k.ID())+" auth "+render(auth))
	}
	a.sockets[k.ID()] = k
	if a.delay {
		a.bids = append(a.bids, k)
		return
	}
	s.Grant(now, &k.Socket, a.pid)
}

func (a *fakeApp) Opened(s *Session) {
	if a.sessions[s.ID()] != nil {
		a.w.t.Errorf("session %s was opened twice", s.ID())
	}
	a.sessions[s.ID()] = s
}

func (a *fakeApp) Ended(s *Session, r Reason, err error) {
	if a.sessions[s.ID()] == nil {
		a.w.t.Errorf("session %s ended and was not open", s.ID())
	}
	delete(a.sessions, s.ID())
	a.over = append(a.over, s)
	for _, k := range a.sockets {
		if k.session == s && k.State() == Joined {
			a.w.t.Errorf("session %s ended before its socket %s", s.ID(), k.ID())
		}
	}
	a.w.say("!", ended(s.ID(), r, err))
	if a.onEnd != nil {
		a.onEnd(s)
	}
}

func ended(id string, r Reason, err error) string {
	line := shown(id) + " " + string(r)
	if err != nil {
		line += ": " + strings.ReplaceAll(err.Error(), "\n", ", ")
	}
	return line
}

func shown(id string) string { return render([]byte(id)) }

func (a *fakeApp) Offload(f func()) bool {
	if !a.full {
		a.offload = append(a.offload, f)
	}
	return !a.full
}

// offloaded does what was offloaded.
func (a *fakeApp) offloaded() {
	for len(a.offload) > 0 {
		f := a.offload[0]
		a.offload = a.offload[1:]
		f()
	}
}

func (a *fakeApp) Event(now Instant, core *Socket, e *Event) {
	k := a.of(core)
	if k.State() != Joined {
		a.w.t.Errorf("%s: an event in state %d", k.ID(), k.State())
	}
	if f := a.onEvent; f != nil && f(now, core, e) {
		return
	}
	text := string(e.Args.Text())
	switch {
	case string(e.Name) != "echo":
		line := shown(k.ID()) + " " + render([]byte(text))
		if e.ID >= 0 {
			line = fmt.Sprintf("%s #%d", line, e.ID)
		}
		for _, b := range e.Attachments {
			line += " " + hexed(b)
		}
		a.w.say("=", line)
	case e.ID >= 0: // an acknowledgement, of the arguments without the name
		rest := "[" + strings.TrimPrefix(strings.TrimPrefix(text, `["echo"`), ",")
		k.send(socketio.Ack, e.ID, rest, e.Attachments)
	default:
		k.send(socketio.Event, -1, text, e.Attachments)
	}
}

// send sends a packet in the way that the public package does.
func (k *fakeSocket) send(t socketio.Type, id int64, data string, attachments [][]byte) {
	if len(attachments) == 0 {
		b := socketio.AppendHead([]byte{byte(engineio.Message)}, t, 0, k.Space().Name, id)
		k.Send(append(b, data...), 0, true)
		return
	}
	k.SendMessage(message(t+3, k.Space().Name, id, data, attachments), 0)
}

func message(t socketio.Type, nsp string, id int64, data string, attachments [][]byte) *broadcast.Message {
	buf := append(make([]byte, broadcast.HeaderSpace), byte(engineio.Message))
	buf = socketio.AppendHead(buf, t, len(attachments), nsp, id)
	return broadcast.NewMessage(append(buf, data...), attachments, true)
}

func (a *fakeApp) Failed(core *Socket, err error) {
	a.w.say("=", shown(core.ID())+" failed: "+strings.ReplaceAll(err.Error(), "\n", ", "))
}

func (a *fakeApp) Left(core *Socket, r Reason, err error) {
	k := a.of(core)
	if k.ended || k.State() != Gone {
		a.w.t.Errorf("%s: Left in state %d, ended before: %v", k.ID(), k.State(), k.ended)
	}
	k.ended = true
	a.w.say("!", ended(k.ID(), r, err))
}

func (a *fakeApp) Withdrawn(core *Socket, r Reason, err error) {
	k := a.of(core)
	if k.ended || k.State() != Gone {
		a.w.t.Errorf("%s: Withdrawn in state %d, ended before: %v", k.ID(), k.State(), k.ended)
	}
	k.ended = true
	a.w.say("!", ended(k.ID(), "withdrawn: "+r, err))
}

func (a *fakeApp) Untranslatable(err error) { a.w.say("=", "untranslatable: "+err.Error()) }

// of is the application's socket that the core is part of.
func (a *fakeApp) of(core *Socket) *fakeSocket {
	k := a.sockets[core.ID()]
	if k == nil || &k.Socket != core {
		a.w.t.Fatalf("%s is not a socket of the application", core.ID())
	}
	return k
}

// An ackWaiter notes what becomes of a question.
type ackWaiter struct {
	k  *fakeSocket
	id int64
}

func (q *ackWaiter) Acked(_ *Socket, args *socketio.Args, attachments [][]byte) {
	q.k.due--
	line := fmt.Sprintf("%s ack %d %s", shown(q.k.ID()), q.id, render(args.Text()))
	for _, b := range attachments {
		line += " " + hexed(b)
	}
	q.k.app.w.say("=", line)
}

func (q *ackWaiter) Failed(_ *Socket, err error) {
	q.k.due--
	q.k.app.w.say("=", fmt.Sprintf("%s ack %d: %v", shown(q.k.ID()), q.id, err))
}

// socket is the socket with a short id.
func (a *fakeApp) socket(id string) *fakeSocket {
	k := a.sockets[string(spelled(id))]
	if k == nil {
		a.w.t.Fatalf("there is no socket %s", id)
	}
	return k
}

func (a *fakeApp) session(id string) *Session {
	if s := a.sessions[padded(id)]; s != nil {
		return s
	}
	s := a.sessions[id]
	if s == nil {
		a.w.t.Fatalf("there is no session %s", id)
	}
	return s
}

// bid takes a bidding socket in the namespace out of those that wait.
func (a *fakeApp) bid(nsp string) *fakeSocket {
	i := slices.IndexFunc(a.bids, func(k *fakeSocket) bool { return k.Space().Name == nsp })
	if i < 0 {
		a.w.t.Fatalf("nobody asks for %s", nsp)
	}
	k := a.bids[i]
	a.bids = slices.Delete(a.bids, i, i+1)
	return k
}

// mustBeOver checks, when everybody has gone, that nothing is left.
func (a *fakeApp) mustBeOver() {
	if len(a.sessions) != 0 {
		a.w.t.Errorf("sessions that never ended: %v", slices.Collect(maps.Keys(a.sessions)))
	}
	for id, k := range a.sockets {
		if k.State() == Joined || k.due != 0 || k.Due() != 0 {
			a.w.t.Errorf("%s: state %d, %d acknowledgements due", id, k.State(), k.due)
		}
	}
	for nsp, d := range a.dirs {
		if rooms := d.Names(); len(rooms) != 0 {
			a.w.t.Errorf("rooms of %s are left: %q", nsp, rooms)
		}
		for _, s := range a.spaces[nsp] {
			if n := s.Shard.Len(); n != 0 {
				a.w.t.Errorf("%d members of %s are left", n, nsp)
			}
		}
	}
}
