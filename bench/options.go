package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/client"
	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/bench/internal/reactor"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// Defaults of [Options].
const (
	DefaultConns       = 100
	DefaultDuration    = 10 * time.Second
	DefaultWarmup      = time.Second
	DefaultConcurrency = reactor.DefaultDials
	DefaultTimeout     = client.DefaultTimeout
	DefaultSize        = 64
	DefaultSeed        = 1
)

// ErrUsage is wrapped by the errors that options alone decide.
var ErrUsage = errors.New("usage")

// Events are the names of the events that a server is driven by.
type Events struct {
	Echo           string // default "echo"
	EchoReply      string // default: that of Echo
	Ack            string // default "ack"
	Object         string // default "object"
	ObjectReply    string // default: that of Object
	Join           string // default "join"
	Leave          string // default "leave"
	Broadcast      string // default "broadcast"
	BroadcastReply string // default: that of Broadcast
}

// Options are what all scenarios have in common. Zero values mean the defaults.
type Options struct {
	// URL is the server's, http or ws, without TLS. Its path, unless it is the
	// engine's, is the namespace.
	URL string

	// Transport is "websocket" (default), "polling" or "upgrade", Parser "json"
	// (default) or "msgpack"; or several by share, as [ParseMix] reads them:
	// "websocket=70,polling=20,upgrade=10". Which client gets which is decided by
	// its number and Seed.
	Transport string
	Parser    string

	// Protocol is that of Engine.IO: 4 (default), or 3 for the clients of
	// Socket.IO 2 (Node: allowEIO3), with parser json and without Auth.
	Protocol int

	// Compress offers permessage-deflate on WebSockets, without context takeover
	// on either side, and compresses messages of 1 KiB and more. A server that
	// does not agree is an error.
	Compress bool

	Path      string // of the Engine.IO server; default "/socket.io/"
	Namespace string // default: that of the URL, else "/"
	Events    Events

	// Auth is the JSON object of CONNECT packets, Query and Headers what is added
	// to every request. All values are texts of [NewTemplate], filled in for each
	// handshake; query values are escaped then.
	Auth    string
	Query   map[string]string
	Headers map[string]string

	// Data is a CSV file whose rows are dealt out to the clients, for templates,
	// in the order DataOrder: "turn" (default) or "random", by Seed.
	Data      string
	DataOrder string

	// Seed decides over everything that is drawn: mixes, rows, numbers of
	// templates. The same seed draws the same. Default [DefaultSeed].
	Seed uint64

	// RunName is what templates see as {{.Run}}. Default: eight random digits.
	RunName string

	// Proc is the number of this process among those that share a run, FirstID
	// what is added to the numbers of its clients so that no two processes have
	// the same.
	Proc    int
	FirstID int

	// Conns is the number of sessions. Default [DefaultConns]. [Idle] has its
	// own.
	Conns int

	// Duration is the time that counts, Warmup the time before it. Defaults
	// [DefaultDuration] and [DefaultWarmup]; a negative Warmup means none.
	Duration time.Duration
	Warmup   time.Duration

	// Concurrency bounds the handshakes and goodbyes in flight. Default
	// [DefaultConcurrency].
	Concurrency int

	// Timeout bounds one handshake, one goodbye, and the wait for a message where
	// the next waits for it: past it the message is lost. Drain bounds the wait for
	// messages that are under way at the end; what has not come then is lost, too.
	// Default [DefaultTimeout] for both.
	Timeout time.Duration
	Drain   time.Duration

	// Late is how long an operation may take: one that takes longer counts, and is
	// an error [Late] besides, unless it is done in the warm-up. 0: as long as it
	// likes.
	Late time.Duration

	// Loops is the number of the generator's loops. Default 1.
	Loops int

	// Sources are the local addresses to connect from. Default: the system's
	// choice, and for many connections to an IPv4 loopback address on Linux
	// 127.0.0.1, 127.0.0.2 and so on.
	Sources []netip.Addr

	// PID is the server's process, to measure what it costs. 0: not measured.
	PID int

	// Stats is the URL of the server's statistics: a JSON object with
	// "heap_objects", or with "memstats" as expvar has it. Empty: none.
	Stats string

	// Metrics is a URL at which the server tells of its own process: Prometheus
	// text (process_*, go_*, nodejs_*) or JSON as expvar has it. It is asked each
	// second; without PID the server's processor time and memory come from there.
	// Empty: none. An address that runs a garbage collection for the answer belongs
	// in Stats, which is asked while the server rests.
	Metrics string

	// Intervals keeps all counts of every second in [Result.Series], about a KiB
	// each.
	Intervals bool

	// Progress is told how the run goes, twice a second, on a goroutine of the
	// run, one call after another and none after Run has returned. nil: nobody
	// is told.
	Progress func(Progress)

	rows *fill.Rows // of Data, once it is read
	part *portion   // nil: this process has the whole

	// For tests. patience bounds the wait for a message, as Timeout does, but no
	// handshake; 0: Timeout does. enough is asked every few milliseconds of a part of
	// the run that takes a time of its own whether that is over; nil: it has its time.
	patience time.Duration
	enough   func(r *run) bool
}

// Progress is a run's state in the middle.
type Progress struct {
	Phase      string        // "connect", "warm-up", "measure", "drain", "goodbye", …
	Elapsed    time.Duration // of the phase
	Total      time.Duration // that the phase will take; 0 when not known
	Conns      int           // sessions that are ready
	Wanted     int           // sessions that the run wants
	Operations uint64        // of the run so far, warm-up included
	Rate       float64       // operations per second since the last call
	Errors     uint64
	ServerCPU  float64 // of one core, since the last call; 0 when not measured
	ServerRSS  int64   // bytes; 0 when not measured

	// Sample is the second that has ended since the last call, nil if none has:
	// what [Result.Series] will have. It is the callee's to keep.
	Sample *Sample
}

// A Scenario is one kind of load.
type Scenario interface {
	// Name is the scenario's, for people and files.
	Name() string

	// Run runs it once. A result comes with a nil error even if messages were
	// lost or connections failed: see [Result.Errors]. If ctx ends while the
	// time that counts runs, the result is of the time so far and Interrupted is
	// set; before that, ctx's error is returned. Errors that wrap [ErrUsage] are
	// the caller's.
	Run(ctx context.Context, o Options) (*Result, error)
}

// withDefaults checks o and fills in what is missing.
func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		value *int
		byDef int
		name  string
		most  int
	}{
		{&o.Conns, DefaultConns, "connections", 1_000_000},
		{&o.Concurrency, DefaultConcurrency, "concurrency", 100_000},
		{&o.Loops, 1, "loops", 256},
	} {
		if *d.value == 0 {
			*d.value = d.byDef
		}
		if *d.value < 0 || *d.value > d.most {
			return o, fmt.Errorf("%w: %s %d: must be 1 to %d", ErrUsage, d.name, *d.value, d.most)
		}
	}
	if o.Duration == 0 {
		o.Duration = DefaultDuration
	}
	if o.Warmup == 0 {
		o.Warmup = DefaultWarmup
	}
	o.Warmup = max(0, o.Warmup)
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Drain == 0 {
		o.Drain = DefaultTimeout
	}
	if o.patience == 0 {
		o.patience = o.Timeout
	}
	if o.Duration < 0 || o.Timeout < 0 || o.Drain < 0 || o.Late < 0 {
		return o, fmt.Errorf("%w: a duration is negative", ErrUsage)
	}
	for name, text := range map[string]string{"stats": o.Stats, "metrics": o.Metrics} {
		if text == "" {
			continue
		}
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return o, fmt.Errorf("%w: %s URL %q: must be http or https", ErrUsage, name, text)
		}
	}
	if err := o.draw(); err != nil {
		return o, err
	}
	e := &o.Events
	for _, d := range []struct {
		name  *string
		byDef string
	}{
		{&e.Echo, "echo"}, {&e.Ack, "ack"}, {&e.Object, "object"}, {&e.Join, "join"}, {&e.Leave, "leave"}, {&e.Broadcast, "broadcast"},
	} {
		if *d.name == "" {
			*d.name = d.byDef
		}
	}
	if e.EchoReply == "" {
		e.EchoReply = e.Echo
	}
	if e.ObjectReply == "" {
		e.ObjectReply = e.Object
	}
	if e.BroadcastReply == "" {
		e.BroadcastReply = e.Broadcast
	}
	for _, name := range []string{e.Echo, e.EchoReply, e.Ack, e.Object, e.ObjectReply, e.Join, e.Leave, e.Broadcast, e.BroadcastReply} {
		if socketio.Reserved(name) {
			return o, fmt.Errorf("%w: event %q: the name is reserved", ErrUsage, name)
		}
	}
	return o, nil
}

// draw fills in what is drawn from: the seed, the name of the run and the rows.
func (o *Options) draw() (err error) {
	if o.Seed == 0 {
		o.Seed = DefaultSeed
	}
	if o.RunName == "" {
		o.RunName = fmt.Sprintf("%08x", rand.Uint32())
	}
	if o.Proc < 0 || o.FirstID < 0 {
		return fmt.Errorf("%w: a number of a process or client is negative", ErrUsage)
	}
	if o.Data == "" && o.DataOrder != "" && o.DataOrder != fill.InTurn {
		return fmt.Errorf("%w: an order of rows without data", ErrUsage)
	}
	if o.Data != "" && o.rows == nil {
		if o.rows, err = fill.LoadRows(o.Data, o.DataOrder, o.Seed); err != nil {
			return fmt.Errorf("%w: data: %w", ErrUsage, err)
		}
	}
	return nil
}

// config makes the client's configuration.
func (o *Options) config() (*client.Config, error) {
	var mixes [2]Mix
	for i, text := range []string{o.Transport, o.Parser} {
		if text == "" {
			continue
		}
		var err error
		if mixes[i], err = ParseMix(text); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUsage, err)
		}
	}
	c, err := client.NewConfig(o.URL, client.Options{
		Transports: mixes[0],
		Parsers:    mixes[1],
		Protocol:   o.Protocol,
		Compress:   o.Compress,
		Path:       o.Path,
		Namespace:  o.Namespace,
		Auth:       o.Auth,
		Query:      o.Query,
		Headers:    o.Headers,
		Timeout:    o.Timeout,
		Fill:       o.source(),
		FirstID:    o.FirstID,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	for _, source := range o.Sources {
		if source.Unmap().Is4() != c.Addr.Addr().Is4() {
			return nil, fmt.Errorf("%w: source address %v: the server's is %v, of the other kind", ErrUsage, source, c.Addr.Addr())
		}
	}
	return c, nil
}

// source is what templates draw on, with defaults filled in.
func (o *Options) source() fill.Source {
	return fill.Source{Proc: o.Proc, Run: o.RunName, Seed: o.Seed, Rows: o.rows}
}
