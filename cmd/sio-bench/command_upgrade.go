package main

import "github.com/e6a90ca8/sio/bench"

type upgradeCommand struct {
	common
	Depth  int  `short:"D" default:"4" help:"Messages under way on each connection (${default})." placeholder:"N"`
	Size   int  `short:"s" default:"64" help:"Bytes of a packet on the wire; of the attachment with --binary (${default})." placeholder:"BYTES"`
	Ack    bool `xor:"kind" help:"Have the event acknowledged rather than answered by an event."`
	Binary bool `xor:"kind" help:"Send an attachment."`
}

func (c *upgradeCommand) shared() *common { return &c.common }

func (c *upgradeCommand) scenario() bench.Scenario {
	kind := bench.Event
	switch {
	case c.Ack:
		kind = bench.Ack
	case c.Binary:
		kind = bench.Binary
	}
	return &bench.Upgrade{Kind: kind, Depth: c.Depth, Size: c.Size}
}

func (*upgradeCommand) Help() string {
	return `Each connection begins with polling, has messages under way in both directions while it moves to a WebSocket,
and says goodbye when all are answered, to begin anew. None may be lost, doubled or out of order. The transport
is always upgrade.

Example:
  sio-bench upgrade :3000 -c 100 --depth 8 --pid 4711`
}

func (c *upgradeCommand) Run(a *app) error { return a.scenario(c) }
