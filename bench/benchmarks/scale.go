package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

// scaleFile is the result of bench/scale among the results, scaleSuite its name among the
// suites.
const (
	scaleSuite = "scale"
	scaleFile  = scaleSuite + ".json"
)

// scale is a result of bench/scale, as far as the page shows it or it is raw; see there.
type scale struct {
	Started     time.Time         `json:"started"`
	Environment bench.Environment `json:"environment"`
	Server      []string          `json:"server"`
	Steps       []scaleStep       `json:"steps"`
	Flat        []struct {
		Figure string  `json:"figure"`
		First  float64 `json:"first"`
		Last   float64 `json:"last"`
		Ratio  float64 `json:"last_to_first"`
		Most   float64 `json:"largest_to_smallest"`
	} `json:"flat,omitempty"`
	Errors uint64 `json:"errors"`
}

type scaleStep struct {
	Conns     int               `json:"connections"`
	Processes int               `json:"processes"`
	Each      []json.RawMessage `json:"each,omitempty"` // what was seen of each process: raw
	Figures   struct {
		RSS         float64 `json:"rss_per_connection"`
		RSSAdded    float64 `json:"rss_per_connection_added"`
		RestCPU     float64 `json:"rest_cpu_us"`
		DeliveryCPU float64 `json:"delivery_cpu_us"`
		LastP50     float64 `json:"last_receiver_p50_us"`
	} `json:"figures"`
}

// scaleAim is how much a figure may grow from the first step to the last.
const scaleAim = 1.1

func readScale(name string) (*scale, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s := new(scale)
	if err := json.Unmarshal(text, s); err != nil || len(s.Steps) == 0 {
		return nil, fmt.Errorf("%s: not of bench/scale (%v)", name, err)
	}
	return s, nil
}

// takeScale keeps what the page shows and what it was computed from, a line a process.
func takeScale(from, to string) error {
	s, err := readScale(from)
	if err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	for _, begin := range []string{`{"connections":`, `{"figure":`} {
		text = bytes.ReplaceAll(text, []byte(begin), []byte("\n"+begin))
	}
	return os.WriteFile(to, append(text, '\n'), 0o644)
}

// ofScale takes a goal's figures from a result of bench/scale: how a figure has grown from
// the first step to the last.
func (o *outcome) ofScale(s *scale) {
	if s == nil {
		o.why = "no results of " + scaleSuite
		return
	}
	for _, f := range s.Flat {
		if f.Figure == o.Metric {
			_, o.unit, _ = strings.Cut(f.Figure, ", ")
			o.figure = bench.NewSpread([]float64{f.Last})
			o.judged = bench.NewSpread([]float64{f.Ratio})
			return
		}
	}
	o.why = fmt.Sprintf("%s has no %q", scaleSuite, o.Metric)
}

// ScaleFromFull is how often the CPU of a delivery at the last step is that of one process
// that is as full as those of the last; empty if there is no such step.
func (p *page) ScaleFromFull() string {
	if p.scale == nil {
		return ""
	}
	last := p.scale.Steps[len(p.scale.Steps)-1]
	for _, at := range p.scale.Steps {
		if at.Processes == 1 && last.Processes > 1 && at.Conns*last.Processes == last.Conns && at.Figures.DeliveryCPU > 0 {
			return fmt.Sprintf("%.2f", last.Figures.DeliveryCPU/at.Figures.DeliveryCPU)
		}
	}
	return ""
}

// Scale is the table of bench/scale; empty if it was not run.
func (p *page) Scale() string {
	s := p.scale
	if s == nil {
		return ""
	}
	var b strings.Builder
	e := s.Environment
	fmt.Fprintf(&b, "%s, %d cores of %s, %s, built with %s, %s; `%s`; ", s.Started.Format("2006-01-02 15:04 MST"), e.Cores, e.Processor, e.Kernel, e.Go, revision(&e), strings.Join(s.Server, " "))
	if s.Errors == 0 {
		b.WriteString("no errors.\n\n")
	} else {
		fmt.Fprintf(&b, "**%d errors**.\n\n", s.Errors)
	}
	b.WriteString("| connections | processes | RSS a connection, B | of those added, B | CPU at rest, a connection and second, us | CPU a delivery, us | last receiver p50, ms |\n|---:|---:|---:|---:|---:|---:|---:|")
	for _, at := range s.Steps {
		f := at.Figures
		fmt.Fprintf(&b, "\n| %s | %d | %s | %s | %s | %s | %s |", strings.TrimSuffix(number(float64(at.Conns)), ".0"), at.Processes,
			number(f.RSS), number(f.RSSAdded), number(f.RestCPU), number(f.DeliveryCPU), number(f.LastP50/1000))
	}
	b.WriteString("\n")
	for _, f := range s.Flat {
		word := "met"
		if f.Ratio > scaleAim {
			word = "**missed**"
		}
		fmt.Fprintf(&b, "\n- %s: %s at first, %s at last, %.2f times; %.2f from the smallest to the largest. %s", f.Figure, number(f.First), number(f.Last), f.Ratio, f.Most, word)
	}
	return b.String()
}
