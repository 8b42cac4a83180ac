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
	notes  []string // why something is not measured

	serverBegin, serverEnd proc.CPU
	selfBegin, selfEnd     proc.CPU
	memoryBegin            proc.Memory
	memoryEnd              proc.Memory
}

func newWatch(pid int, stats string) (*watch, error) {
	w := &watch{pid: pid, stats: stats}
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
	return w, nil
}

// begin and end are the two ends of the window that counts.
func (w *watch) begin() {
	w.memoryBegin = w.memory()
	w.selfBegin = cpuOf(w.self)
	w.serverBegin = cpuOf(w.server)
}

func (w *watch) end() {
	w.serverEnd = cpuOf(w.server)
	w.selfEnd = cpuOf(w.self)
	w.memoryEnd = w.memory()
}

// memory is the server's, zero if it is not known.
func (w *watch) memory() proc.Memory {
	if w.server == nil {
		return proc.Memory{}
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
	w.notes = append(w.notes, text)
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
