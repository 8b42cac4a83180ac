package siotest

import (
	"errors"
	"slices"

	"github.com/e6a90ca8/sio/codec/engineio"
)

// upgrade moves the session from polling to a WebSocket, as the official client does:
// the WebSocket is probed; when it answers, no further request is made; when those
// under way are back, the server is told. What is to be sent meanwhile waits.
//
// Source: Engine.IO protocol 4, "Upgrade".
func (c *conn) upgrade() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return ErrClosed
	case c.poll == nil || c.probe != nil:
		return errors.New("siotest: the connection does not poll")
	case !slices.Contains(c.hs.Upgrades, "websocket"):
		return errors.New("siotest: the server offers no upgrade")
	}
	l, err := c.openWS("")
	if err != nil {
		return err
	}
	c.probe = l
	if !c.wait(func() bool { return c.probe != l }) {
		l.fail(ErrTimeout)
	}
	if c.ws == l {
		return nil
	}
	return l.err
}

// probed takes a packet on the probing WebSocket, with mu held.
func (l *wsLink) probed(p engineio.Packet) {
	c := l.c
	if p.Type != engineio.Pong || string(p.Data) != engineio.ProbeData {
		c.broken("%v packet %q on a WebSocket that probes", p.Type, p.Data)
		return
	}
	c.poll.pausing = true
	c.moveOn()
}

// moveOn makes the probing WebSocket the transport once no request is under way, with
// mu held.
func (c *conn) moveOn() {
	l, p := c.probe, c.poll
	if c.over || l == nil || p.getting || p.posting {
		return
	}
	l.write([]frame{{data: []byte(engineio.UpgradePacket)}})
	c.ws, c.poll, c.probe = l, nil, nil
	if len(p.out) > 0 {
		l.write(p.out)
	}
	p.shut()
	c.cond.Broadcast()
}

// fail is the end of a probing WebSocket, with mu held: polling goes on.
func (l *wsLink) fail(err error) {
	c := l.c
	if c.probe != l {
		return
	}
	c.probe, l.err = nil, err
	l.pipe.Close()
	if p := c.poll; p != nil && p.pausing && !c.over {
		p.pausing = false
		if !p.getting {
			p.poll()
		}
		p.flush()
	}
	c.cond.Broadcast()
}
