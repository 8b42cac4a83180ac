package main

import "github.com/e6a90ca8/sio/bench"

type churnCommand struct {
	common
	Rooms int     `short:"R" default:"10" help:"Rooms (${default})." placeholder:"N"`
	Rate  float64 `short:"r" help:"Broadcasts per second over all rooms; by default 100 for each room." placeholder:"N"`
	Stay  int     `default:"1" help:"Broadcasts that a connection waits for before it leaves; 0 to leave at once (${default})." placeholder:"N"`
	Size  int     `short:"s" default:"64" help:"Bytes of a delivered packet on the wire (${default})." placeholder:"BYTES"`
}

func (c *churnCommand) shared() *common { return &c.common }

func (c *churnCommand) scenario() bench.Scenario {
	stay := c.Stay
	if stay == 0 {
		stay = -1 // 0 means the default to package bench
	}
	return &bench.Churn{Rooms: c.Rooms, Rate: c.Rate, Stay: stay, Size: c.Size}
}

func (*churnCommand) Help() string {
	return `Every connection joins a room, stays until it has heard --stay broadcasts, leaves, and joins the next; one
more connection broadcasts into the rooms in turn. Costs are per stay. What is sent to a member must come, and
nothing may come once the leave was acknowledged.

Example:
  sio-bench churn :3000 -c 1000 --rooms 20 --pid 4711`
}

func (c *churnCommand) Run(a *app) error { return a.scenario(c) }
