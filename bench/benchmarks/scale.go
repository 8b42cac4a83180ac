package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench"
)

// scaleFile is the result of bench/scale among the results.
const scaleFile = "scale.json"

// scale is what the page shows of a result of bench/scale; see there.
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
	Conns     int `json:"connections"`
	Processes int `json:"processes"`
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

// takeScale keeps what the page shows.
func takeScale(from, to string) error {
	s, err := readScale(from)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, '\n'), 0o644)
}

// Scale is the table of bench/scale; empty if it was not run.
func (p *page) Scale() string {
	s := p.scale
	if s == nil {
		return ""
	}
	var b strings.Builder
	e := s.Environment
	fmt.Fprintf(&b, "%s, %d cores of %s, %s; `%s`; ", s.Started.Format("2006-01-02 15:04 MST"), e.Cores, e.Processor, e.Kernel, strings.Join(s.Server, " "))
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
