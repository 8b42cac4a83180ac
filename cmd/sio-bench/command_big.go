package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

type bigCommand struct {
	common
	Sizes  string `short:"s" default:"1KiB,64KiB,900KiB" help:"Bytes of a packet on the wire, one size after another; of the attachment with --binary (${default})." placeholder:"SIZE,SIZE,…"`
	Binary bool   `help:"Send an attachment in place of a string."`
	Depth  int    `short:"D" default:"1" help:"Messages under way on each connection (${default})." placeholder:"N"`

	sizes []int
}

func (c *bigCommand) shared() *common { return &c.common }

// AfterApply is kong's hook for checks. A hundred connections with a message of a
// megabyte each measure memory above all: without -c there are ten.
func (c *bigCommand) AfterApply(line *kong.Context) error {
	if !flagGiven(line, "conns") {
		c.Conns = 10
	}
	for text := range strings.SplitSeq(c.Sizes, ",") {
		n, err := parseSize(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("--sizes: %w", err)
		}
		c.sizes = append(c.sizes, n)
	}
	return nil
}

func (c *bigCommand) scenario() bench.Scenario {
	return &bench.Big{Sizes: c.sizes, Binary: c.Binary, Depth: c.Depth}
}

func (*bigCommand) Help() string {
	return `Each size has the same part of -d. There are 10 connections if -c is not given. The reference server takes
messages of up to 1,000,000 bytes unless it is told otherwise.

Examples:
  sio-bench big :3000 --pid 4711
  sio-bench big :3000 --binary --sizes 16KiB,256KiB -c 50`
}

func (c *bigCommand) Run(a *app) error { return a.scenario(c) }

// flagGiven says whether a flag stands on the line, rather than following from
// its default.
func flagGiven(line *kong.Context, name string) bool {
	for _, p := range line.Path {
		if p.Flag != nil && p.Flag.Name == name {
			return true
		}
	}
	return false
}

// units of a size, the longer name first where one ends in another.
var units = []struct {
	name  string
	bytes int
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"kB", 1000}, {"MB", 1_000_000}, {"B", 1}, {"", 1}}

// parseSize reads a number of bytes, with a unit behind it if wished: KiB, MiB,
// kB, MB or B.
func parseSize(text string) (int, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if err != nil || n < 1 || n > 1<<30 {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q: must be a number of bytes, like 4096 or 64KiB", text)
}
