package bench

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/e6a90ca8/sio/bench/internal/hist"
)

const (
	// hdrHighest and hdrDigits size the HDR histograms: our own are exact to
	// 1/64, so two digits lose little and three lose nothing.
	hdrHighest = int64(4 * time.Hour)
	hdrDigits  = 3

	// hgrmTicks is how finely the percentile text goes: points for each halving
	// of what is left above.
	hgrmTicks = 5
)

// hdrOf is the distribution in an encoded histogram, in nanoseconds.
func hdrOf(text string) (*hdrhistogram.Histogram, error) {
	h, err := hist.Decode(text)
	if err != nil {
		return nil, err
	}
	out := hdrhistogram.New(1, hdrHighest, hdrDigits)
	h.Buckets(func(upper time.Duration, n uint64) {
		if e := out.RecordValues(min(int64(upper), hdrHighest), int64(n)); e != nil && err == nil {
			err = e
		}
	})
	return out, err
}

// WriteHGRM writes l in the text format of HdrHistogram's percentile files, in
// microseconds. Source: HdrHistogram, outputPercentileDistribution.
func (l *Latency) WriteHGRM(w io.Writer) error {
	h, err := hdrOf(l.Histogram)
	if err != nil {
		return fmt.Errorf("latency %s: %w", l.Name, err)
	}
	_, err = h.PercentilesPrint(w, hgrmTicks, float64(time.Microsecond))
	return err
}

// WriteHLog writes the main latency of each second that had one as a HdrHistogram
// interval log, format version 1.3: values in nanoseconds, the column of the
// longest in milliseconds, times in seconds since Started, which is the base. It
// needs a result of a run with [Options.Intervals].
func (r *Result) WriteHLog(w io.Writer) error {
	out := hdrhistogram.NewHistogramLogWriter(w)
	base := r.Started.UnixMilli()
	out.SetBaseTime(base)
	err := out.OutputComment("[sio-bench " + r.Scenario + "]")
	for _, step := range []func() error{
		out.OutputLogFormatVersion,
		func() error { return out.OutputBaseTime(base) },
		func() error { return out.OutputStartTime(base) },
		out.OutputLegend,
	} {
		if err == nil {
			err = step()
		}
	}
	began := 0.0
	for _, s := range r.Series {
		from := began
		began = s.At
		if err != nil {
			return err
		}
		if s.Histogram == "" {
			continue
		}
		var h *hdrhistogram.Histogram
		if h, err = hdrOf(s.Histogram); err != nil {
			return fmt.Errorf("second %.0f: %w", s.At, err)
		}
		h.SetTag(strings.ReplaceAll(s.Phase, " ", "-"))
		h.SetStartTimeMs(base + int64(from*1e3))
		h.SetEndTimeMs(base + int64(s.At*1e3))
		err = out.OutputIntervalHistogram(h)
	}
	return err
}

// Main is the scenario's main latency: the first that is not of the connects, if
// there is one; nil if nothing was measured.
func (r *Result) Main() *Latency {
	for i := range r.Latencies {
		if r.Latencies[i].Name != "connect" || len(r.Latencies) == 1 {
			return &r.Latencies[i]
		}
	}
	return nil
}
