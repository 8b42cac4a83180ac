package session

import (
	"errors"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// ErrGone is what waits for the acknowledgement of a socket that ended.
var ErrGone = errors.New("socket has been disconnected")

// Expect registers w for the acknowledgement with the id. When the socket is not
// joined, w fails at once.
//
// Source: Socket.IO protocol 5, "Acknowledgement".
func (k *Socket) Expect(id int64, w Waiter) bool {
	if k.state != Joined {
		w.Failed(k, ErrGone)
		return false
	}
	if k.acks == nil {
		k.acks = make(map[int64]Waiter)
	}
	k.acks[id] = w
	return true
}

// Forget takes back an Expect. No method of the waiter is called. It reports
// whether the acknowledgement was still due.
func (k *Socket) Forget(id int64) bool {
	_, ok := k.acks[id]
	k.forget(id)
	return ok
}

// forget lets the table go with its last entry: between two questions a socket has
// none.
func (k *Socket) forget(id int64) {
	delete(k.acks, id)
	if len(k.acks) == 0 {
		k.acks = nil
	}
}

// acked is an acknowledgement. One that nobody waits for is ignored.
func (k *Socket) acked(id int64, args *socketio.Args, attachments [][]byte) {
	w, ok := k.acks[id]
	if !ok {
		return
	}
	k.forget(id)
	w.Acked(k, args, attachments)
}

// Due is the number of acknowledgements that are due.
func (k *Socket) Due() int { return len(k.acks) }
