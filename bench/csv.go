package bench

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
)

// csvColumns are the columns of [WriteCSV]. Programs of others rely on their names and
// order: further ones come behind them.
var csvColumns = []struct {
	name string
	of   func(s *Sample) string
}{
	{"t_s", func(s *Sample) string { return fixed(s.At, 3) }},
	{"phase", func(s *Sample) string { return s.Phase }},
	{"connections", func(s *Sample) string { return strconv.Itoa(s.Conns) }},
	{"operations", func(s *Sample) string { return strconv.FormatUint(s.Operations, 10) }},
	{"errors", func(s *Sample) string { return strconv.FormatUint(s.Errors, 10) }},
	{"p50_us", func(s *Sample) string { return unlessZero(s.P50, 1) }},
	{"p90_us", func(s *Sample) string { return unlessZero(s.P90, 1) }},
	{"p99_us", func(s *Sample) string { return unlessZero(s.P99, 1) }},
	{"max_us", func(s *Sample) string { return unlessZero(s.Max, 1) }},
	{"lag_p99_us", func(s *Sample) string { return unlessZero(s.LagP99, 1) }},
	{"client_cores", func(s *Sample) string { return fixed(s.Client.Cores, 4) }},
	{"client_rss_bytes", func(s *Sample) string { return unlessZero(float64(s.Client.RSS), 0) }},
	{"client_pss_bytes", func(s *Sample) string { return unlessZero(float64(s.Client.PSS), 0) }},
	{"client_fds", func(s *Sample) string { return unlessZero(float64(s.Client.FDs), 0) }},
	{"client_threads", func(s *Sample) string { return unlessZero(float64(s.Client.Threads), 0) }},
	{"client_heap_bytes", func(s *Sample) string { return unlessZero(float64(s.Client.Heap), 0) }},
	{"client_gcs", func(s *Sample) string { return strconv.FormatUint(s.Client.GCs, 10) }},
	{"client_gc_pause_s", func(s *Sample) string { return fixed(s.Client.GCPause, 6) }},
	{"server_cores", serverColumn(func(l *Load) string { return fixed(l.Cores, 4) })},
	{"server_rss_bytes", serverColumn(func(l *Load) string { return unlessZero(float64(l.RSS), 0) })},
	{"server_pss_bytes", serverColumn(func(l *Load) string { return unlessZero(float64(l.PSS), 0) })},
	{"server_fds", serverColumn(func(l *Load) string { return unlessZero(float64(l.FDs), 0) })},
	{"server_threads", serverColumn(func(l *Load) string { return unlessZero(float64(l.Threads), 0) })},
	{"server_heap_bytes", serverColumn(func(l *Load) string { return unlessZero(float64(l.Heap), 0) })},
	{"server_heap_objects", serverColumn(func(l *Load) string { return unlessZero(float64(l.HeapObjects), 0) })},
	{"server_goroutines", serverColumn(func(l *Load) string { return unlessZero(float64(l.Goroutines), 0) })},
	{"server_gcs", serverColumn(func(l *Load) string { return strconv.FormatUint(l.GCs, 10) })},
	{"server_gc_pause_s", serverColumn(func(l *Load) string { return fixed(l.GCPause, 6) })},
}

// serverColumn leaves a field empty where the server was not measured.
func serverColumn(of func(l *Load) string) func(s *Sample) string {
	return func(s *Sample) string {
		if s.Server == nil {
			return ""
		}
		return of(s.Server)
	}
}

// unlessZero is v with at most so many decimals; empty for 0, which in these columns means
// that there was nothing or nobody told.
func unlessZero(v float64, decimals int) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

func fixed(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// WriteCSV writes the series as RFC 4180 has it, a line of names first and then a line
// for each second. The columns are those of [Sample] and [Load] by their JSON names,
// those of the generator with client_ before, those of the server with server_; what is
// not known is empty. Columns may be added behind the last one, nothing else changes.
func WriteCSV(w io.Writer, series []Sample) error {
	c := csv.NewWriter(w)
	line := make([]string, len(csvColumns))
	for i := range csvColumns {
		line[i] = csvColumns[i].name
	}
	if err := c.Write(line); err != nil {
		return err
	}
	for i := range series {
		for j := range csvColumns {
			line[j] = csvColumns[j].of(&series[i])
		}
		if err := c.Write(line); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// A Stream writes a run as it goes as lines of JSON: {"sample": …} for each [Sample],
// and at the end {"result": …}, a [Result] without its series, which stands above.
//
// A Stream belongs to one goroutine at a time.
type Stream struct {
	e    *json.Encoder
	sent int
	err  error
}

// NewStream returns a stream that writes each line to w by one Write.
func NewStream(w io.Writer) *Stream {
	s := &Stream{e: json.NewEncoder(w)}
	s.e.SetEscapeHTML(false)
	return s
}

// Sample writes a sample: the samples of a run in their order. Errors are kept for
// [Stream.Result]: a run is not ended because nobody reads along.
func (s *Stream) Sample(sample *Sample) {
	s.sent++
	s.write(struct {
		Sample *Sample `json:"sample"`
	}{sample})
}

// Result writes the samples that progress has not told of, which the last one of a run
// is, and the result. It returns the first error there was.
func (s *Stream) Result(r *Result) error {
	for s.sent < len(r.Series) {
		s.Sample(&r.Series[s.sent])
	}
	short := *r
	short.Series = nil
	s.write(struct {
		Result *Result `json:"result"`
	}{&short})
	return s.err
}

func (s *Stream) write(line any) {
	if s.err == nil {
		s.err = s.e.Encode(line)
	}
}
