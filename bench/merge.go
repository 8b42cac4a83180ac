package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// add adds what other processes of the same run have to r, which is the leader's:
// counts, histograms, seconds and processor time. What only the leader measures,
// the server and the window, stays. keep says whether the seconds keep their
// histograms.
func (r *Result) add(others []*Result, keep bool) error {
	share, loops := 0.0, 1
	for _, o := range append([]*Result{r}, others...) {
		if o.Generator != nil {
			s, _ := o.Generator.share(o.Client)
			share, loops = max(share, s), len(o.Generator.Loops)
		}
	}
	for i, o := range others {
		if o.Operation != r.Operation {
			return fmt.Errorf("process %d counted %s, the leader %s", i+1, o.Operation, r.Operation)
		}
		r.Operations += o.Operations
		r.Respelled += o.Respelled
		r.Interrupted = r.Interrupted || o.Interrupted
		r.addErrors(o.Errors)
		r.addRetried(o.Retried)
		r.addParameters(o.Parameters)
		r.addClient(o, i+1)
	}
	if h := r.Generator; h != nil && !slices.ContainsFunc(h.Reasons, func(s string) bool { return strings.Contains(s, portsTaken) }) {
		h.judgePorts()
	}
	if r.Elapsed > 0 {
		r.Rate = float64(r.Operations) / r.Elapsed
	}
	r.Parameters["processes"] = len(others) + 1
	own := make(map[string]uint64)
	for _, l := range r.Latencies {
		own[l.Name] = l.Count
	}
	if err := r.addLatencies(others); err != nil {
		return err
	}
	if err := r.addPhases(others); err != nil {
		return err
	}
	if err := r.addSeries(others, keep); err != nil {
		return err
	}
	r.addMetrics(others, own)
	r.addWarnings(others, share, loops)
	return nil
}

// addWarnings adds what the others warn of, each once. What has figures of one
// process in it is said anew with those of all.
func (r *Result) addWarnings(others []*Result, share float64, loops int) {
	own := r.Warnings
	r.Warnings = nil
	slow := false
	for _, o := range append([]*Result{{Warnings: own}}, others...) {
		for _, text := range o.Warnings {
			slow = slow || strings.HasPrefix(text, warnRate)
			figures := slices.ContainsFunc([]string{warnLimit, warnLate, warnWaited, warnRate, warnRetried}, func(s string) bool { return strings.HasPrefix(text, s) })
			if !figures && !slices.Contains(r.Warnings, text) {
				r.Warnings = append(r.Warnings, text)
			}
		}
	}
	r.warnRetried()
	if r.Generator != nil {
		r.Warnings = append(r.Warnings, r.Generator.warnings(share, loops)...)
	}
	if rate, ok := r.Parameters["rate"].(float64); ok && slow {
		r.warnRate(rate, r.Operations)
	}
}

func (r *Result) addErrors(errors map[string]ErrorCount) {
	if r.Errors == nil {
		r.Errors = make(map[string]ErrorCount)
	}
	for name, e := range errors {
		if sum, ok := r.Errors[name]; ok {
			e.Count += sum.Count
			e.Example = sum.Example
		}
		r.Errors[name] = e
	}
}

func (r *Result) addRetried(attempts map[string]uint64) {
	for name, n := range attempts {
		if r.Retried == nil {
			r.Retried = make(map[string]uint64)
		}
		r.Retried[name] += n
	}
}

// addedParameters are those that were divided.
var addedParameters = []string{"connections", "concurrency", "rate", "rooms", "cycles", "collectors"}

func (r *Result) addParameters(other map[string]any) {
	number := func(v any) (float64, bool) {
		switch v := v.(type) {
		case int:
			return float64(v), true
		case float64: // so they come out of JSON
			return v, true
		}
		return 0, false
	}
	for _, name := range addedParameters {
		own, ok1 := number(r.Parameters[name])
		its, ok2 := number(other[name])
		if !ok1 || !ok2 {
			continue
		}
		if sum := own + its; sum == float64(int(sum)) && name != "rate" {
			r.Parameters[name] = int(sum)
		} else {
			r.Parameters[name] = sum
		}
	}
}

// addClient adds what the generator took, and how it fared.
func (r *Result) addClient(o *Result, process int) {
	if r.Client != nil && o.Client != nil {
		r.Client.CPU += o.Client.CPU
		r.Client.Cores += o.Client.Cores
	}
	h, g := r.Generator, o.Generator
	if h == nil || g == nil {
		return
	}
	order := []string{healthOK, healthBusy, healthLimit}
	if slices.Index(order, g.Verdict) > slices.Index(order, h.Verdict) {
		h.Verdict = g.Verdict
	}
	for _, why := range g.Reasons {
		h.Reasons = append(h.Reasons, fmt.Sprintf("process %d: %s", process, why))
	}
	h.Loops = append(h.Loops, g.Loops...)
	h.LagP99, h.LagMax, h.SendP99 = max(h.LagP99, g.LagP99), max(h.LagMax, g.LagMax), max(h.SendP99, g.SendP99)
	h.addPorts(g)
	h.Unsent += g.Unsent
	h.FDs = max(h.FDs, g.FDs)
}

// addPorts adds the connections that another process has had from the same address.
func (h *Health) addPorts(g *Health) {
	if g.PortsFrom == h.PortsFrom {
		h.Ports += g.Ports
	} else if g.Ports > h.Ports {
		h.Ports, h.PortsFrom = g.Ports, g.PortsFrom
	}
}

func (r *Result) addLatencies(others []*Result) (err error) {
	all := [][]Latency{r.Latencies}
	for _, o := range others {
		all = append(all, o.Latencies)
	}
	r.Latencies, err = mergedLatencies(all)
	return err
}

// mergedLatencies adds up latencies of the same names.
func mergedLatencies(all [][]Latency) (merged []Latency, err error) {
	var names []string
	for _, list := range all {
		for _, l := range list {
			if !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	for _, name := range names {
		var sum hist.Histogram
		for _, list := range all {
			for _, l := range list {
				if l.Name != name {
					continue
				}
				h, err := hist.Decode(l.Histogram)
				if err != nil {
					return nil, fmt.Errorf("latency %s: %w", name, err)
				}
				sum.Merge(h)
			}
		}
		merged = append(merged, newLatency(name, &sum))
	}
	return merged, nil
}

// addPhases adds up those of a [Script]. Those that the leader has not are left out.
func (r *Result) addPhases(others []*Result) error {
	for i := range r.Phases {
		p := &r.Phases[i]
		all := [][]Latency{p.Latencies}
		for _, o := range others {
			if i >= len(o.Phases) || o.Phases[i].Name != p.Name {
				continue // it was interrupted before
			}
			q := &o.Phases[i]
			p.Conns += q.Conns
			p.Operations += q.Operations
			p.Errors += q.Errors
			all = append(all, q.Latencies)
		}
		if p.Elapsed > 0 {
			p.Rate = float64(p.Operations) / p.Elapsed
		}
		var err error
		if p.Latencies, err = mergedLatencies(all); err != nil {
			return fmt.Errorf("phase %s: %w", p.Name, err)
		}
	}
	return nil
}

// addSeries adds the seconds up: the processes began them together. Seconds that
// the leader has not are left out.
func (r *Result) addSeries(others []*Result, keep bool) error {
	for i := range r.Series {
		s := &r.Series[i]
		sum, err := hist.Decode(s.Histogram)
		if err != nil {
			return fmt.Errorf("second %.0f: %w", s.At, err)
		}
		for _, o := range others {
			if i >= len(o.Series) {
				continue
			}
			v := &o.Series[i]
			h, err := hist.Decode(v.Histogram)
			if err != nil {
				return fmt.Errorf("second %.0f: %w", v.At, err)
			}
			sum.Merge(h)
			s.Conns += v.Conns
			s.Operations += v.Operations
			s.Errors += v.Errors
			s.LagP99 = max(s.LagP99, v.LagP99)
			s.Client.add(&v.Client)
		}
		s.P50, s.P90, s.P99, s.Max = us(sum.Quantile(0.5)), us(sum.Quantile(0.9)), us(sum.Quantile(0.99)), us(sum.Max())
		s.Histogram = ""
		if keep {
			s.Histogram = sum.Encode()
		}
	}
	return nil
}

func (l *Load) add(o *Load) {
	l.Cores += o.Cores
	l.RSS += o.RSS
	l.PSS += o.PSS
	l.FDs += o.FDs
	l.Threads += o.Threads
	l.Heap += o.Heap
	l.HeapObjects += o.HeapObjects
	l.Goroutines += o.Goroutines
	l.GCs += o.GCs
	l.GCPause += o.GCPause
}

// addMetrics makes those metrics anew that follow from what was added up, and
// adds up rates and failed attempts; the others are the leader's. own is how many counts
// each latency of the leader has had by itself.
func (r *Result) addMetrics(others []*Result, own map[string]uint64) {
	for i := range r.Metrics {
		m := &r.Metrics[i]
		name, quantile := m.Name, ""
		if at := strings.LastIndexByte(name, ' '); at >= 0 {
			name, quantile = name[:at], name[at+1:]
		}
		switch {
		case m.Name == "server CPU per "+r.Operation && r.Server != nil && r.Operations > 0:
			m.Value = r.Server.CPU * 1e6 / float64(r.Operations)
		case strings.HasPrefix(m.Name, cpuOfPart): // the leader's time for all, by its own count
			for _, l := range r.Latencies {
				if l.Name == strings.TrimPrefix(m.Name, cpuOfPart) && l.Count > 0 {
					m.Value *= float64(own[l.Name]) / float64(l.Count)
				}
			}
		case m.Name == Plural(r.Operation)+" per second":
			m.Value = r.Rate
		case quantile == "p50" || quantile == "p99":
			for _, l := range r.Latencies {
				if l.Name == name {
					m.Value = map[string]float64{"p50": l.P50, "p99": l.P99}[quantile]
				}
			}
		case m.Unit == "1/s" || m.Unit == "MB/s" || m.Name == failedAttempts:
			for _, o := range others {
				v, _ := o.Metric(m.Name)
				m.Value += v.Value
			}
		}
	}
}

// cpuOfPart is how the metric begins that has the server's time for one operation of those
// that a latency of the rest of the name counts.
const cpuOfPart = "server CPU per "
