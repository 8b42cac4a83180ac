package bench

import (
	"fmt"

	"github.com/e6a90ca8/sio/bench/internal/client"
)

// patient is a member that waits for what it has sent before it sends more. While
// messages are sent, giveUp is called every Timeout/patrolSteps: what is older than
// [Options.Timeout] counts as [Lost] then, once, and no longer holds up what comes
// behind it. Should it come yet, it is [Late].
type patient interface {
	member
	giveUp()
}

// patrolSteps is how often a loop looks at its members within a Timeout: what is
// given up is at most a patrolSteps-th older.
const patrolSteps = 4

// marks are how far somebody had come at the last looks of the patrol, so that it
// takes no time for each message to know which are old.
type marks [patrolSteps]uint32

// pass takes the first number that is not sent yet, and returns what that was a
// Timeout ago. Once each patrol.
func (m *marks) pass(next uint32) (old uint32) {
	old = m[0]
	copy(m[:], m[1:])
	m[patrolSteps-1] = next
	return old
}

// goAhead has messages be sent, and the patrol watch over them. Loop only.
func (w *worker) goAhead() {
	w.sending = true
	w.armPatrol()
}

func (w *worker) armPatrol() { w.patrol.Arm(w.loop.Now() + w.run.options.patience/patrolSteps) }

// lookAround is what patrol runs.
func (w *worker) lookAround() {
	opening := w.settled != nil && w.greeting
	if opening {
		w.endLate()
	}
	if w.sending {
		for _, m := range w.members {
			if m, ok := m.(patient); ok {
				m.giveUp()
			}
		}
	}
	if opening || w.sending {
		w.armPatrol()
	}
}

// endLate ends members that are connected but were not opened in time: the client
// watches over handshakes, for a Timeout, and the scenario's own first steps come after,
// which have another.
func (w *worker) endLate() {
	most := 2 * w.run.options.Timeout
	for _, m := range w.members[:w.next] {
		if p := m.base(); p.opening && p.Live() && w.loop.Now()-p.started > most {
			p.Abort()
			m.Closed(&p.Session, &client.Error{Name: NotJoined, Detail: fmt.Sprintf("connection %d: its first steps were not all answered within %s of the connect", p.id, briefly(most))})
		}
	}
}
