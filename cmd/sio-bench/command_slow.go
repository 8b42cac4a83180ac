package main

import (
	"fmt"

	"github.com/e6a90ca8/sio/bench"
)

type slowCommand struct {
	common
	Slow     string  `default:"5%" help:"Share of the connections that are slow, at least one (${default})." placeholder:"PERCENT%"`
	SlowRate string  `help:"Bytes per second that each of them reads; by default none at all." placeholder:"SIZE"`
	InFlight int     `short:"k" default:"1" help:"Broadcasts under way: the next is sent when the last one who is not slow has one (${default})." placeholder:"N"`
	Rate     float64 `short:"r" help:"Broadcasts per second, sent when they are due whatever has come." placeholder:"N"`
	Size     int     `short:"s" default:"4096" help:"Bytes of a delivered packet on the wire (${default})." placeholder:"BYTES"`

	share    float64
	readRate int
}

func (c *slowCommand) shared() *common { return &c.common }

// AfterApply is kong's hook for checks.
func (c *slowCommand) AfterApply() (err error) {
	if c.share, err = parseShare(c.Slow); err != nil {
		return fmt.Errorf("--slow: %w", err)
	}
	if c.SlowRate != "" {
		if c.readRate, err = parseSize(c.SlowRate); err != nil {
			return fmt.Errorf("--slow-rate: %w", err)
		}
	}
	return nil
}

func (c *slowCommand) scenario() bench.Scenario {
	return &bench.Slow{Share: c.share, ReadRate: c.readRate, InFlight: c.InFlight, Rate: c.Rate, Size: c.Size}
}

func (*slowCommand) Help() string {
	return `One connection broadcasts to a room of all, of which some stop reading. The delivery to the others is what is
measured; what becomes of the slow ones is told: ended by the server, and after how long, or kept, and with
--pid what memory that took. Those kept read all at the end, and must get everything.

Examples:
  sio-bench slow :3000 -c 500 -d 60s --pid 4711
  sio-bench slow :3000 -c 500 --slow 10% --slow-rate 10KiB --pid 4711`
}

func (c *slowCommand) Run(a *app) error { return a.scenario(c) }
