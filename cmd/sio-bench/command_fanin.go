package main

import "github.com/e6a90ca8/sio/bench"

type fanInCommand struct {
	common
	Collectors int     `short:"C" default:"1" help:"Collectors, beside -c senders that are shared out among them (${default})." placeholder:"N"`
	InFlight   int     `short:"k" default:"1" help:"Events of each sender under way: the next is sent when one has arrived (${default})." placeholder:"N"`
	Rate       float64 `short:"r" help:"Events per second over all senders, sent when they are due whatever arrives; latency counts from then." placeholder:"N"`
	Size       int     `short:"s" default:"64" help:"Bytes of a delivered packet on the wire (${default})." placeholder:"BYTES"`
}

func (c *fanInCommand) shared() *common { return &c.common }

func (c *fanInCommand) scenario() bench.Scenario {
	return &bench.FanIn{Collectors: c.Collectors, InFlight: c.InFlight, Rate: c.Rate, Size: c.Size}
}

func (*fanInCommand) Help() string {
	return `Each collector is alone in a room, and its senders broadcast to it. Costs are per event that arrived;
latency is from sender to collector. For each sender, what is lost, doubled or out of order is counted.

Examples:
  sio-bench fanin :3000 -c 1000 --in-flight 4 --pid 4711
  sio-bench fanin :3000 -c 500 --collectors 5 --rate 20000`
}

func (c *fanInCommand) Run(a *app) error { return a.scenario(c) }
