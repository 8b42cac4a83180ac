package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/scrape"
)

// A scraper asks [Options.Metrics] each second, on a goroutine of its own: a
// server that is slow to answer holds up nothing but the next question.
type scraper struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	over   chan struct{}

	mu     sync.Mutex
	latest scraped
	asked  int
	failed int
	err    error // the last
}

// scraped is one answer.
type scraped struct {
	scrape.Snapshot
	at time.Time // when it came; zero: none has
}

func newScraper(url string) *scraper {
	ctx, cancel := context.WithCancel(context.Background())
	s := &scraper{
		url: url, cancel: cancel, over: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1}},
	}
	go func() {
		defer close(s.over)
		defer s.client.CloseIdleConnections()
		step := time.NewTicker(sampleStep)
		defer step.Stop()
		for {
			s.ask(ctx)
			select {
			case <-step.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// ask scrapes once and keeps the answer. Any goroutine.
func (s *scraper) ask(ctx context.Context) scraped {
	v, err := scrape.Get(ctx, s.client, s.url)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, context.Canceled) {
		return scraped{} // the run has ended
	}
	s.asked++
	if err != nil {
		s.failed++
		s.err = err
		return scraped{}
	}
	s.latest = scraped{v, now}
	return s.latest
}

// nowPatience bounds [scraper.now].
const nowPatience = time.Second

// now asks at once and waits a little for the answer; the latest must do when
// none comes. Any goroutine.
func (s *scraper) now() scraped {
	ctx, cancel := context.WithTimeout(context.Background(), nowPatience)
	defer cancel()
	if v := s.ask(ctx); !v.at.IsZero() {
		return v
	}
	return s.last()
}

// last is the latest answer. Any goroutine.
func (s *scraper) last() scraped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latest
}

// stop ends the asking. A second call does nothing.
func (s *scraper) stop() {
	s.cancel()
	<-s.over
}

// note says what went wrong, empty if nothing did.
func (s *scraper) note() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed == 0:
		return ""
	case s.failed == s.asked:
		return "the server's metrics were not there: " + PublicURLs(s.err.Error())
	}
	return fmt.Sprintf("%d of %d looks at the server's metrics failed, the last with: %s", s.failed, s.asked, PublicURLs(s.err.Error()))
}

// span is what two answers say of the time between them, and the later of its
// end.
func (later scraped) span(earlier scraped, l *Load) {
	if later.at.IsZero() {
		return
	}
	for _, f := range []struct {
		into *int64
		from float64
	}{{&l.RSS, later.RSS}, {&l.Heap, later.Heap}, {&l.HeapObjects, later.HeapObjects}} {
		if *f.into == 0 && told(f.from) {
			*f.into = int64(f.from)
		}
	}
	for _, f := range []struct {
		into *int
		from float64
	}{{&l.FDs, later.FDs}, {&l.Threads, later.Threads}, {&l.Goroutines, later.Goroutines}} {
		if *f.into == 0 && told(f.from) {
			*f.into = int(f.from)
		}
	}
	span := later.at.Sub(earlier.at).Seconds()
	if earlier.at.IsZero() || span <= 0 {
		return
	}
	if d := later.CPU - earlier.CPU; l.Cores == 0 && told(d) {
		l.Cores = d / span
	}
	if d := later.GCs - earlier.GCs; told(d) {
		l.GCs = uint64(d)
	}
	if d := later.GCPause - earlier.GCPause; told(d) {
		l.GCPause = d
	}
}

// told says whether a figure of a snapshot is one: not NaN, nor below zero as
// differences are after the server has begun anew.
func told(v float64) bool { return v >= 0 && v < math.MaxInt64 }
