package benchtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Kind is what goes wrong with a reply: with the answer to an event, an
// acknowledgement that has arguments, or one delivery of a broadcast, each with
// its attachments.
type Kind string

const (
	Lost    Kind = "lost"    // it is not sent
	Doubled Kind = "doubled" // it is sent twice

	// Swapped: it is sent behind the next one that the same client's message
	// causes for the same receiver and namespace. Where none comes for swapPatience
	// it is sent late, and does not count: a client has to have two messages under
	// way.
	Swapped Kind = "swapped"

	// Late: it is sent [Plant.LateBy] later, and so is all behind it; the order
	// stays.
	Late Kind = "late"

	// Corrupted: one character of its last string is another, or the last byte of
	// its last attachment.
	Corrupted Kind = "corrupted"
)

// Kinds are all there are.
var Kinds = []Kind{Lost, Doubled, Swapped, Late, Corrupted}

// Defaults of [Plant].
const (
	DefaultEvery  = 100
	DefaultLateBy = 500 * time.Millisecond
)

// swapPatience is how long a reply waits for the one it is swapped with.
const swapPatience = 100 * time.Millisecond

// Plant makes one reply in Every go wrong: the first Every have one such, the
// next have one, and so on. Which of them it is, is drawn by Seed.
type Plant struct {
	Kind   Kind
	Every  int           // default [DefaultEvery]
	LateBy time.Duration // default [DefaultLateBy]
	Seed   uint64
}

// ParsePlant reads a kind, with =1/N behind it for another share than one in a
// hundred.
func ParsePlant(text string) (Plant, error) {
	kind, share, given := strings.Cut(text, "=")
	p := Plant{Kind: Kind(kind)}
	if given {
		n, err := strconv.Atoi(strings.TrimPrefix(share, "1/"))
		if err != nil || n < 1 || !strings.HasPrefix(share, "1/") {
			return Plant{}, fmt.Errorf("fault %q: the share must be 1/N", text)
		}
		p.Every = n
	}
	return p, p.check()
}

func (p Plant) check() error {
	if p.Kind != "" && !slices.Contains(Kinds, p.Kind) {
		return fmt.Errorf("fault %q: must be one of %v", p.Kind, Kinds)
	}
	if p.Every < 0 || p.LateBy < 0 {
		return errors.New("fault: its share and lateness must not be negative")
	}
	return nil
}

// planter decides which replies go wrong. Any goroutine.
type planter struct {
	Plant

	mu      sync.Mutex
	random  *rand.Rand
	seen    int    // replies of the current Every
	at      int    // which of them is next to go wrong
	owed    int    // those that could not, for instance because nothing can be swapped
	planted uint64 // so far
}

func newPlanter(p Plant) (*planter, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Every == 0 {
		p.Every = DefaultEvery
	}
	if p.LateBy == 0 {
		p.LateBy = DefaultLateBy
	}
	return &planter{Plant: p, random: rand.New(rand.NewPCG(p.Seed, 0))}, nil
}

func (p *planter) count() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.planted
}

// turn says whether this reply is one that goes wrong, if it can.
func (p *planter) turn(can bool) bool {
	if p.Kind == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == 0 {
		p.at = p.random.IntN(p.Every)
	}
	if p.seen == p.at {
		p.owed++
	}
	if p.seen++; p.seen == p.Every {
		p.seen = 0
	}
	if p.owed == 0 || !can {
		return false
	}
	p.owed--
	if p.Kind != Swapped { // those count when they are
		p.planted++
	}
	return true
}

// held is a reply that waits for the one it is swapped with.
type held struct {
	packets []string
	to      string // namespace: in others there is an order of their own
	from    *session
	timer   *time.Timer
}

// namespaceOf is where a message goes.
func namespaceOf(packets []string) string {
	p, err := socketio.Parse([]byte(packets[0][1:]), socketio.DefaultMaxAttachments)
	if err != nil {
		return ""
	}
	return string(p.Namespace)
}

// reply sends one message to c because of one that from has sent, or does with
// it what the plant says.
func (s *Server) reply(c, from *session, packets []string) {
	p := s.planter
	switch p.Kind {
	case Swapped:
		s.swap(c, from, packets)
		return
	case Corrupted:
		if wrong := corrupted(packets, s.options.Recovery > 0); p.turn(wrong != nil) {
			packets = wrong
		}
	case Lost:
		if p.turn(true) {
			return
		}
	case Doubled:
		if p.turn(true) {
			c.emit(packets...)
		}
	case Late:
		if p.turn(true) {
			c.sendAt(time.Now().Add(p.LateBy), packets...)
			return
		}
	}
	c.emit(packets...)
}

// swap is reply where replies are swapped. A sender's own copy of a broadcast is
// left alone as long as there are others: the sender may wait for it before it
// sends what it could be swapped with.
func (s *Server) swap(c, from *session, packets []string) {
	c.mu.Lock()
	to := namespaceOf(packets)
	if h := c.held; h != nil && h.from == from && h.to == to && !c.over {
		h.timer.Stop()
		c.held = nil
		c.mu.Unlock()
		c.emit(packets...)
		c.emit(h.packets...)
		s.planter.mu.Lock()
		s.planter.planted++
		s.planter.mu.Unlock()
		return
	}
	own := c == from && strings.Contains(packets[0], `["broadcast",`)
	if c.held != nil || c.over || !s.planter.turn(!own) {
		c.mu.Unlock()
		c.emit(packets...)
		return
	}
	h := &held{packets: packets, to: to, from: from}
	h.timer = time.AfterFunc(swapPatience, func() {
		c.mu.Lock() // to the end: what comes meanwhile must not overtake it, which nobody would count
		defer c.mu.Unlock()
		if c.held == h {
			c.held = nil
			c.put(time.Time{}, c.faulty(h.packets)...)
		}
	})
	c.held = h
	c.mu.Unlock()
}

// corrupted is a message with one character changed; nil if it has none that can
// be. stamped says that an offset is its last string: it is for nobody to read.
func corrupted(packets []string, stamped bool) []string {
	wrong := slices.Clone(packets)
	last := len(wrong) - 1
	if last > 0 {
		p, err := engineio.Parse([]byte(wrong[last]))
		if err != nil || !p.Binary || len(p.Data) == 0 {
			return nil
		}
		data := bytes.Clone(p.Data)
		data[len(data)-1] ^= 1
		wrong[last] = string(engineio.AppendBinary(nil, data))
		return wrong
	}
	text := []byte(wrong[0])
	end := bytes.LastIndexByte(text, '"')
	if stamped {
		end = max(0, bytes.LastIndex(text, []byte(`","`)))
	}
	for i := end - 1; i > 0 && text[i] != '"'; i-- {
		b := text[i] | 0x20
		if text[i-1] == '\\' || !('a' <= b && b <= 'z' || '0' <= b && b <= '9') {
			continue
		}
		// Another of its kind, and a hexadecimal digit if it was one.
		switch {
		case '0' <= b && b <= '9':
			text[i] ^= 1
		case b == 'f' || b == 'z':
			text[i]--
		default:
			text[i]++
		}
		wrong[0] = string(text)
		return wrong
	}
	return nil
}
