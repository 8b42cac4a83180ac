package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

type stormCommand struct {
	common
	Cut     string        `help:"Connect first, hold for -w, then cut off this share without a word and have it come back." placeholder:"PERCENT%"`
	Backoff string        `default:"official" enum:"official,none" help:"How long clients wait before they come back, or try again: as the official client does (1 s, doubling up to 5 s, each varied by up to half), or none."`
	Rate    float64       `short:"r" help:"Clients that begin to connect per second, without --cut; by default all at once." placeholder:"N"`
	Within  time.Duration `default:"1m" help:"By when the last has to be there; who is not is an error."`

	share float64
}

func (c *stormCommand) shared() *common { return &c.common }

// AfterApply is kong's hook for checks.
func (c *stormCommand) AfterApply() (err error) {
	if c.Cut != "" {
		c.share, err = parseShare(c.Cut)
	}
	return err
}

func (c *stormCommand) scenario() bench.Scenario {
	return &bench.Storm{Reconnect: c.Cut != "", Cut: c.share, AtOnce: c.Backoff == "none", Rate: c.Rate, Within: c.Within, Seed: c.Seed}
}

func (*stormCommand) Help() string {
	return `All -c clients connect at once, or are cut off and come back. -d does not count: a storm is over when the last
client is there. Attempts that failed are made again and told; --concurrency bounds only what is connected
before a cut.

Examples:
  sio-bench storm :3000 -c 10000 --pid 4711
  sio-bench storm :3000 -c 10000 --rate 2000
  sio-bench storm :3000 -c 10000 --cut 100% --pid 4711
  sio-bench storm :3000 -c 5000 --cut 20% --backoff none`
}

func (c *stormCommand) Run(a *app) error { return a.scenario(c) }

// parseShare reads a percentage, more than 0 and at most 100, as a share.
func parseShare(text string) (float64, error) {
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(percent > 0 && percent <= 100) {
		return 0, fmt.Errorf("%q: must be a percentage, more than 0%% and at most 100%%", text)
	}
	return percent / 100, nil
}
