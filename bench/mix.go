package bench

import (
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/mix"
)

// A Mix is several names by share. Its Pick says which one a client has, by its
// number and a seed: of each run of as many clients as there are parts, every name
// gets exactly its share.
type Mix = mix.Mix

// ParseMix reads a name alone, or "websocket=70,polling=20,upgrade=10". Shares are
// whole numbers, with or without a percent sign, and need not add up to 100.
func ParseMix(text string) (Mix, error) { return mix.Parse(text) }

// A Template is a text that differs from one client to the next.
type Template = fill.Template

// NewTemplate compiles a text of package text/template, which sees
//
//	{{.ID}}            number of the client, 0, 1, … over the whole run
//	{{.Proc}}          number of the generator's process, 0, 1, …
//	{{.Run}}           [Options.RunName], the same for all clients
//	{{.Row "column"}}  from the row of [Options.Data] that the client was dealt
//
// and may call, besides that package's functions, env NAME, randInt LOW HIGH,
// randHex DIGITS, upper, lower, trim, json (a JSON string with its quotes), base64,
// add and mod. What it draws is the same for the same client, seed and text. A text
// without places to fill in costs nothing.
func NewTemplate(text string) (*Template, error) { return fill.New(text) }

// byTransport is the time to connect by transport, where there is more than one.
type byTransport map[client.Transport]*hist.Histogram

func newByTransport(c *client.Config) byTransport {
	if c.Transports.One() {
		return nil
	}
	s := byTransport{}
	for _, name := range c.Transports.Names() {
		s[client.Transport(name)] = &hist.Histogram{}
	}
	return s
}

// record counts a connect. A nil one tells nothing apart.
func (s byTransport) record(t client.Transport, d time.Duration) {
	if s != nil {
		s[t].Record(d)
	}
}

// clients adds how the clients speak, and what each transport takes to connect.
func (res *Result) clients(r *run) {
	c := r.config
	res.Parameters["transport"] = c.Transports.String()
	if !c.Parsers.One() || c.Parsers[0].Name != client.JSON {
		res.Parameters["parser"] = c.Parsers.String()
	}
	if !c.Transports.One() || !c.Parsers.One() {
		res.Parameters["seed"] = r.options.Seed
	}
	if c.Protocol != 4 {
		res.Parameters["eio"] = c.Protocol
	}
	if r.options.Compress {
		res.Parameters["compress"] = true
	}
	var upgrade hist.Histogram
	all := newByTransport(c)
	r.each(func(w *worker) {
		upgrade.Merge(&w.env.Upgraded)
		for t, h := range w.ways {
			all[t].Merge(h)
		}
	})
	for _, name := range c.Transports.Names() {
		if h := all[client.Transport(name)]; h != nil && h.Count() > 0 {
			res.Latencies = append(res.Latencies, newLatency("connect "+name, h))
		}
	}
	if upgrade.Count() > 0 {
		res.Latencies = append(res.Latencies, newLatency("upgrade", &upgrade))
	}
}
