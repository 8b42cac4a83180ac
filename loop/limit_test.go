package loop

import (
	"math"
	"os"
	"strings"
	"sync"
	"testing"
)

// TestPlaces: servers of one process share what its limit of descriptors leaves, and
// whatever is measured when, they never have more together.
func TestPlaces(t *testing.T) {
	type step struct {
		name  string
		start int   // loops of a server that starts
		stop  int   // of one that ends
		taken int64 // connections by then
		open  int   // descriptors by then
		want  int64
	}
	for _, c := range []struct {
		name  string
		limit int
		steps []step
	}{
		{"one after the other", 1000, []step{
			{"first", 2, 0, 0, 10, 1000 - 10 - 64 - 16},
			{"first ends", 0, 2, 0, 30, 1000 - 10 - 64 - 16},
			{"the next measures anew", 1, 0, 0, 30, 1000 - 30 - 64 - 8},
		}},
		{"two at a time", 1000, []step{
			{"first", 2, 0, 0, 10, 1000 - 10 - 64 - 16},
			{"second, while the first has connections and loops", 4, 0, 100, 10 + 16 + 100, 1000 - 10 - 64 - 48},
			{"second ends", 0, 4, 100, 126, 1000 - 10 - 64 - 16},
		}},
		{"the second starts before the first has its descriptors", 1000, []step{
			{"first", 2, 0, 0, 10, 1000 - 10 - 64 - 16},
			{"second", 4, 0, 0, 10, 1000 - 10 - 64 - 48},
		}},
		{"the application has opened more in between", 1000, []step{
			{"first", 2, 0, 0, 10, 1000 - 10 - 64 - 16},
			{"second", 1, 0, 5, 10 + 16 + 5 + 300, 1000 - 310 - 64 - 24},
		}},
		{"hardly any", 60, []step{{"only", 4, 0, 0, 10, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p places
			for _, s := range c.steps {
				p.taken.Store(s.taken)
				p.measure = func() (int, int, bool) { return c.limit, s.open, true }
				if s.start > 0 {
					if limit, known := p.open(s.start); !known || limit != p.limit.Load() {
						t.Errorf("%s: open says %d, %v", s.name, limit, known)
					}
				} else {
					p.close(s.stop)
				}
				if got := p.limit.Load(); got != s.want {
					t.Errorf("%s: the limit is %d, want %d", s.name, got, s.want)
				}
			}
		})
	}

	unknown := places{measure: func() (int, int, bool) { return 0, 0, false }}
	for range 2 {
		if limit, known := unknown.open(1); known || limit != math.MaxInt64 {
			t.Errorf("a system without a limit has %d, %v", limit, known)
		}
	}
	unknown.close(1)
	if limit := unknown.limit.Load(); limit != math.MaxInt64 {
		t.Errorf("behind the end of one server it has %d", limit)
	}
}

// TestMovesHaveAReserve: a connection that moves has two descriptors. At the limit some
// may, and they count.
func TestMovesHaveAReserve(t *testing.T) {
	var p places
	p.limit.Store(100)
	p.taken.Store(100)
	n := 0
	for p.second() {
		n++
	}
	if n != moveReserve || p.taken.Load() != 100+moveReserve {
		t.Errorf("%d move at once, %d places are taken", n, p.taken.Load())
	}
	if reserve(0) < 2*moveReserve {
		t.Error("nothing is left for the application")
	}
}

// TestDescriptorLimit: the process is looked at.
func TestDescriptorLimit(t *testing.T) {
	limit, before, known := descriptorLimit()
	if !known {
		return
	}
	if limit < 1 || before < 1 {
		t.Errorf("%d descriptors of %d", before, limit)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, now, _ := descriptorLimit(); now != before+1 {
		t.Errorf("%d descriptors, and %d with one more", before, now)
	}
}

// A logWriter keeps a log. Any goroutine.
type logWriter struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *logWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
