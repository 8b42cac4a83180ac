package bench

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
	"github.com/e6a90ca8/sio/bench/internal/plot"
)

// Health is how the generator itself fared in the window, and what that means for
// the figures.
type Health struct {
	// Verdict is "ok"; "busy" when latencies hold a part of the generator's own
	// delay; "limit" when throughput and latency are the generator's and not the
	// server's. The server's cost per operation stands in any case.
	Verdict string   `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"` // why it is not "ok"

	Loops   []LoopHealth `json:"loops"`
	LagP99  float64      `json:"lag_p99_us"`            // of the loops' timers
	LagMax  float64      `json:"lag_max_us"`            //
	SendP99 float64      `json:"send_p99_us,omitempty"` // of sending, in an open loop
	Unsent  uint64       `json:"unsent,omitempty"`      // messages of an open loop that were due in the window, and were never sent
	FDs     int          `json:"fds,omitempty"`         // the most that were open
	FDLimit uint64       `json:"fd_limit,omitempty"`

	// Ports is how many connections there have been at a time, at the most, from the
	// source address that had the most of them, PortsFrom; empty: that which the system
	// has chosen. PortRange is how many one address can have to a server's; 0: not known.
	// Ports that rest after a connection are not counted: where that leaves none, it is an
	// error.
	Ports     int    `json:"ports,omitempty"`
	PortsFrom string `json:"ports_from,omitempty"`
	PortRange int    `json:"port_range,omitempty"`
}

// LoopHealth is one loop's part of it.
type LoopHealth struct {
	Cores  float64 `json:"cores,omitempty"` // processor seconds per second; 0: not told
	LagP99 float64 `json:"lag_p99_us"`
}

// The bounds of the verdicts.
const (
	generatorFull = 0.8 // of a core, by one loop: the limit
	generatorBusy = 0.6

	lagLimit = 5 * time.Millisecond // of sending in an open loop, at the 99th percentile: the limit
	lateBusy = 5 * time.Millisecond // of a loop's timers, at the 99th percentile: busy
	fdsBusy  = 0.9                  // of the descriptors that may be open

	portsBusy = 0.9 // of the ports that an address has
)

// The verdicts, from good to bad.
const (
	healthOK    = "ok"
	healthBusy  = "busy"
	healthLimit = "limit"
)

// tookText is a duration as reports write them, in three digits.
func tookText(d time.Duration) string { return plot.Text(plot.Micros, us(d)) }

// briefly is a duration that somebody has chosen, without the zeros behind it: 2m for
// what Go writes as 2m0s.
func briefly(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// limit adds a reason for the worst verdict, busy one for the middle one.
func (h *Health) limit(format string, args ...any) {
	h.Verdict = healthLimit
	h.Reasons = append(h.Reasons, fmt.Sprintf(format, args...))
}

func (h *Health) busy(format string, args ...any) {
	if h.Verdict == healthOK {
		h.Verdict = healthBusy
	}
	h.Reasons = append(h.Reasons, fmt.Sprintf(format, args...))
}

// health judges the generator by what its loops and the system say, and warns
// loudly if it was the limit.
func (r *run) health(res *Result) {
	h := &Health{Verdict: healthOK}
	res.Generator = h
	var late, lag hist.Histogram
	r.each(func(w *worker) {
		l := LoopHealth{LagP99: us(w.late.Quantile(0.99))}
		if cpu := w.cpuEnd - w.cpuBegin; cpu > 0 && res.Elapsed > 0 {
			l.Cores = cpu.Seconds() / res.Elapsed
		}
		h.Loops = append(h.Loops, l)
		late.Merge(&w.late)
		lag.Merge(&w.lag)
		h.Unsent += w.unsent
	})
	h.LagP99, h.LagMax, h.SendP99 = us(late.Quantile(0.99)), us(late.Max()), us(lag.Quantile(0.99))
	for i := range res.Series {
		h.FDs = max(h.FDs, res.Series[i].Client.FDs)
	}
	h.FDLimit = descriptorLimit()

	share, place := h.share(res.Client)
	switch {
	case share > generatorFull:
		h.limit("loop %d took %.0f %% of a core", place, 100*share)
	case share > generatorBusy:
		h.busy("loop %d took %.0f %% of a core", place, 100*share)
	}
	if p99 := lag.Quantile(0.99); p99 > lagLimit {
		h.limit("1 %% of the messages were sent %s or more after they were due", tookText(p99))
	}
	if h.Unsent > 0 {
		h.limit("%d messages that were due in the window were never sent", h.Unsent)
	}
	if p99 := late.Quantile(0.99); p99 > lateBusy {
		h.busy("1 %% of the looks at the clock came %s or more after they were due: the machine has too little to give", tookText(p99))
	}
	res.Warnings = append(res.Warnings, h.warnings(share, len(r.workers))...)
	if h.FDLimit > 0 && float64(h.FDs) > fdsBusy*float64(h.FDLimit) {
		h.busy("%d of %d descriptors were open", h.FDs, h.FDLimit)
	}
	h.PortRange = portRange()
	r.ports(h)
	h.judgePorts()
}

// ports finds the source address with the most connections.
func (r *run) ports(h *Health) {
	var taken []int
	r.each(func(w *worker) {
		for i, n := range w.loop.Taken() {
			if i == len(taken) {
				taken = append(taken, 0)
			}
			taken[i] += n
		}
	})
	for i, n := range taken {
		if n > h.Ports {
			h.Ports = n
			if len(r.sources) > 0 {
				h.PortsFrom = r.sources[i].String()
			}
		}
	}
}

// portsTaken is what the reason says that is about ports.
const portsTaken = "ports were taken of"

// judgePorts looks whether an address had enough of them.
func (h *Health) judgePorts() {
	if h.PortRange > 0 && float64(h.Ports) > portsBusy*float64(h.PortRange) {
		from := "one address"
		if h.PortsFrom != "" {
			from = h.PortsFrom
		}
		h.busy("%d of %d %s %s", h.Ports, h.PortRange, portsTaken, from)
	}
}

// portRange is from how many ports the system chooses for connections to one address of a
// server's, 0 if it does not say.
func portRange() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range") // Linux's, of both families
	if err != nil {
		return 0
	}
	var low, high int
	if n, _ := fmt.Sscan(string(text), &low, &high); n != 2 || high < low {
		return 0
	}
	return high - low + 1
}

// share is the most of a core that a loop took, and which; client is the process of
// these loops, for systems that tell of processes only.
func (h *Health) share(client *Usage) (share float64, place int) {
	for i, l := range h.Loops {
		if l.Cores > share {
			share, place = l.Cores, i
		}
	}
	if share == 0 && client != nil {
		share = client.Cores / float64(max(1, len(h.Loops)))
	}
	return share, place
}

// How warnings about the generator begin.
const (
	warnLimit  = "THE GENERATOR WAS THE LIMIT"
	warnLate   = "THE GENERATOR WAS LATE"
	warnWaited = "the generator was kept waiting by the machine"
)

// warnings are those that follow from h, of processes with so many loops each, of
// which the busiest took share of a core.
func (h *Health) warnings(share float64, loops int) (list []string) {
	text := func(us float64) string { return plot.Text(plot.Micros, us) }
	if share > generatorFull {
		list = append(list, fmt.Sprintf(
			"%s: it took %.0f %% of a core for one of its loops; throughput and latency are its own, not the server's (try --loops %d, or less load)",
			warnLimit, 100*share, 2*loops))
	}
	if h.SendP99 > us(lagLimit) {
		list = append(list, fmt.Sprintf("%s: 1 %% of the messages were sent %s or more after they were due", warnLate, text(h.SendP99)))
	}
	if h.Unsent > 0 {
		list = append(list, fmt.Sprintf("%s: %d messages that were due in the window were never sent, and are in no latency", warnLate, h.Unsent))
	}
	if h.LagP99 > us(lateBusy) {
		list = append(list, fmt.Sprintf("%s, %s or more in 1 %% of its looks: latencies have that in them", warnWaited, text(h.LagP99)))
	}
	return list
}
