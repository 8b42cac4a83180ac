package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/script"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// BadTemplate is counted when a template of a [Script] cannot be filled in.
const BadTemplate = "template"

func (a *actor) Text(_ *client.Session, packet []byte) {
	s := a.stage
	if a.owed || a.skip > 0 {
		a.owed, a.skip = false, 0
		s.fail(WrongEvent, "in place of an attachment: "+client.Quote(packet))
	}
	if a.left > 0 && a.seq.want != a.next {
		if l := a.line(); l.in != nil && l.data == nil && l.step.Op == script.Echo && bytes.Equal(packet, l.in.set(a.seq.want, a.id)) {
			a.seq.want++
			a.answered()
			return
		}
	}
	if b := a.play.binary; b != nil && bytes.Equal(packet, b.in.text) {
		a.owed = true
		return
	}
	a.examine(packet)
}

// examine takes a packet that is not byte by byte the next answer.
func (a *actor) examine(packet []byte) {
	s := a.stage
	var args socketio.Args
	p, err := socketio.Parse(packet, socketio.DefaultMaxAttachments)
	if err == nil {
		err = p.Check(&args)
	}
	switch {
	case err != nil:
		s.fail(client.BadPacket, fmt.Sprintf("%v: %s", err, client.Quote(packet)))
	case string(p.Namespace) != a.play.namespace:
		s.fail(WrongEvent, client.Quote(packet))
	case p.Type == socketio.Ack || p.Type == socketio.BinaryAck:
		a.skip = uint16(p.Attachments)
		a.acknowledged(&p, packet)
	case p.Type == socketio.Event || p.Type == socketio.BinaryEvent:
		a.skip = uint16(p.Attachments)
		a.event(&p, &args, packet)
	default:
		s.fail(WrongEvent, client.Quote(packet))
	}
}

// numbered takes the number of an answer, and says whether it belongs to the step
// in hand and comes for the first time.
func (a *actor) numbered(n uint32, packet []byte) bool {
	old := int32(n-a.first) < 0 || a.left == 0
	wrong, counts := a.seq.arrive(n, a.next)
	if wrong != "" {
		a.stage.fail(wrong, fmt.Sprintf("client %d: answer %d came, %d was next: %s", a.number, n, a.seq.want, client.Quote(packet)))
	}
	return counts && !old
}

// acknowledged takes an acknowledgement.
func (a *actor) acknowledged(p *socketio.Packet, packet []byte) {
	s := a.stage
	n := p.ID - 1e10 // what ackBase stands for
	if n < 0 || n >= 1<<32 {
		s.fail(NotAsked, client.Quote(packet))
		return
	}
	var l *line
	if a.left > 0 && int32(uint32(n)-a.first) >= 0 {
		l = a.line()
		if wrong := l.misread(p, uint32(n), a.id, packet); wrong != "" {
			s.fail(wrong, client.Quote(packet))
			return
		}
	}
	if !a.numbered(uint32(n), packet) {
		return
	}
	if l.step.Op == script.Leave {
		a.loseGaps()
	}
	a.answered()
}

// misread is the name of what is wrong with an acknowledgement of the step.
func (l *line) misread(p *socketio.Packet, n uint32, id int, packet []byte) string {
	switch l.step.Op {
	case script.Echo:
		if l.answer != "" || l.data != nil {
			return WrongEvent
		}
		expected := l.in.set(n, id)
		if !bytes.Equal(packet, expected) {
			want, err := socketio.Parse(expected, 0)
			if err != nil || !sameJSON(want.Data, p.Data) {
				return Corrupt
			}
		}
	case script.Emit:
		if !l.step.Ack {
			return WrongEvent
		}
		if l.step.Expect != "" && !sameJSON([]byte(l.step.Expect), p.Data) {
			return Corrupt
		}
	case script.Join, script.Leave:
	default:
		return WrongEvent
	}
	return ""
}

// event takes an event.
func (a *actor) event(p *socketio.Packet, args *socketio.Args, packet []byte) {
	s := a.stage
	var name string
	if json.Unmarshal(args.At(0), &name) != nil {
		s.fail(client.BadPacket, client.Quote(packet))
		return
	}
	if a.left > 0 {
		switch l := a.line(); {
		case l.step.Op == script.Emit && l.answer == name:
			a.replied(l, args, packet)
			return
		case l.step.Op == script.Wait && l.step.Event == name:
			a.answered()
			return
		}
	}
	o := &s.run.options.Events
	switch slot, known := a.play.listen[name]; {
	case known && slot >= 0:
		a.heard[slot] = min(a.heard[slot], 254) + 1
	case known:
	case name == o.BroadcastReply:
		a.delivered(args, packet)
	case name == o.EchoReply || name == o.ObjectReply:
		a.echoed(name, packet)
	default:
		s.fail(WrongEvent, client.Quote(packet))
	}
}

// replied takes the event that an emit waits for.
func (a *actor) replied(l *line, args *socketio.Args, packet []byte) {
	if l.step.Expect != "" {
		got := []byte{'['}
		for i := 1; i < args.Len(); i++ {
			if i > 1 {
				got = append(got, ',')
			}
			got = append(got, args.At(i)...)
		}
		if !sameJSON([]byte(l.step.Expect), append(got, ']')) {
			a.stage.fail(Corrupt, client.Quote(packet))
			return
		}
	}
	if a.numbered(a.first, packet) {
		a.answered()
	}
}

// echoed takes the answer to an echo that is spelled in other bytes, or is not
// the next one.
func (a *actor) echoed(name string, packet []byte) {
	s := a.stage
	var r reading
	if wrong, detail := r.read(packet, a.play.namespace, socketio.Event, name); wrong != "" {
		s.fail(wrong, detail)
		return
	}
	n, id, ok := r.fields()
	if !ok || id != a.id {
		s.fail(Corrupt, client.Quote(packet))
		return
	}
	if l := a.line(); a.left > 0 && int32(n-a.first) >= 0 && int32(n-a.next) < 0 {
		if l.step.Op != script.Echo || l.answer != name || l.data != nil {
			s.fail(WrongEvent, client.Quote(packet))
			return
		}
		if expected := l.in.set(n, a.id); !bytes.Equal(packet, expected) {
			if !r.means(expected, name) {
				s.fail(Corrupt, client.Quote(packet))
				return
			}
			s.respelled++
		}
	}
	if a.numbered(n, packet) {
		a.answered()
	}
}

func (a *actor) Binary(_ *client.Session, data []byte) {
	s := a.stage
	switch {
	case a.skip > 0:
		a.skip--
		return
	case !a.owed:
		a.peer.Binary(&a.Session, data)
		return
	}
	a.owed = false
	n, id, ok := readFields(data)
	if !ok || id != a.id {
		s.fail(Corrupt, client.Quote(data))
		return
	}
	if l := a.line(); a.left > 0 && int32(n-a.first) >= 0 && int32(n-a.next) < 0 && (l.data == nil || !bytes.Equal(data, l.data.set(n, a.id))) {
		s.fail(Corrupt, client.Quote(data))
		return
	}
	if a.numbered(n, data) {
		a.answered()
	}
}

// maxSenders bounds the senders that one receiver watches; what comes from others
// is looked at for itself only.
const maxSenders = 4096

// delivered takes a broadcast: a copy of one's own, or another's.
func (a *actor) delivered(args *socketio.Args, packet []byte) {
	s := a.stage
	l, n, id, stamp := s.speechOf(args)
	if l == nil {
		s.fail(Corrupt, client.Quote(packet))
		return
	}
	l.in.setStamp(int64(stamp))
	if expected := l.in.set(n, id); !bytes.Equal(packet, expected) {
		var r reading
		if wrong, detail := r.read(packet, a.play.namespace, socketio.Event, s.run.options.Events.BroadcastReply); wrong != "" {
			s.fail(wrong, detail)
			return
		}
		if !r.means(expected, s.run.options.Events.BroadcastReply) {
			s.fail(Corrupt, client.Quote(packet))
			return
		}
		s.respelled++
	}
	if !a.follows(l, n, id, packet) {
		return
	}
	s.record(deliveryStat, s.loop.Now()-stamp)
	if in := a.line(); id == a.id && a.left > 0 && in == l && a.said[l.place]-1 == n {
		a.seq.want = a.next
		a.answered()
	}
}

// speechOf reads the fields of a broadcast's payload. l is nil if it is none.
func (s *stage) speechOf(args *socketio.Args) (l *line, n uint32, id int, stamp time.Duration) {
	if args.Len() != 2 {
		return nil, 0, 0, 0
	}
	var text string
	if json.Unmarshal(args.At(1), &text) != nil {
		return nil, 0, 0, 0
	}
	const stampFrom = seqDigits + 1 + idDigits + 1
	const speechFrom = stampFrom + stampDigits + 1
	n, id, ok := readFields([]byte(text))
	if !ok || len(text) < speechFrom+speechDigits {
		return nil, 0, 0, 0
	}
	at, ok1 := digits([]byte(text[stampFrom : stampFrom+stampDigits]))
	number, ok2 := digits([]byte(text[speechFrom : speechFrom+speechDigits]))
	if !ok1 || !ok2 || number >= uint64(len(s.speech)) {
		return nil, 0, 0, 0
	}
	return s.speech[number], n, id, time.Duration(at)
}

// hearing is what a receiver knows of one sender's broadcasts.
type hearing struct {
	sequence
	first uint32 // the earliest that has come
}

// follows says whether broadcast n of a line and sender is one that has not come
// before. The first that comes from a sender is where its order begins: one that was
// sent earlier and comes later is out of order.
func (a *actor) follows(l *line, n uint32, id int, packet []byte) bool {
	key := uint64(id)<<16 | uint64(l.number)
	q := a.from[key]
	if q == nil {
		if len(a.from) >= maxSenders {
			return true
		}
		if a.from == nil {
			a.from = map[uint64]*hearing{}
		}
		a.from[key] = &hearing{sequence{want: n + 1}, n}
		return true
	}
	if int32(n-q.want) >= maxWaiting { // the sender has another session
		q.want = n + 1
		return true
	}
	wrong, counts := Reordered, true
	if before := int32(q.first - n); before > 0 && before < maxWaiting {
		q.first = n
	} else {
		wrong, counts = q.arrive(n, q.want+maxWaiting)
	}
	if wrong != "" {
		a.stage.fail(wrong, fmt.Sprintf("client %d: broadcast %d of connection %d came, %d was next: %s", a.number, n, id, q.want, client.Quote(packet)))
	}
	return counts
}

// loseGaps counts the broadcasts that were jumped over, and forgets all senders:
// in another room, or another session, their order begins anew.
func (a *actor) loseGaps() {
	var n uint64
	for _, q := range a.from {
		n += uint64(len(q.gaps))
	}
	a.from = nil
	a.stage.failN(Lost, fmt.Sprintf("client %d: broadcasts between others that came", a.number), n)
}
