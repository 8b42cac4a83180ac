package bench

import (
	"bytes"
	"fmt"

	"github.com/e6a90ca8/sio/bench/internal/client"
)

// entrance is how the members of a scenario get into a room: they ask, and are
// open once that is acknowledged.
type entrance struct {
	ask    string // the packet up to the room's name
	answer []byte // what the acknowledgement starts with, without the Engine.IO digit
}

// joinID is the acknowledgement id of the one join of a session.
const joinID = "0"

func newEntrance(c *client.Config, o *Options) *entrance {
	return &entrance{
		ask:    c.Prefix('2', 0) + joinID + "[" + quoted(o.Events.Join) + ",",
		answer: []byte(c.Prefix('3', 0)[1:] + joinID + "["),
	}
}

// enter asks for room on behalf of p, which is ready.
func (e *entrance) enter(p *peer, room string) {
	p.w.connected(p)
	p.Send([]byte(e.ask + quoted(room) + "]"))
}

// entered takes p's first packet, which has to be the acknowledgement.
func (e *entrance) entered(p *peer, packet []byte) {
	if !bytes.HasPrefix(packet, e.answer) {
		err := &client.Error{Name: WrongEvent, Detail: "in place of the acknowledgement of a join: " + client.Quote(packet)}
		p.Abort()
		p.w.closed(p, err)
		return
	}
	p.w.opened(p)
}

// roomName is the name of room i. Names have one length, so that all packets do.
func roomName(i int) string { return fmt.Sprintf("room-%06d", i) }
