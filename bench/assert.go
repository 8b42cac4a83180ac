package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

// An Assertion is a threshold that a result has to keep. Its text is
//
//	<figure> <operator> <value>
//
// with blanks where wanted. The operator is one of < <= > >=. Figures, each with
// the units that its value takes:
//
//	<latency>.p<N>      a quantile, N from 0 to 100, as echo.p99 or connect.p99.9;
//	                    also .min .mean .max: a time with ns, us, µs, ms, s or m
//	<latency>.count     how many were measured: a number
//	errors              all errors: a number, or with % their share of operations
//	                    and errors together
//	rate                operations per second: a number, with /s if wanted
//	operations          in the window: a number
//	cpu                 the server's processor time for one operation: a time
//	server.<what>       of the server's process, client.<what> of the generator's:
//	                    rss, pss and heap in bytes, with B, kB, MB, GB, KiB, MiB or
//	                    GiB; fds, threads, goroutines and gcs: a number; the highest
//	                    that was seen (of gcs the sum); cores: the mean of the window
//	<metric>            any of [Result.Metrics]: a number in the metric's own unit,
//	                    or a time, or bytes
//
// Latencies and metrics are named as in the result, with - for a blank, in upper
// or lower case: last-receiver.p99, rss-per-connection. Numbers take the endings
// k, M and G.
//
// A figure that was not measured does not keep its threshold.
type Assertion struct {
	text   string
	figure string
	what   string // behind the dot
	than   string // the operator
	limit  quantity
}

// A quantity is a number with what it counts.
type quantity struct {
	value float64 // in microseconds, bytes, percent or as it stands
	kind  kind
}

// kind is what a quantity counts.
type kind uint8

const (
	plainNumber kind = iota
	micros
	bytesHeld
	percent
	perSecond
)

// unit is the name of the kind's unit in results.
func (k kind) unit() string {
	return [...]string{plainNumber: "", micros: "us", bytesHeld: "B", percent: "%", perSecond: "1/s"}[k]
}

// units are those that a value may have, and what one of them is.
var units = map[string]quantity{
	"":   {1, plainNumber},
	"k":  {1e3, plainNumber},
	"M":  {1e6, plainNumber},
	"G":  {1e9, plainNumber},
	"%":  {1, percent},
	"/s": {1, perSecond}, "k/s": {1e3, perSecond}, "M/s": {1e6, perSecond},
	"ns": {1e-3, micros}, "us": {1, micros}, "µs": {1, micros}, "μs": {1, micros}, "ms": {1e3, micros}, "s": {1e6, micros}, "m": {60e6, micros},
	"B": {1, bytesHeld}, "kB": {1e3, bytesHeld}, "MB": {1e6, bytesHeld}, "GB": {1e9, bytesHeld},
	"KiB": {1 << 10, bytesHeld}, "MiB": {1 << 20, bytesHeld}, "GiB": {1 << 30, bytesHeld},
}

// Outcome is what an [Assertion] says of a result.
type Outcome struct {
	Assertion string  `json:"assert"`
	Pass      bool    `json:"pass"`
	Value     float64 `json:"value"`          // of the figure; 0 if it was not measured
	Limit     float64 `json:"limit"`          // in the same unit
	Unit      string  `json:"unit,omitempty"` // "us", "B", "%", "1/s" or none
	Missing   bool    `json:"missing,omitempty"`
	Why       string  `json:"why,omitempty"` // it is missing, if the name is to blame: which there are
}

// maxAssertion bounds the text of an assertion, in bytes.
const maxAssertion = 200

// ParseAssertion reads an assertion. The error wraps [ErrUsage].
func ParseAssertion(text string) (Assertion, error) {
	bad := func(why string) (Assertion, error) {
		if len(text) > maxAssertion {
			text = text[:maxAssertion] + "…"
		}
		return Assertion{}, fmt.Errorf("%w: assertion %q: %s", ErrUsage, text, why)
	}
	if len(text) > maxAssertion {
		return bad("is too long")
	}
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return bad("must be FIGURE, one of < <= > >=, VALUE, as echo.p99<5ms")
	}
	a := Assertion{text: strings.TrimSpace(text), than: text[at : at+1]}
	value := text[at+1:]
	if strings.HasPrefix(value, "=") {
		a.than, value = a.than+"=", value[1:]
	}
	name, what, dotted := cutFigure(strings.TrimSpace(text[:at]))
	a.figure, a.what = plainName(name), strings.ToLower(what)
	if a.figure == "" || dotted && a.what == "" {
		return bad("names no figure")
	}
	if strings.ContainsFunc(a.figure, func(r rune) bool { return r <= ' ' || r == '=' }) {
		return bad("the figure's name")
	}
	var ok bool
	if a.limit, ok = parseQuantity(value); !ok {
		return bad("the value must be a number with one of the units % /s k M G ns us ms s m B kB MB GB KiB MiB GiB")
	}
	if why := a.check(); why != "" {
		return bad(why)
	}
	return a, nil
}

// cutFigure cuts a figure in front of what is asked of a latency or process. Both
// may have dots, as in big.1MB.p99.9: it is the first dot with something to ask for
// behind it, or if there is none the last.
func cutFigure(text string) (name, what string, dotted bool) {
	last := -1
	for i := range len(text) {
		if text[i] != '.' {
			continue
		}
		last = i
		name, what := text[:i], strings.ToLower(text[i+1:])
		process := plainName(name) == "server" || plainName(name) == "client"
		if _, ok := processFigures[what]; process && ok || !process && ofLatency(what) {
			return name, what, true
		}
	}
	if last < 0 {
		return text, "", false
	}
	return text[:last], text[last+1:], true
}

// ofLatency says whether what can be asked of a latency.
func ofLatency(what string) bool {
	_, ok := quantileOf(what)
	return ok || what == "min" || what == "mean" || what == "max" || what == "count"
}

// String is the assertion as it was given.
func (a Assertion) String() string { return a.text }

// Errors reports whether the assertion is on the number or share of errors: with
// one, errors as such do not fail a run.
func (a Assertion) Errors() bool { return a.figure == "errors" }

// plainName is a name as assertions spell it.
func plainName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), "-"))
}

// parseQuantity reads a number and its unit.
func parseQuantity(text string) (quantity, bool) {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.' || text[end] == '-' || text[end] == '_') {
		end++
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	unit, ok := units[strings.TrimSpace(text[end:])]
	if err != nil || !ok || math.IsInf(n, 0) || math.IsNaN(n) {
		return quantity{}, false
	}
	return quantity{n * unit.value, unit.kind}, true
}

// processFigures are those behind "server." and "client.".
var processFigures = map[string]kind{
	"rss": bytesHeld, "pss": bytesHeld, "heap": bytesHeld, "cores": plainNumber,
	"fds": plainNumber, "threads": plainNumber, "goroutines": plainNumber, "gcs": plainNumber,
}

// check says what is wrong with a, as far as that is known before a run.
func (a *Assertion) check() string {
	want := []kind{plainNumber}
	switch {
	case a.figure == "server" || a.figure == "client":
		k, ok := processFigures[a.what]
		if !ok {
			return "must be rss, pss, heap, cores, fds, threads, goroutines or gcs behind " + a.figure + "."
		}
		want = []kind{k}
	case a.what == "count":
	case a.what == "min" || a.what == "mean" || a.what == "max":
		want = []kind{micros}
	case a.what != "":
		if _, ok := quantileOf(a.what); !ok {
			return "must be p0 to p100, min, mean, max or count behind the dot"
		}
		want = []kind{micros}
	case a.figure == "errors":
		want = []kind{plainNumber, percent}
	case a.figure == "rate":
		want = []kind{plainNumber, perSecond}
	case a.figure == "operations":
	case a.figure == "cpu":
		want = []kind{micros}
	default:
		want = []kind{plainNumber, micros, bytesHeld, perSecond}
	}
	for _, k := range want {
		if a.limit.kind == k {
			return ""
		}
	}
	switch want[0] {
	case micros:
		return "the value must be a time, as 5ms"
	case bytesHeld:
		return "the value must be bytes, as 200MiB"
	}
	return "the value's unit does not fit the figure"
}

// quantileOf reads p0 to p100, with a fraction if wanted.
func quantileOf(what string) (q float64, ok bool) {
	digits, ok := strings.CutPrefix(what, "p")
	if !ok || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	p, err := strconv.ParseFloat(digits, 64)
	return p / 100, err == nil && p <= 100
}

// Check holds the result against the assertion.
func (a Assertion) Check(r *Result) Outcome {
	v := Outcome{Assertion: a.text, Limit: a.limit.value, Unit: a.limit.kind.unit()}
	value, ok := a.value(r)
	if !ok || math.IsNaN(value) {
		v.Missing, v.Why = true, a.why(r)
		return v
	}
	v.Value = value
	switch a.than {
	case "<":
		v.Pass = value < v.Limit
	case "<=":
		v.Pass = value <= v.Limit
	case ">":
		v.Pass = value > v.Limit
	case ">=":
		v.Pass = value >= v.Limit
	}
	return v
}

// why is what is wrong with the name of a figure that r has not; empty if it is a
// right one and was not measured.
func (a *Assertion) why(r *Result) string {
	var there []string
	kind := "figure"
	switch {
	case a.figure == "server" || a.figure == "client" || a.what == "" && a.figure == "cpu":
		return ""
	case a.what != "":
		kind = "latency"
		for _, l := range r.Latencies {
			there = append(there, plainName(l.Name))
		}
	default:
		there = []string{"errors", "rate", "operations", "cpu"}
		for _, m := range r.Metrics {
			if plainName(m.Name) == a.figure {
				return "its unit is " + m.Unit
			}
			there = append(there, plainName(m.Name))
		}
	}
	if slices.Contains(there, a.figure) {
		return ""
	}
	if len(there) == 0 {
		return "there is no " + kind + " at all"
	}
	return fmt.Sprintf("there is no %s %q, but %s", kind, a.figure, strings.Join(there, ", "))
}

// value is the figure in r, in the unit of the limit.
func (a *Assertion) value(r *Result) (float64, bool) {
	switch {
	case a.figure == "server":
		return a.process(r, r.Server, func(s *Sample) *Load { return s.Server })
	case a.figure == "client":
		return a.process(r, r.Client, func(s *Sample) *Load { return &s.Client })
	case a.what != "":
		return a.latency(r)
	case a.figure == "errors":
		n := float64(r.ErrorTotal())
		if a.limit.kind == percent {
			if n == 0 {
				return 0, true
			}
			return 100 * n / (n + float64(r.Operations)), true
		}
		return n, true
	case a.figure == "rate":
		return r.Rate, r.Elapsed > 0
	case a.figure == "operations":
		return float64(r.Operations), true
	case a.figure == "cpu":
		m, ok := r.Metric("server CPU per " + r.Operation)
		return m.Value, ok
	}
	for _, m := range r.Metrics {
		if plainName(m.Name) != a.figure {
			continue
		}
		// A plain number is in the metric's own unit; else the units must agree.
		return m.Value, a.limit.kind == plainNumber || a.limit.kind.unit() == m.Unit
	}
	return 0, false
}

// latency is a figure of one of the result's latencies.
func (a *Assertion) latency(r *Result) (float64, bool) {
	for i := range r.Latencies {
		l := &r.Latencies[i]
		if plainName(l.Name) != a.figure {
			continue
		}
		switch a.what {
		case "count":
			return float64(l.Count), true
		case "min":
			return l.Min, true
		case "mean":
			return l.Mean, true
		case "max":
			return l.Max, true
		}
		q, _ := quantileOf(a.what)
		h, err := hist.Decode(l.Histogram)
		if err != nil || h.Count() == 0 {
			return 0, false
		}
		return us(time.Duration(h.Quantile(q))), true
	}
	return 0, false
}

// process is a figure of one of the two processes.
func (a *Assertion) process(r *Result, usage *Usage, load func(*Sample) *Load) (highest float64, ok bool) {
	if a.what == "cores" {
		if usage == nil {
			return 0, false
		}
		return usage.Cores, usage.Cores > 0
	}
	see := func(n float64) {
		if n > 0 {
			highest, ok = max(highest, n), true
		}
	}
	if usage != nil && a.what == "rss" {
		see(float64(max(usage.RSSBefore, usage.RSSAfter)))
	}
	var gcs float64
	for i := range r.Series {
		l := load(&r.Series[i])
		if l == nil {
			continue
		}
		switch a.what {
		case "rss":
			see(float64(l.RSS))
		case "pss":
			see(float64(l.PSS))
		case "heap":
			see(float64(l.Heap))
		case "fds":
			see(float64(l.FDs))
		case "threads":
			see(float64(l.Threads))
		case "goroutines":
			see(float64(l.Goroutines))
		case "gcs":
			gcs += float64(l.GCs)
			ok = ok || l.Heap > 0 // it tells of its heap, so that 0 means none
		}
	}
	if a.what == "gcs" {
		return gcs, ok
	}
	return highest, ok
}

// Assert holds the result against assertions and keeps what they say. It reports
// whether all passed.
func (r *Result) Assert(all []Assertion) (passed bool) {
	passed = true
	for _, a := range all {
		v := a.Check(r)
		r.Assertions = append(r.Assertions, v)
		passed = passed && v.Pass
	}
	return passed
}
