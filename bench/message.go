package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Names of errors that scenarios count beside those of the client.
const (
	Lost       = "lost"             // no answer or delivery, to the end or for [Options.Timeout]
	Duplicated = "duplicated"       // the same once more
	Reordered  = "reordered"        // before one that was sent earlier
	Corrupt    = "corrupt payload"  // not what was sent
	WrongEvent = "wrong event"      // another name, type or number of arguments
	NotAsked   = "never sent"       // an answer to nothing
	Late       = "late"             // after more than [Options.Late], or after it counted as lost
	Overrun    = "too many waiting" // the open loop had to leave a message out
	NotJoined  = "join not answered"
	WrongRoom  = "wrong room" // a delivery for another room
	NoSender   = "sender closed"
)

// Widths of the fields of a payload, in digits.
const (
	seqDigits   = 10
	idDigits    = 6
	stampDigits = 15
)

// A stencil is a message with places for its sequence number, the number of its
// connection and its time, all in digits of fixed width, so that filling it in
// or reading it is a copy of a few bytes. seq may stand in several places.
type stencil struct {
	text    []byte
	seqAt   []int
	idAt    int // -1: has none
	stampAt int
}

// Marks of the fields in the text that newStencil takes: bytes that no JSON
// text of ours holds.
const (
	seqMark   = "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
	idMark    = "\x02\x02\x02\x02\x02\x02"
	stampMark = "\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03\x03"
)

func newStencil(text string) *stencil {
	s := &stencil{text: []byte(text), idAt: strings.Index(text, idMark), stampAt: strings.Index(text, stampMark)}
	for at := 0; ; {
		i := strings.Index(text[at:], seqMark)
		if i < 0 {
			break
		}
		s.seqAt = append(s.seqAt, at+i)
		at += i + seqDigits
	}
	s.set(0, 0)
	if s.stampAt >= 0 {
		putDigits(s.text[s.stampAt:s.stampAt+stampDigits], 0)
	}
	return s
}

// set fills in seq and id and returns the text, valid until the next set.
func (s *stencil) set(seq uint32, id int) []byte {
	for _, at := range s.seqAt {
		putDigits(s.text[at:at+seqDigits], uint64(seq))
	}
	if s.idAt >= 0 {
		putDigits(s.text[s.idAt:s.idAt+idDigits], uint64(id))
	}
	return s.text
}

// setStamp fills in the time, in nanoseconds.
func (s *stencil) setStamp(ns int64) { putDigits(s.text[s.stampAt:s.stampAt+stampDigits], uint64(ns)) }

func putDigits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
}

// digits reads a field; ok is false if it holds anything but digits.
func digits(b []byte) (n uint64, ok bool) {
	for _, c := range b {
		if c -= '0'; c > 9 {
			return 0, false
		} else {
			n = n*10 + uint64(c)
		}
	}
	return n, len(b) > 0
}

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// filler is n bytes that are the same every time and need no escapes.
func filler(n int) string {
	return strings.Repeat(alphabet, n/len(alphabet)+1)[:n]
}

// quoted is s as a JSON string.
func quoted(s string) string { return string(socketio.AppendString(nil, s)) }

// payload is the string argument of a message so that frame, the text around it,
// and it are size bytes together; with a field for the time if stamped. It is
// an error if size has no room for the fields.
func payload(frame string, size int, stamped bool) (string, error) {
	fields := seqMark + "." + idMark + "."
	if stamped {
		fields += stampMark + "."
	}
	room := size - len(frame)
	if room < len(fields) {
		return "", fmt.Errorf("%w: size %d: this message needs at least %d bytes", ErrUsage, size, len(frame)+len(fields))
	}
	if size > 16<<20 {
		return "", fmt.Errorf("%w: size %d: must be at most %d", ErrUsage, size, 16<<20)
	}
	return fields + filler(room-len(fields)), nil
}

// readFields reads the fields at the start of a payload string.
func readFields(s []byte) (seq uint32, id int, ok bool) {
	if len(s) < seqDigits+1+idDigits {
		return 0, 0, false
	}
	n, ok1 := digits(s[:seqDigits])
	k, ok2 := digits(s[seqDigits+1 : seqDigits+1+idDigits])
	return uint32(n), int(k), ok1 && ok2 && n < 1<<32
}

// largeObject is a JSON object of 1 KiB in the shape that the package comment
// gives, spelled as JSON.stringify and most encoders of a struct spell it, so
// that it comes back byte by byte. Its fields are in "name".
func largeObject() string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":1234567890,"name":"%s.%s.","tags":["alpha","beta","gamma delta","Grüße"],"attrs":{"zone":"north \"five\""},"items":[`, seqMark, idMark)
	for i := range 14 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"label":"item %d","x":%d.5,"y":-%d.25}`, 1000+i, i, i*10, i*3+1)
	}
	const end = `,{"id":9999,"label":"","x":0.125,"y":0.0625}]}`
	label := filler(1024 - b.Len() - len(end))
	b.WriteString(strings.Replace(end, `""`, `"`+label+`"`, 1))
	return b.String()
}

// A sequence watches numbers that should come in order, each once.
type sequence struct {
	want uint32          // the next one in order
	gaps map[uint32]bool // before want, and not there: whether given up; nil when there are none
}

// arrive takes seq, of which next is the first not sent yet, and returns the
// name of the error, "" if there is none. counts is false if it is to be
// ignored: it came before, was never sent, or was given up. Numbers that are
// jumped over are no error yet: they are [Reordered] when they come, and [Lost] when
// they are given up or at the end.
func (s *sequence) arrive(seq, next uint32) (name string, counts bool) {
	switch {
	case int32(seq-next) >= 0:
		return NotAsked, false
	case seq == s.want:
		s.want++
		return "", true
	case int32(seq-s.want) > 0:
		if s.gaps == nil {
			s.gaps = map[uint32]bool{}
		}
		for ; s.want != seq; s.want++ {
			s.gaps[s.want] = false
		}
		s.want++
		return "", true
	}
	givenUp, ok := s.gaps[seq]
	if !ok {
		return Duplicated, false
	}
	delete(s.gaps, seq)
	if givenUp {
		return Late, false
	}
	return Reordered, true
}

// giveUp gives up those before a number that have not come, and returns them, which
// the caller has to count. Should they come yet, they are [Late].
func (s *sequence) giveUp(before uint32) (lost []uint32) {
	for seq, givenUp := range s.gaps {
		if !givenUp && int32(seq-before) < 0 {
			lost = append(lost, seq)
		}
	}
	for ; int32(s.want-before) < 0; s.want++ {
		lost = append(lost, s.want)
	}
	if len(lost) > 0 && s.gaps == nil {
		s.gaps = map[uint32]bool{}
	}
	for _, seq := range lost {
		s.gaps[seq] = true
	}
	return lost
}

// missing is how many of those before next have not come, and are not given up.
func (s *sequence) missing(next uint32) uint64 {
	n := uint64(next - s.want)
	for _, givenUp := range s.gaps {
		if !givenUp {
			n++
		}
	}
	return n
}

// sameJSON says whether two JSON texts mean the same, however they are spelled.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// reading is a packet taken apart, for the rare case that it is not byte by byte
// the one expected.
type reading struct {
	packet socketio.Packet
	args   socketio.Args
	first  int // argument 0 is the event's name: 1, else 0
}

// read takes packet apart. name is the event it has to be, empty for an
// acknowledgement. It returns an error's name and detail if the packet is not
// what it should be by its head.
func (r *reading) read(packet []byte, namespace string, t socketio.Type, name string) (wrong, detail string) {
	var err error
	if r.packet, err = socketio.Parse(packet, socketio.DefaultMaxAttachments); err == nil {
		err = r.packet.Check(&r.args)
	}
	if err != nil {
		return client.BadPacket, fmt.Sprintf("%v: %s", err, client.Quote(packet))
	}
	if r.packet.Type != t || string(r.packet.Namespace) != namespace {
		return WrongEvent, client.Quote(packet)
	}
	r.first = 0
	if t == socketio.Event || t == socketio.BinaryEvent {
		r.first = 1
		var got string
		if json.Unmarshal(r.args.At(0), &got) != nil {
			got = string(r.args.At(0))
		}
		if got != name {
			return WrongEvent, client.Quote(packet)
		}
	}
	if r.args.Len() != r.first+1 {
		return WrongEvent, fmt.Sprintf("%d arguments: %s", r.args.Len()-r.first, client.Quote(packet))
	}
	return "", ""
}

// means says whether what was read is the packet expected, however its argument is
// spelled. name is as in read.
func (r *reading) means(expected []byte, name string) bool {
	var want reading
	wrong, _ := want.read(expected, string(r.packet.Namespace), r.packet.Type, name)
	return wrong == "" && want.packet.ID == r.packet.ID && sameJSON(want.args.At(want.first), r.args.At(r.first))
}

// fields reads sequence and connection number out of the argument: at the start
// of a string, or of the member "name" of an object.
func (r *reading) fields() (seq uint32, id int, ok bool) {
	raw := r.args.At(r.first)
	var s string
	if json.Unmarshal(raw, &s) != nil {
		var object struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(raw, &object) != nil {
			return 0, 0, false
		}
		s = object.Name
	}
	return readFields([]byte(s))
}
