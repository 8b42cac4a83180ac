package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/broadcast"
)

// A transcript is a whole conversation, played against this package with no socket and
// no clock. Connections have names of the script's choosing. A line is one step:
//
//	a> GET s1 ...      the client sends this on connection a; see [client.request] and,
//	                   behind UPGRADE, [client.frame]; "raw" sends the bytes as they are
//	a>+ ...            the same, in one segment with a's next line
//	a> fin, a> reset   the client closes a, or a breaks
//	a< 200 text        the server's next response on a is this; behind 101, its next frame
//	a< fin, a< end     the server has ended its direction of a, or all of a
//	a~ Name: value     the last response on a has this field; "!Name" that it has not
//	a| paused, reading the server has stopped or gone on reading from a
//	= s2 ["e",1]       the application gets this event of socket s2 (it sends "echo" back
//	                   itself), acknowledgement or error
//	! s1 reason: error the session or socket s1 has ended
//	? 3 NAME detail    a request was refused
//	+ 25s              time passes
//	. word ...         the application, or a connection's kernel, does something; see [player.do]
//
// A transcript fails if the server says anything that the script does not name, at the
// step after which it says it; what is said on different connections, or at different
// places, has no order. Ids of sessions and sockets are s1, s2, ... in the order in which
// they are made, each 20 characters on the wire. "{x*100}" is x a hundred times, "\x1e"
// the byte. Lines that begin with // are comments.
//
// Each transcript is played several times, the client's bytes cut at every position in
// turn (long ones: in pieces), and with connections that tell of their end at once or
// at the end of the turn. It must be the same conversation each time.
type transcript struct {
	rows   string // of the list of behaviours, and of faults (with an F), that it shows
	source string // where the behaviour is described, if not there
	hosts  int    // loops; 0 means 1
	set    func(c *Config)
	uncut  string // why it cannot be cut
	script string
}

const (
	// longest is the length in bytes of one step up to which it is cut everywhere.
	longest = 3000
	// tooMuch is the number of bytes in a transcript from which it is cut here and there.
	tooMuch = 20_000
)

// play plays the transcript in all its variants.
func (tr *transcript) play(t *testing.T) {
	t.Helper()
	p := tr.perform(t, "whole", manner{})
	tr.perform(t, "closing at once", manner{syncClose: true})
	tr.perform(t, "written together", manner{together: true})
	tr.perform(t, "written together, closing at once", manner{together: true, syncClose: true})
	if tr.uncut != "" || t.Failed() {
		return
	}
	tr.perform(t, "byte by byte", manner{pieces: func(b []byte) [][]byte {
		pieces := make([][]byte, 0, min(len(b), longest))
		for len(b) > 0 {
			n := 1
			if len(pieces) > longest {
				n = min(len(b), 1021)
			}
			pieces, b = append(pieces, b[:n]), b[n:]
		}
		return pieces
	}})
	step := 1
	if raceEnabled {
		step = 7
	}
	if p.total > tooMuch {
		step = 1 + p.most/8
	}
	for at := 1; at < p.most && !t.Failed(); at += step {
		tr.perform(t, "cut at "+strconv.Itoa(at), manner{syncClose: at%2 == 0, together: at%4 < 2, pieces: func(b []byte) [][]byte {
			if at >= len(b) {
				return [][]byte{b}
			}
			return [][]byte{b[:at], b[at:]}
		}})
	}
}

// perform plays it once.
func (tr *transcript) perform(t testing.TB, how string, m manner) *player {
	t.Helper()
	w := newWorld(t, tr.hosts, tr.set)
	w.manner = m
	p := &player{t: t, w: w, how: how, loops: make(map[string]int), held: make(map[string][]byte)}
	for line := range strings.Lines(tr.script) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		p.step(line)
	}
	p.line = "the end"
	p.mustBeQuiet()
	if !t.Failed() {
		w.end()
	}
	if t.Failed() {
		t.Fatalf("played %s", how)
	}
	return p
}

// A player plays one transcript once.
type player struct {
	t     testing.TB
	w     *world
	how   string
	line  string
	loops map[string]int    // of connections that are still to be opened
	held  map[string][]byte // bytes that wait for the connection's next line
	most  int               // bytes of the longest step that is cut everywhere
	total int               // bytes of all steps
}

func (p *player) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\n\tat %q: %s", p.how, p.line, fmt.Sprintf(format, args...))
}

// mustBeQuiet checks that all that was said was named.
func (p *player) mustBeQuiet() {
	p.t.Helper()
	for ch, lines := range p.w.said {
		if len(lines) > 0 {
			p.fatalf("before it, the server also said on %q: %q", ch, lines)
		}
	}
}

func (p *player) step(line string) {
	p.t.Helper()
	p.line = line
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "=", "!", "?":
		p.expect(name, rest)
		return
	case "+":
		p.mustBeQuiet()
		d, err := time.ParseDuration(rest)
		if err != nil {
			p.fatalf("%v", err)
		}
		p.w.advance(d)
		return
	case ".":
		p.mustBeQuiet()
		p.do(strings.Fields(rest), rest)
		p.w.settle()
		return
	}
	at := strings.IndexAny(name, "<>|~")
	if at <= 0 {
		p.fatalf("not a line of a transcript")
	}
	switch conn := name[:at]; name[at] {
	case '>':
		p.client(conn, name[at+1:] == "+", rest)
	case '~':
		p.field(conn, rest)
	default:
		p.expect(name, rest)
	}
}

// expect takes the next line that was said on the channel.
func (p *player) expect(channel, want string) {
	p.t.Helper()
	said := p.w.said[channel]
	if len(said) == 0 {
		p.fatalf("nothing was said. Elsewhere: %q", p.w.said)
	}
	if want = rendered(want); said[0] != want {
		p.fatalf("the server said %q", said)
	}
	p.w.said[channel] = said[1:]
}

// rendered is how a line of a script is said.
func rendered(line string) string {
	if s, ok := renderings.Load(line); ok {
		return s.(string)
	}
	s := render(spelled(line))
	renderings.Store(line, s)
	return s
}

var renderings sync.Map

func (p *player) field(conn, want string) {
	p.t.Helper()
	head := p.w.wires[conn].client.head
	if name, ok := strings.CutPrefix(want, "!"); ok {
		if v, has := head[strings.ToLower(name)]; has {
			p.fatalf("it is there: %q", v)
		}
		return
	}
	name, value, _ := strings.Cut(want, ": ")
	if got := render([]byte(head[strings.ToLower(name)])); got != value {
		p.fatalf("it is %q", got)
	}
}

func (p *player) client(conn string, hold bool, line string) {
	p.t.Helper()
	if len(p.held[conn]) == 0 {
		p.mustBeQuiet()
	}
	x := p.w.wire(conn, p.loops[conn])
	switch line {
	case "fin":
		x.hangUp(nil)
		p.w.settle()
		return
	case "reset":
		x.hangUp(syscall.ECONNRESET)
		p.w.settle()
		return
	}
	b := append(p.held[conn], x.client.bytesOf(line)...)
	p.held[conn] = nil
	if hold {
		p.held[conn] = b
		return
	}
	p.total += len(b)
	if len(b) <= longest {
		p.most = max(p.most, len(b))
	}
	x.send(b)
}

// do is what the application and the kernel do.
func (p *player) do(f []string, line string) {
	p.t.Helper()
	w, a := p.w, p.w.app
	rest := func(n int) string { // what follows the first n words
		return strings.Join(strings.SplitN(line, " ", n+1)[n:], "")
	}
	switch f[0] {
	case "turn": // LINE ; LINE ...: all in one turn
		for _, l := range strings.Split(rest(1), " ; ") {
			p.do(strings.Fields(l), l)
		}
	case "loop": // NAME LOOP: where it will be opened
		p.loops[f[1]], _ = strconv.Atoi(f[2])
	case "open": // NAME
		w.wire(f[1], p.loops[f[1]])
	case "stream": // NAME [SID]: a stream of packets is opened, for a session or a new one
		w.stream(f[1], strings.Join(f[2:], ""))
	case "hold", "release": // LOOP: it does not come to do its mail
		i, _ := strconv.Atoi(f[1])
		w.hosts[i].held = f[0] == "hold"
	case "foreign":
		w.foreign = true
	case "window": // NAME N: how many bytes the kernel takes; "all"
		n := -1
		if f[2] != "all" {
			n, _ = strconv.Atoi(f[2])
		}
		w.wires[f[1]].drain(n)
	case "break": // NAME: the next write fails
		w.wires[f[1]].breaks = true
	case "deaf": // NAME: it cannot be paused
		w.wires[f[1]].deaf = true
	case "stay": // NAME: it cannot be moved
		w.wires[f[1]].stay = true
	case "toomuch": // it brings a segment longer than may be carried
		x := w.wires[f[1]]
		x.conn.Receive(w.now, make([]byte, 2*w.hosts[0].cfg.Frames.MaxMessage+maxUnread))
		w.settle()
	case "late": // it still brings one segment while it is paused
		x := w.wires[f[1]]
		b := x.client.bytesOf(rest(2))
		x.conn.Receive(w.now, b)

	case "admit": // VERDICT, from now on
		a.verdict = p.verdict(f[1:], rest(2))
	case "decide": // VERDICT, about the oldest handshake that waits
		wait := a.waiting[0]
		a.waiting = a.waiting[1:]
		wait.c.Admitted(w.now, wait.ticket, p.verdict(f[1:], rest(2)))
	case "delay":
		a.delay = true
	case "grant": // NAMESPACE [refused]
		k := a.bid(f[1])
		if ok := k.session.Grant(w.now, &k.Socket, ""); ok != (len(f) == 2) {
			p.fatalf("Grant returned %v", ok)
		}
	case "deny": // NAMESPACE PAYLOAD
		k := a.bid(f[1])
		k.session.Deny(w.now, &k.Socket, f[1], []byte(rest(2)))
	case "full", "empty": // SOCKET
		a.socket(f[1]).SetFull(w.now, f[0] == "full")
	case "offloaded":
		a.offloaded()
	case "offloadedpanics":
		func() {
			defer func() { _ = recover() }()
			a.offloaded()
		}()
	case "busy": // nothing can be offloaded
		a.full = true

	case "emit", "volatile", "large", "largevolatile": // SOCKET PACKET
		k := a.socket(f[1])
		var flags broadcast.Flags
		if strings.HasSuffix(f[0], "volatile") {
			flags = broadcast.Volatile
		}
		if packet := spelled(rest(2)); f[0][0] == 'l' {
			k.SendMessage(broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), packet...), nil, true), flags)
		} else {
			k.Send(packet, flags, true)
		}
	case "all": // SOCKET N PACKET: so often, as one
		n, _ := strconv.Atoi(f[2])
		m := broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), spelled(rest(3))...), nil, true)
		a.socket(f[1]).SendAll(slices.Repeat([]*broadcast.Message{m}, n))
	case "pid": // SECRET, from now on
		a.pid = f[1]
	case "confirmed": // SESSION DURATION, since the beginning
		if d := time.Duration(max(a.session(f[1]).Confirmed()-begin, 0)); d.String() != f[2] {
			p.fatalf("it is %v", d)
		}
	case "plain": // SOCKET PACKET: not to be compressed
		a.socket(f[1]).Send(spelled(rest(2)), 0, false)
	case "plainlarge": // SOCKET PACKET
		a.socket(f[1]).SendMessage(broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), spelled(rest(2))...), nil, false), 0)
	case "attach": // SOCKET HEX PACKET
		buf := append(make([]byte, broadcast.HeaderSpace), spelled(rest(3))...)
		a.socket(f[1]).SendMessage(broadcast.NewMessage(buf, [][]byte{unhex(f[2])}, true), 0)
	case "flood": // SOCKET N PACKET: so often, in one turn
		n, _ := strconv.Atoi(f[2])
		packet := spelled(rest(3))
		for range n {
			a.socket(f[1]).Send(packet, 0, false)
		}
	case "cast": // NAMESPACE PACKET
		m := broadcast.NewMessage(append(make([]byte, broadcast.HeaderSpace), spelled(rest(2))...), nil, true)
		for _, s := range a.spaces[f[1]] {
			s.Shard.Deliver(&broadcast.Selection{Everyone: true}, m, 0)
		}
	case "join": // SOCKET ROOM
		k := a.socket(f[1])
		host := k.Session().Host().Index()
		k.Space().Shard.Join(&k.Member, a.dirs[k.Space().Name].Raise(f[2], host))
	case "ask": // SOCKET ID
		k := a.socket(f[1])
		id, _ := strconv.ParseInt(f[2], 10, 64)
		k.due++
		k.Expect(id, &ackWaiter{k, id})
	case "forget": // SOCKET ID
		k := a.socket(f[1])
		id, _ := strconv.ParseInt(f[2], 10, 64)
		if k.Forget(id) {
			k.due--
		}
	case "sent": // SESSION TAG
		a.session(f[1]).Sent(func(err error) { w.say("=", strings.TrimSuffix(fmt.Sprintf("sent %s: %v", f[2], err), ": <nil>")) })

	case "disconnect": // SOCKET [all]
		a.socket(f[1]).Disconnect(w.now, len(f) > 2, nil)
	case "shut": // SESSION: gracefully
		a.session(f[1]).Shut(w.now, ForcedClose, nil)
	case "close": // SESSION REASON
		a.session(f[1]).Close(w.now, Reason(rest(2)), nil)
	case "stop":
		w.closeAll(ServerShuttingDown)
	case "lives": // NAME LOOP
		if i := w.wires[f[1]].host.index; strconv.Itoa(i) != f[2] {
			p.fatalf("on %d", i)
		}
	case "is": // SESSION STATE TRANSPORT
		s := a.session(f[1])
		if s.ReadyState().String() != f[2] || s.Transport().String() != f[3] {
			p.fatalf("it is %v on %v", s.ReadyState(), s.Transport())
		}
	default:
		p.fatalf("not a line of a transcript")
	}
}

func (p *player) verdict(f []string, text string) Verdict {
	switch f[0] {
	case "yes":
		return Verdict{}
	case "no":
		return Verdict{State: Rejected, Text: text}
	case "id":
		return Verdict{SID: text}
	case "broken":
		return Verdict{State: Broken, Err: errors.New("no id")}
	case "later":
		return Verdict{State: Undecided}
	}
	p.fatalf("not a verdict")
	return Verdict{}
}

// playAll plays transcripts as tests of their names.
func playAll(t *testing.T, all map[string]transcript) {
	for name, tr := range all {
		t.Run(strings.ReplaceAll(name, " ", "_")+"/"+strings.ReplaceAll(tr.rows, " ", ","), func(t *testing.T) {
			t.Parallel()
			tr.play(t)
		})
	}
}

// TestPlayerFails makes sure that a transcript can fail: for a line that was not said,
// one that was said otherwise, and one that was said and not named.
func TestPlayerFails(t *testing.T) {
	open := `0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	for _, script := range []string{
		"a> OPEN\na< 200 " + open + "\na< 200 x",
		"a> OPEN\na< 200 " + open[:len(open)-1] + " }",
		"a> OPEN",
		"a> OPEN\na< 200 " + open + "\na~ Content-Type: text/html",
	} {
		var failed bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			inner := &testing.T{}
			defer func() { failed = inner.Failed() }()
			(&transcript{script: script}).perform(inner, "whole", manner{})
		}()
		<-done
		if !failed {
			t.Errorf("passes:\n%s", script)
		}
	}
	if !json.Valid([]byte(open[1:])) || !bytes.Contains(spelled("s1"), []byte("s1__")) {
		t.Error("the player cannot spell")
	}
}
