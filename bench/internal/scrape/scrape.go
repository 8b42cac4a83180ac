// Package scrape reads what a server tells of its own process at a URL: the text
// format of Prometheus, as Go's, Node's, Python's and Rust's client libraries
// write it, or a JSON object as Go's expvar does.
package scrape

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// Timeout bounds one scrape, MaxBody its answer in bytes.
	Timeout = 5 * time.Second
	MaxBody = 4 << 20
)

var (
	// ErrSyntax: the body is neither of the two formats.
	ErrSyntax = errors.New("not Prometheus text")

	// ErrNothing: the body has nothing of what a [Snapshot] has.
	ErrNothing = errors.New("tells nothing about the process: no process_*, go_* or nodejs_* metrics, no memstats, no heap_objects")
)

// A Snapshot is what a process tells of itself. NaN: not told.
type Snapshot struct {
	CPU         float64 // s, user and system, since the process began
	RSS         float64 // bytes
	FDs         float64
	Threads     float64
	Heap        float64 // bytes in use
	HeapObjects float64
	Goroutines  float64
	GCs         float64 // since the process began
	GCPause     float64 // s, since the process began
}

// none is a Snapshot of nothing.
func none() Snapshot {
	n := math.NaN()
	return Snapshot{n, n, n, n, n, n, n, n, n}
}

func (s *Snapshot) fields() []*float64 {
	return []*float64{&s.CPU, &s.RSS, &s.FDs, &s.Threads, &s.Heap, &s.HeapObjects, &s.Goroutines, &s.GCs, &s.GCPause}
}

// Get fetches and parses what url tells. The answer has to come within [Timeout].
func Get(ctx context.Context, client *http.Client, url string) (Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return none(), err
	}
	req.Header.Set("Accept", "text/plain;version=0.0.4, application/json;q=0.5")
	resp, err := client.Do(req)
	if err != nil {
		return none(), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	switch {
	case err != nil:
		return none(), err
	case resp.StatusCode != http.StatusOK:
		return none(), fmt.Errorf("%s: %s", url, resp.Status)
	case len(body) > MaxBody:
		return none(), fmt.Errorf("%s: more than %d bytes", url, MaxBody)
	}
	s, err := Parse(body)
	if err != nil {
		return s, fmt.Errorf("%s: %w", url, err)
	}
	return s, nil
}

// Parse reads a body of either format: JSON if it starts with a brace.
func Parse(body []byte) (Snapshot, error) {
	s := none()
	var err error
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		err = s.json(trimmed)
	} else {
		err = s.text(body)
	}
	if err != nil {
		return none(), err
	}
	for _, f := range s.fields() {
		if !math.IsNaN(*f) {
			return s, nil
		}
	}
	return s, ErrNothing
}

// json reads expvar's object, or a flat one.
func (s *Snapshot) json(body []byte) error {
	var v struct {
		HeapObjects *float64 `json:"heap_objects"`
		HeapAlloc   *float64 `json:"heap_alloc"`
		RSS         *float64 `json:"rss"`
		Goroutines  *float64 `json:"goroutines"`
		MemStats    struct {
			HeapObjects  *float64
			HeapAlloc    *float64
			NumGC        *float64
			PauseTotalNs *float64
		} `json:"memstats"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	for _, f := range []struct {
		into *float64
		from *float64
		unit float64
	}{
		{&s.HeapObjects, v.MemStats.HeapObjects, 1}, {&s.Heap, v.MemStats.HeapAlloc, 1},
		{&s.GCs, v.MemStats.NumGC, 1}, {&s.GCPause, v.MemStats.PauseTotalNs, 1e-9},
		{&s.HeapObjects, v.HeapObjects, 1}, {&s.Heap, v.HeapAlloc, 1}, {&s.RSS, v.RSS, 1}, {&s.Goroutines, v.Goroutines, 1},
	} {
		if f.from != nil {
			*f.into = *f.from * f.unit
		}
	}
	return nil
}

// text reads the lines that are known here; the values of a name with several
// sets of labels are added up. Source: Prometheus, "Exposition formats", version
// 0.0.4.
func (s *Snapshot) text(body []byte) error {
	names := map[string]*float64{
		"process_cpu_seconds_total":        &s.CPU,
		"process_resident_memory_bytes":    &s.RSS,
		"process_open_fds":                 &s.FDs,
		"process_threads":                  &s.Threads,
		"go_threads":                       &s.Threads,
		"go_memstats_heap_alloc_bytes":     &s.Heap,
		"go_memstats_heap_objects":         &s.HeapObjects,
		"go_goroutines":                    &s.Goroutines,
		"go_gc_duration_seconds_count":     &s.GCs,
		"go_gc_duration_seconds_sum":       &s.GCPause,
		"nodejs_heap_size_used_bytes":      &s.Heap,
		"nodejs_gc_duration_seconds_sum":   &s.GCPause,
		"nodejs_gc_duration_seconds_count": &s.GCs,
	}
	number := 0
	for line := range bytes.Lines(body) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		name, value, ok := splitLine(string(line))
		if !ok {
			return fmt.Errorf("%w: line %d: %.80q", ErrSyntax, number, line)
		}
		into := names[name]
		if into == nil || math.IsNaN(value) || math.IsInf(value, 0) {
			continue
		}
		if math.IsNaN(*into) {
			*into = 0
		}
		*into += value
	}
	return nil
}

// splitLine reads name, labels, value and time stamp.
func splitLine(line string) (name string, value float64, ok bool) {
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 {
		return "", 0, false
	}
	name, rest := line[:end], strings.TrimLeft(line[end:], " \t")
	if strings.HasPrefix(rest, "{") {
		quoted := false
		i := 1
		for ; i < len(rest) && (quoted || rest[i] != '}'); i++ {
			switch {
			case rest[i] == '"':
				quoted = !quoted
			case rest[i] == '\\' && quoted:
				i++
			}
		}
		if i >= len(rest) {
			return "", 0, false
		}
		rest = rest[i+1:]
	}
	fields := strings.Fields(rest)
	if len(fields) < 1 || len(fields) > 2 {
		return "", 0, false
	}
	value, err := strconv.ParseFloat(fields[0], 64)
	return name, value, err == nil
}
