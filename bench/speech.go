package bench

import (
	"bytes"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// speech is a broadcast as it is sent and as it is delivered. Each loop has its
// own.
type speech struct {
	out, in *stencil // in is the packet without the Engine.IO digit
	name    string   // of the event that is delivered
	roomAt  int      // of the room's number in out

	namespace string
	reading   reading
}

// newSpeech makes the stencils for deliveries of size bytes.
func newSpeech(c *client.Config, o *Options, size int, stamped bool) (*speech, error) {
	frame := c.Prefix('2', 0) + "[" + quoted(o.Events.BroadcastReply) + `,""]`
	body, err := payload(frame, size, stamped)
	if err != nil {
		return nil, err
	}
	head := c.Prefix('2', 0) + "[" + quoted(o.Events.Broadcast) + `,"`
	return &speech{
		out:  newStencil(head + roomName(0) + `","` + body + `"]`),
		in:   newStencil(c.Prefix('2', 0)[1:] + "[" + quoted(o.Events.BroadcastReply) + `,"` + body + `"]`),
		name: o.Events.BroadcastReply,

		namespace: c.Namespace,
		roomAt:    len(head) + len(roomName(0)) - idDigits,
	}, nil
}

// to fills in what number seq of the session id is as it is sent to a room, its
// latency counting from stamp, and returns it, valid until the next call.
func (s *speech) to(room int, seq uint32, id int, stamp time.Duration) []byte {
	s.out.setStamp(int64(stamp))
	putDigits(s.out.text[s.roomAt:s.roomAt+idDigits], uint64(room))
	return s.out.set(seq, id)
}

// A delivery is what a stamped speech says to its receivers.
type delivery struct {
	seq   uint32
	id    int           // of the sender
	stamp time.Duration // of [reactor.Loop.Clock], when it was due or sent
}

// take reads a delivery that is stamped. What is anything else is counted as the
// error that it is.
func (s *speech) take(w *worker, packet []byte) (d delivery, ok bool) {
	// The fields stand where they stand in the stencil; with them filled in, all
	// else has to be equal.
	if in := s.in; len(packet) == len(in.text) {
		seq, ok1 := digits(packet[in.seqAt[0] : in.seqAt[0]+seqDigits])
		id, ok2 := digits(packet[in.idAt : in.idAt+idDigits])
		stamp, ok3 := digits(packet[in.stampAt : in.stampAt+stampDigits])
		if ok1 && ok2 && ok3 && seq < 1<<32 {
			in.setStamp(int64(stamp))
			if bytes.Equal(packet, in.set(uint32(seq), int(id))) {
				return delivery{uint32(seq), int(id), time.Duration(stamp)}, true
			}
		}
	}
	return s.examine(w, packet)
}

// examine takes a packet that is not byte by byte the expected one.
func (s *speech) examine(w *worker, packet []byte) (d delivery, ok bool) {
	r := &s.reading
	if wrong, detail := r.read(packet, s.namespace, socketio.Event, s.name); wrong != "" {
		w.fail(wrong, detail)
		return d, false
	}
	d.seq, d.id, ok = r.fields()
	if ok {
		const at = 1 + seqDigits + 1 + idDigits + 1 // behind the quote
		if raw := r.args.At(1); len(raw) > at+stampDigits {
			var stamp uint64
			stamp, ok = digits(raw[at : at+stampDigits])
			d.stamp = time.Duration(stamp)
		}
	}
	s.in.setStamp(int64(d.stamp))
	if !ok || !r.means(s.in.set(d.seq, d.id), s.name) {
		w.fail(Corrupt, client.Quote(packet))
		return d, false
	}
	w.respelled++
	return d, true
}

// numbered reads a delivery that is not stamped, of the sender 0. What is anything
// else is counted as the error that it is.
func (s *speech) numbered(w *worker, packet []byte) (seq uint32, ok bool) {
	if in := s.in; len(packet) == len(in.text) {
		n, ok := digits(packet[in.seqAt[0] : in.seqAt[0]+seqDigits])
		if ok && n < 1<<32 && bytes.Equal(packet, in.set(uint32(n), 0)) {
			return uint32(n), true
		}
	}
	r := &s.reading
	if wrong, detail := r.read(packet, s.namespace, socketio.Event, s.name); wrong != "" {
		w.fail(wrong, detail)
		return 0, false
	}
	seq, _, ok = r.fields()
	if !ok || !r.means(s.in.set(seq, 0), s.name) {
		w.fail(Corrupt, client.Quote(packet))
		return 0, false
	}
	w.respelled++
	return seq, true
}
