package main

import (
	"time"

	"github.com/e6a90ca8/sio/bench"
)

type recoveryCommand struct {
	common
	Every time.Duration `default:"2s" help:"From a return to the next cut."`
	Away  time.Duration `default:"500ms" help:"From a cut to the return; 0s for none."`
	Rate  float64       `short:"r" default:"100" help:"Broadcasts per second (${default})." placeholder:"N"`
	Size  int           `short:"s" default:"64" help:"Bytes of a delivered packet on the wire, without its offset (${default})." placeholder:"BYTES"`
}

func (c *recoveryCommand) shared() *common { return &c.common }

func (c *recoveryCommand) scenario() bench.Scenario {
	away := c.Away
	if away == 0 {
		away = -1 // 0 means the default to package bench
	}
	return &bench.Recovery{Every: c.Every, Away: away, Rate: c.Rate, Size: c.Size}
}

func (*recoveryCommand) Help() string {
	return `All connections are in one room with a stream of broadcasts; each is cut off again and again, and comes back
with what the server, which needs connection state recovery, told it for that. It must then get what it has
missed, once and in order. Who is not recovered begins anew, and is counted apart.

Example:
  sio-bench recovery :3000 -c 500 --every 2s --away 500ms --rate 200 --pid 4711`
}

func (c *recoveryCommand) Run(a *app) error { return a.scenario(c) }
