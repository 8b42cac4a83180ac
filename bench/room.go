package bench

import (
	"bytes"
	"fmt"

	"github.com/e6a90ca8/sio/bench/internal/client"
)

// request is an event that names a room and is acknowledged, with one id for all
// of its kind: a session has at most one of each kind under way.
type request struct {
	ask    string // the packet up to the room's name
	answer []byte // what the acknowledgement starts with, without the Engine.IO digit
}

// The acknowledgement ids of requests.
const (
	joinID  = "0"
	leaveID = "1"
)

func newRequest(c *client.Config, id, event string) *request {
	return &request{
		ask:    c.Prefix('2', 0) + id + "[" + quoted(event) + ",",
		answer: []byte(c.Prefix('3', 0)[1:] + id + "["),
	}
}

// packet is the request for a room.
func (r *request) packet(room string) []byte { return []byte(r.ask + quoted(room) + "]") }

// answers says whether packet is the acknowledgement.
func (r *request) answers(packet []byte) bool { return bytes.HasPrefix(packet, r.answer) }

// entrance is how the members of a scenario get into a room: they ask, and are
// open once that is acknowledged.
type entrance struct{ join *request }

func newEntrance(c *client.Config, o *Options) *entrance {
	return &entrance{newRequest(c, joinID, o.Events.Join)}
}

// enter asks for room on behalf of p, which is ready.
func (e *entrance) enter(p *peer, room string) {
	p.w.connected(p)
	p.Send(e.join.packet(room))
}

// entered takes p's first packet, which has to be the acknowledgement.
func (e *entrance) entered(p *peer, packet []byte) {
	if !e.join.answers(packet) {
		err := &client.Error{Name: WrongEvent, Detail: "in place of the acknowledgement of a join: " + client.Quote(packet)}
		p.Abort()
		p.w.closed(p, err)
		return
	}
	p.w.opened(p)
}

// roomName is the name of room i. Names have one length, so that all packets do.
func roomName(i int) string { return fmt.Sprintf("room-%06d", i) }
