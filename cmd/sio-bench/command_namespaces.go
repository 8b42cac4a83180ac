package main

import "github.com/e6a90ca8/sio/bench"

type namespacesCommand struct {
	common
	Count  int    `short:"N" default:"10" help:"Namespaces that each connection is in (${default})." placeholder:"N"`
	Prefix string `default:"/bench-" help:"Their names in front of a number; -n and a path in the URL do not count." placeholder:"/NAME"`
	Ack    bool   `help:"Have the event acknowledged rather than answered by an event."`
	Depth  int    `short:"D" default:"1" help:"Messages under way of each connection in each namespace (${default})." placeholder:"N"`
	Size   int    `short:"s" default:"96" help:"Bytes of a packet on the wire (${default})." placeholder:"BYTES"`
}

func (c *namespacesCommand) shared() *common { return &c.common }

func (c *namespacesCommand) scenario() bench.Scenario {
	kind := bench.Event
	if c.Ack {
		kind = bench.Ack
	}
	return &bench.Namespaces{Count: c.Count, Prefix: c.Prefix, Kind: kind, Depth: c.Depth, Size: c.Size}
}

func (*namespacesCommand) Help() string {
	return `Each connection enters /bench-0, /bench-1 and so on, and has messages answered in each of them. An answer in
another namespace than its message is an error. "enter" is the time from asking for a further namespace, all
at once, to being let in.

Example:
  sio-bench namespaces :3000 -c 100 --count 50 --pid 4711`
}

func (c *namespacesCommand) Run(a *app) error { return a.scenario(c) }
