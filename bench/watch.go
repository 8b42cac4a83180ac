package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/proc"
)

// watch looks at the server's process and at our own, at the ends of the window.
// One goroutine; what is seen in between is the recorder's.
type watch struct {
	pid    int
	server *proc.Process // nil: not measured
	self   *proc.Process // nil: not available
	stats  string
	notes  []string              // why something is not measured
	tells  *scraper              // nil: the server tells nothing
	each   func(f func(*worker)) // runs f on every loop

	serverBegin, serverEnd proc.CPU
	selfBegin, selfEnd     proc.CPU
	memoryBegin            proc.Memory
	memoryEnd              proc.Memory
	tellsBegin, tellsEnd   scraped
	paused                 time.Duration // of the time between them, what does not count
}

func newWatch(o *Options) (*watch, error) {
	w := &watch{pid: o.PID, stats: o.Stats}
	pid := o.PID
	var err error
	if pid != 0 {
		w.server, err = proc.Open(pid)
		switch {
		case errors.Is(err, proc.ErrUnavailable):
			w.notes = append(w.notes, "the server's CPU time and memory are not measured: "+err.Error())
		case errors.Is(err, proc.ErrGone):
			return nil, fmt.Errorf("%w: pid %d: no such process", ErrUsage, pid)
		case err != nil:
			return nil, fmt.Errorf("pid %d: %w", pid, err)
		}
	}
	if w.self, err = proc.Self(); err != nil {
		w.notes = append(w.notes, "the generator's own CPU time is not measured: "+err.Error())
		w.self = nil
	}
	if o.Metrics != "" {
		w.tells = newScraper(o.Metrics)
	}
	return w, nil
}

// stop ends what the watch does in the background. A second call does nothing.
func (w *watch) stop() {
	if w.tells != nil {
		w.tells.stop()
	}
}

// begin and end are the two ends of the window that counts.
func (w *watch) begin() {
	if w.tells != nil {
		w.tellsBegin = w.tells.now()
	}
	w.memoryBegin = w.memoryBy(w.tellsBegin)
	w.each(func(w *worker) { w.cpuBegin, w.watched = w.loop.CPU(), true })
	w.selfBegin = cpuOf(w.self)
	w.serverBegin = cpuOf(w.server)
}

// end has over called between what is of the window and what takes its time: to ask
// for memory takes milliseconds, and to ask the server a second at worst.
func (w *watch) end(over func()) {
	w.serverEnd = cpuOf(w.server)
	w.selfEnd = cpuOf(w.self)
	w.each(func(w *worker) { w.cpuEnd, w.watched = w.loop.CPU(), false })
	if over != nil {
		over()
	}
	if w.tells != nil {
		w.tellsEnd = w.tells.now()
	}
	w.memoryEnd = w.memoryBy(w.tellsEnd)
}

// serverUsage is what the server took in the window of elapsed seconds: by the
// system's account, else by its own; nil if there is neither.
func (w *watch) serverUsage(elapsed float64) *Usage {
	if w.server != nil {
		cpu := w.serverEnd.Since(w.serverBegin).Seconds()
		return &Usage{
			PID: w.pid, CPU: cpu, Cores: cpu / elapsed,
			RSSBefore: w.memoryBegin.RSS, RSSAfter: w.memoryEnd.RSS, RSSSource: w.memoryEnd.Source,
			PSSBefore: w.memoryBegin.PSS, PSSAfter: w.memoryEnd.PSS,
		}
	}
	begin, end := w.tellsBegin, w.tellsEnd
	if begin.at.IsZero() || end.at.IsZero() {
		return nil
	}
	u := &Usage{}
	// If the server has not answered since, there is one look, and nothing to tell.
	if cpu := end.CPU - begin.CPU; told(cpu) && end.at.After(begin.at) {
		// The two looks are not quite the ends of the window: scale.
		u.Cores = cpu / (end.at.Sub(begin.at) - w.paused).Seconds()
		u.CPU, u.CPUSource = u.Cores*elapsed, "metrics"
	}
	if w.memoryBegin.RSS > 0 && w.memoryEnd.RSS > 0 {
		u.RSSBefore, u.RSSAfter, u.RSSSource = w.memoryBegin.RSS, w.memoryEnd.RSS, w.memoryEnd.Source
	}
	if u.CPUSource == "" && u.RSSSource == "" {
		return nil
	}
	return u
}

// memory is the server's at this time, zero if it is not known.
func (w *watch) memory() proc.Memory {
	var now scraped
	if w.server == nil && w.tells != nil {
		now = w.tells.now()
	}
	return w.memoryBy(now)
}

// memoryBy is the server's memory: by the system's account, else by what it has told
// just now.
func (w *watch) memoryBy(now scraped) proc.Memory {
	if w.server == nil {
		if now.at.IsZero() || !told(now.RSS) {
			return proc.Memory{}
		}
		return proc.Memory{RSS: int64(now.RSS), Source: "metrics"}
	}
	m, err := w.server.Memory()
	if err != nil {
		w.note("the server's memory: " + err.Error())
	}
	return m
}

// note keeps a note once.
func (w *watch) note(text string) {
	for _, n := range w.notes {
		if n == text {
			return
		}
	}
	w.notes = append(w.notes, PublicURLs(text))
}

func cpuOf(p *proc.Process) proc.CPU {
	if p == nil {
		return 0
	}
	c, err := p.CPU()
	if err != nil {
		return 0
	}
	return c
}

// heapObjects asks the server's statistics.
func (w *watch) heapObjects() (int64, error) {
	c := http.Client{Timeout: 30 * time.Second}
	defer c.CloseIdleConnections()
	resp, err := c.Get(w.stats)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, err
	}
	var s struct {
		HeapObjects *int64 `json:"heap_objects"`
		MemStats    *struct {
			HeapObjects int64
		} `json:"memstats"`
	}
	if err := json.Unmarshal(body, &s); err != nil || resp.StatusCode != 200 {
		return 0, fmt.Errorf("%s: %s, %.80q", w.stats, resp.Status, body)
	}
	switch {
	case s.HeapObjects != nil:
		return *s.HeapObjects, nil
	case s.MemStats != nil:
		return s.MemStats.HeapObjects, nil
	}
	return 0, fmt.Errorf("%s tells neither heap_objects nor memstats", w.stats)
}
