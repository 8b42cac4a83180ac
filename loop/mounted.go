package loop

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/panjf2000/gnet/v2"
)

// runMounted runs the loops without listeners, until Stop is called. What gnet calls a
// client is an engine that does not listen.
func (g *Group) runMounted() error {
	e := &engine{g: g}
	e.first.Do(func() {}) // started is when all loops are there
	c, err := gnet.NewClient(e,
		gnet.WithNumEventLoop(len(g.loops)),
		gnet.WithTicker(true),
		gnet.WithLogger(gnetLogger{g.logger}),
	)
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	if err := g.findLoops(func(s *scout, nc net.Conn) error {
		_, err := c.EnrollContext(nc, s)
		return err
	}); err != nil {
		_ = c.Stop()
		return err
	}
	close(g.started)
	<-g.quit
	return c.Stop()
}

// A scout is a connection that is only there to make a loop known: gnet has no list of its
// event loops, but puts each new connection on the one that has the fewest.
type scout struct{}

var errScouts = errors.New("no event loop takes a connection")

// findLoops makes the loops that no connection has come to. register gives a connection to
// gnet, with its context, and returns when it has arrived. On a server with clients gnet may
// prefer some loops: those that are not found are left for their first client.
func (g *Group) findLoops(register func(s *scout, nc net.Conn) error) error {
	var ours []io.Closer
	defer func() {
		for _, c := range ours {
			_ = c.Close()
		}
	}()
	for range 4 * len(g.loops) {
		if g.Loop(len(g.loops)-1) != nil { // they are numbered as they are found
			break
		}
		c, nc, err := scoutPair()
		if err != nil {
			return err
		}
		ours = append(ours, c)
		if err := register(new(scout), nc); err != nil {
			return err
		}
	}
	if g.Loop(0) == nil {
		return errScouts
	}
	return nil
}

// summoned sees to it that there are loops for requests that net/http has read, on a server
// that listens, too, and may not have had a client yet.
func (g *Group) summoned() {
	g.summon.Do(func() {
		g.mu.Lock()
		eng, listens := g.engine, g.addrs != nil
		g.mu.Unlock()
		if !listens || g.closing.Load() {
			return
		}
		g.passing.Add(1) // the engine does not end meanwhile
		defer g.passing.Add(-1)
		if g.sealed.Load() {
			return
		}
		if err := g.findLoops(func(s *scout, nc net.Conn) error {
			result, err := eng.Register(gnet.NewContext(gnet.NewNetConnContext(context.Background(), nc), s))
			if err != nil {
				_ = nc.Close()
				return err
			}
			select {
			case r := <-result:
				return r.Err
			case <-g.done:
				return ErrStopped
			}
		}); err != nil {
			g.logger.Warn("sio: not all event loops are used by mounted connections", "err", err)
		}
	})
}
