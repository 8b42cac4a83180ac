package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/e6a90ca8/sio/bench"
)

// commandLine is the whole grammar.
type commandLine struct {
	Config string `help:"YAML file with values for flags; by default sio-bench.yaml in $$XDG_CONFIG_HOME or ~/.config, if it is there." placeholder:"FILE"`

	scenarios
	Run        runCommand        `cmd:"" help:"Run a scenario file: kinds of clients with flows of steps, and phases with ramps."`
	Matrix     matrixCommand     `cmd:"" help:"Start several servers and run the same cases against them, turn about."`
	Compare    compareCommand    `cmd:"" help:"Compare results: better, worse, or the same within chance."`
	Doctor     doctorCommand     `cmd:"" help:"See what bounds connections on this machine, and what would disturb figures."`
	Completion completionCommand `cmd:"" help:"Write a script for a shell's completion of commands and flags."`
	Target     targetCommand     `cmd:"" help:"Run a small server to try the scenarios on, with faults if wished."`
	Selfcheck  selfcheckCommand  `cmd:"" help:"See that every fault a server can have is caught, and no other."`
}

// caseLine is the grammar of one case of a matrix.
type caseLine struct {
	scenarios
}

func grammar() []kong.Option {
	return []kong.Option{
		kong.Name("sio-bench"),
		kong.Description(`A load generator for Socket.IO servers.

Examples:
  sio-bench echo http://127.0.0.1:3000                      100 connections, one message each under way, 10 s
  sio-bench echo :3000 -c 1000 --depth 16 --pid 4711        and what it costs the server's process
  sio-bench echo :3000 -c 500 --rate 8000                   open loop: 8,000 messages a second come what may
  sio-bench broadcast :3000 -c 10000 --in-flight 8
  sio-bench idle :3000 --steps 2000,10000,18000 --pid 4711
  sio-bench matrix --server 'ours=./server' --server 'node=node server.js' --markdown result.md
  sio-bench compare 'old*.json' 'new*.json' --threshold 3%
  sio-bench doctor :3000 -c 100000

Every flag can be set by the environment, --echo-event as SIO_BENCH_ECHO_EVENT, and in a YAML file:
  conns: 500            for all commands that have the flag
  echo: {depth: 16}     for one command
The command line goes before the environment, and that before the file. Cases of a matrix take neither.

Exit code: 0 all well, 1 errors were counted or the run failed, 2 wrong usage, 3 a threshold was missed,
4 a comparison shows something worse, or not measured any more, or a repetition something else, 130 interrupted.`),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	}
}

// common are the flags of all scenarios.
type common struct {
	URL string `arg:"" help:"The server: http://host:port, host:port or :port. A path is the namespace." placeholder:"URL"`

	Conns       int           `short:"c" default:"100" help:"Connections (${default})." placeholder:"N"`
	Duration    time.Duration `short:"d" default:"10s" help:"Time that counts."`
	Warmup      time.Duration `short:"w" default:"1s" help:"Time before it that does not."`
	Transport   string        `short:"t" default:"websocket" complete:"websocket,polling,upgrade" help:"websocket, polling, or upgrade from polling to websocket; or by share: websocket=70,polling=20,upgrade=10." placeholder:"MIX"`
	Parser      string        `default:"json" complete:"json,msgpack" help:"json or msgpack, or by share." placeholder:"MIX"`
	EIO         int           `name:"eio" default:"4" help:"Engine.IO protocol: 4, or 3 as clients of Socket.IO 2 speak it (allowEIO3)." placeholder:"3|4"`
	Compress    bool          `help:"Offer permessage-deflate, and insist on it."`
	Concurrency int           `default:"128" help:"Handshakes and goodbyes in flight (${default})." placeholder:"N"`
	Timeout     time.Duration `default:"10s" help:"For one handshake or goodbye, and for an answer where the next message waits for it: then it is lost."`
	Drain       time.Duration `default:"10s" help:"For messages under way at the end; what has not come then is lost."`
	Late        time.Duration `help:"Count answers that take longer as errors." placeholder:"DURATION"`
	Loops       int           `default:"1" help:"Loops of the generator, each up to a core (${default})." placeholder:"N"`
	Source      []string      `help:"Local addresses to connect from, or a block of them (127.0.0.0/24); by default 127.0.0.1, .2 and so on for very many connections to 127.0.0.1." placeholder:"ADDR,…"`

	Path      string            `default:"/socket.io/" help:"Path of the Engine.IO server."`
	Namespace string            `short:"n" help:"Namespace; by default the path of the URL." placeholder:"/NAME"`
	Auth      string            `help:"JSON object to send with CONNECT." placeholder:"JSON" group:"Clients that differ"`
	Query     map[string]string `help:"Parameter of every request; may be repeated." mapsep:"none" placeholder:"NAME=TEXT" group:"Clients that differ"`
	Header    map[string]string `short:"H" help:"Header of every request; may be repeated. It, --auth and --query may have places to be filled in: {{.ID}}, {{.Row \"column\"}}, {{randHex 8}}; see sio-bench echo --help." mapsep:"none" placeholder:"NAME=TEXT" group:"Clients that differ"`
	Data      string            `help:"Table whose rows are dealt out to the clients; its first line names the columns." placeholder:"FILE.csv" group:"Clients that differ"`
	DataOrder string            `default:"turn" enum:"turn,random" help:"turn or random." group:"Clients that differ"`
	Seed      uint64            `default:"1" help:"Decides over all that is drawn: which client has which transport, row and number (${default})." placeholder:"N" group:"Clients that differ"`

	PID   int    `help:"The server's process, to measure its CPU time and memory (Linux)." placeholder:"N"`
	Stats string `help:"URL that tells the server's heap objects: JSON with heap_objects, or expvar's memstats." placeholder:"URL"`

	EchoEvent      string `default:"echo" help:"Event that is answered (${default})." placeholder:"NAME" group:"Events of the server"`
	EchoReply      string `help:"Event it is answered by; by default the same." placeholder:"NAME" group:"Events of the server"`
	AckEvent       string `default:"ack" help:"Event that is acknowledged with its arguments (${default})." placeholder:"NAME" group:"Events of the server"`
	ObjectEvent    string `default:"object" help:"Event (value) that is answered with the value, for --object (${default})." placeholder:"NAME" group:"Events of the server"`
	ObjectReply    string `help:"Event it is answered by; by default the same." placeholder:"NAME" group:"Events of the server"`
	JoinEvent      string `default:"join" help:"Event (room) that joins a room and is acknowledged (${default})." placeholder:"NAME" group:"Events of the server"`
	LeaveEvent     string `default:"leave" help:"Event (room) that leaves a room and is acknowledged (${default})." placeholder:"NAME" group:"Events of the server"`
	BroadcastEvent string `default:"broadcast" help:"Event (room, payload) that is passed on to the room, the sender included (${default})." placeholder:"NAME" group:"Events of the server"`
	BroadcastReply string `help:"Event it is passed on as; by default the same." placeholder:"NAME" group:"Events of the server"`

	measuring

	files
	Quiet bool `short:"q" help:"No progress." group:"Output"`
}

// withHost is a URL of which only :port may have been given.
func withHost(url string) string {
	if strings.HasPrefix(url, ":") {
		return "127.0.0.1" + url
	}
	return url
}

// options makes the scenario's options.
func (c *common) options() (bench.Options, error) {
	url := withHost(c.URL)
	o := bench.Options{
		URL: url, Transport: c.Transport, Parser: c.Parser, Protocol: c.EIO, Compress: c.Compress, Path: c.Path, Namespace: c.Namespace,
		Auth: c.Auth, Query: c.Query, Headers: c.Header, Data: c.Data, DataOrder: c.DataOrder, Seed: c.Seed,
		Conns: c.Conns, Duration: c.Duration, Warmup: c.Warmup, Concurrency: c.Concurrency, Timeout: c.Timeout, Drain: c.Drain, Late: c.Late, Loops: c.Loops,
		PID: c.PID, Stats: c.Stats, Metrics: c.Metrics,
		Events: bench.Events{
			Echo: c.EchoEvent, EchoReply: c.EchoReply, Ack: c.AckEvent, Object: c.ObjectEvent, ObjectReply: c.ObjectReply, Join: c.JoinEvent, Leave: c.LeaveEvent,
			Broadcast: c.BroadcastEvent, BroadcastReply: c.BroadcastReply,
		},
	}
	// Zero means the default to package bench; here it was asked for.
	for name, n := range map[string]int64{
		"-c": int64(c.Conns), "-d": int64(c.Duration), "--concurrency": int64(c.Concurrency),
		"--timeout": int64(c.Timeout), "--drain": int64(c.Drain), "--loops": int64(c.Loops),
	} {
		if n <= 0 {
			return o, fmt.Errorf("%w: %s must be more than 0", bench.ErrUsage, name)
		}
	}
	if o.Warmup == 0 {
		o.Warmup = -1
	}
	var err error
	if o.Sources, err = addresses(c.Source); err != nil {
		return o, fmt.Errorf("%w: --source: %w", bench.ErrUsage, err)
	}
	return o, nil
}

// scenarioCommand is a command that runs one scenario.
type scenarioCommand interface {
	scenario() bench.Scenario
	shared() *common
	options() (bench.Options, error)
}

type echoCommand struct {
	common
	Depth  int           `short:"D" default:"1" help:"Messages under way on each connection (${default})." placeholder:"N"`
	Size   int           `short:"s" default:"64" help:"Bytes of a packet on the wire; of the attachment with --binary (${default})." placeholder:"BYTES"`
	Rate   float64       `short:"r" help:"Messages per second over all connections, sent when they are due whatever comes back; latency counts from then." placeholder:"N"`
	Think  time.Duration `help:"How long to wait after an answer before the next message is sent in its place; not with --rate."`
	Ack    bool          `xor:"kind" help:"Have the event acknowledged rather than answered by an event."`
	Binary bool          `xor:"kind" help:"Send an attachment."`
	Object bool          `xor:"kind" help:"Send a JSON object of 1 KiB, for the server to decode and encode."`
}

func (c *echoCommand) shared() *common { return &c.common }

func (c *echoCommand) scenario() bench.Scenario {
	kind := bench.Event
	switch {
	case c.Ack:
		kind = bench.Ack
	case c.Binary:
		kind = bench.Binary
	case c.Object:
		kind = bench.Object
	}
	return &bench.Echo{Kind: kind, Depth: c.Depth, Rate: c.Rate, Think: c.Think, Size: c.Size}
}

func (*echoCommand) Help() string {
	return `Every answer is checked: its event, its number, its payload, its place in the order.

Examples:
  sio-bench echo :3000 -c 100 --depth 16
  sio-bench echo :3000 -t polling --depth 8
  sio-bench echo :3000 -c 5000 --think 1s
  sio-bench echo :3000/chat --auth '{"token":"a"}' --ack
  sio-bench echo :3000 -t websocket=70,polling=20,upgrade=10 --seed 7
  sio-bench echo :3000 --data users.csv --auth '{"token":{{json (.Row "token")}}}' -H 'X-User={{.Row "name"}}'

Places that are filled in for each client, in --auth, --query and -H:
  {{.ID}}  {{.Proc}}  {{.Run}}  {{.Row "column"}}     number, process, name of the run, field of its row of --data
  {{env "NAME"}}  {{randInt 1 6}}  {{randHex 8}}      the same for the same client and --seed
  {{upper …}}  {{lower …}}  {{trim …}}  {{json …}}  {{base64 …}}  {{add .ID 1}}  {{mod .ID 10}}`
}

func (c *echoCommand) Run(a *app) error { return a.scenario(c) }

type broadcastCommand struct {
	common
	InFlight int     `short:"k" default:"1" help:"Broadcasts under way: the next is sent when the last receiver has one (${default})." placeholder:"N"`
	Rate     float64 `short:"r" help:"Broadcasts per second, sent when they are due whatever has come; latency counts from then." placeholder:"N"`
	Size     int     `short:"s" default:"64" help:"Bytes of a delivered packet on the wire (${default})." placeholder:"BYTES"`
}

func (c *broadcastCommand) shared() *common { return &c.common }

func (c *broadcastCommand) scenario() bench.Scenario {
	return &bench.Broadcast{InFlight: c.InFlight, Rate: c.Rate, Size: c.Size}
}

func (*broadcastCommand) Help() string {
	return `All connections join one room; one of them sends, all of them receive, the sender too.
Costs are per delivery. "last receiver" is the time until everyone has it.

Example:
  sio-bench broadcast :3000 -c 1000 --in-flight 8 --pid 4711`
}

func (c *broadcastCommand) Run(a *app) error { return a.scenario(c) }

type roomsCommand struct {
	common
	Rooms int `short:"R" help:"Rooms; by default a tenth of the connections." placeholder:"N"`
	Size  int `short:"s" default:"64" help:"Bytes of a delivered packet on the wire (${default})." placeholder:"BYTES"`
}

func (c *roomsCommand) shared() *common          { return &c.common }
func (c *roomsCommand) scenario() bench.Scenario { return &bench.Rooms{Rooms: c.Rooms, Size: c.Size} }

func (*roomsCommand) Help() string {
	return `Each connection sends to its room, and again when its own copy has come back. Costs are per delivery.

Example:
  sio-bench rooms :3000 -c 2000 --rooms 200 --pid 4711`
}

func (c *roomsCommand) Run(a *app) error { return a.scenario(c) }

type connectCommand struct {
	common
	Hold   bool `xor:"how" help:"Connect once and hold to the end, in place of cycles of connect and goodbye."`
	Cycles int  `xor:"how" help:"End after so many cycles in place of -d, and look at the server's memory after a tenth and at the end." placeholder:"N"`
}

// AfterApply is kong's hook for checks. Without --hold nothing is held: -c, if it was
// given, is the number of connects in flight.
func (c *connectCommand) AfterApply(line *kong.Context) error {
	if c.Hold {
		return nil
	}
	switch conns := flagGiven(line, "conns"); {
	case conns && flagGiven(line, "concurrency"):
		return errors.New("-c and --concurrency mean the same without --hold")
	case conns:
		c.Concurrency = c.Conns
	}
	return nil
}

func (c *connectCommand) shared() *common { return &c.common }

func (c *connectCommand) scenario() bench.Scenario {
	return &bench.Connect{Hold: c.Hold, Cycles: c.Cycles}
}

func (*connectCommand) Help() string {
	return `A connect is everything from TCP to the answer to CONNECT. -c says how many are in flight (128); with
--hold how many connections are held, and --concurrency how many are in flight meanwhile.

Examples:
  sio-bench connect :3000 -c 64 -d 10s --pid 4711
  sio-bench connect :3000 --hold -c 10000 --pid 4711
  sio-bench connect :3000 --cycles 50000 --pid 4711`
}

func (c *connectCommand) Run(a *app) error { return a.scenario(c) }

type idleCommand struct {
	common
	Steps  string        `default:"1000,2000,4000" help:"Connections at each step; -c does not count (${default})." placeholder:"N,N,…"`
	Settle time.Duration `default:"3s" help:"Rest before the server's memory is read."`
	Window time.Duration `help:"Count heartbeats for so long after the last step, for the server's CPU time of one." placeholder:"DURATION"`

	steps []int
}

func (c *idleCommand) shared() *common { return &c.common }

// AfterApply is kong's hook for checks.
func (c *idleCommand) AfterApply() error {
	for text := range strings.SplitSeq(c.Steps, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("--steps %q: %w", c.Steps, err)
		}
		c.steps = append(c.steps, n)
	}
	return nil
}

func (c *idleCommand) scenario() bench.Scenario {
	return &bench.Idle{Steps: c.steps, Settle: c.Settle, Window: c.Window}
}

func (*idleCommand) Help() string {
	return `The slope of the server's resident memory over the steps is what one connection takes.

Example:
  sio-bench idle :3000 --steps 2000,10000,18000 --window 60s --pid 4711`
}

func (c *idleCommand) Run(a *app) error { return a.scenario(c) }

// scenario runs one scenario and shows what came out.
func (a *app) scenario(c scenarioCommand) error {
	flags := c.shared()
	o, err := c.options()
	if err != nil {
		return err
	}
	thresholds, err := flags.assertions()
	if err != nil {
		return err
	}
	if os.Getenv(partEnv) != "" {
		return bench.Work(a.ctx, c.scenario(), o, os.Stdin, os.Stdout)
	}
	if err := flags.tryHDR(); err != nil {
		return err
	}
	files, err := flags.begin(a.out)
	if err != nil {
		return err
	}
	scenario := c.scenario()
	p := newProgress(a.errOut, flags.Quiet)
	o.Intervals = flags.HLog != ""
	p.about(a.ctx, scenario.Name()+"  "+bench.PublicURLs(o.URL))
	o.Progress = func(q bench.Progress) {
		p.run(q)
		files.sample(q.Sample)
	}
	res, err := a.spread(scenario, flags.Procs).Run(a.ctx, o)
	p.end()
	if err != nil {
		files.close()
		return err
	}
	res.Command = commandOf(a.args)
	res.Assert(thresholds)
	text := a.out
	if files.printed {
		text = a.errOut // of which no more than the thresholds goes there
	} else {
		err = printResult(text, res, newStyle(text))
	}
	if failed := printVerdicts(text, res.Assertions, newStyle(text)); err == nil {
		err = failed
	}
	if failed := files.finish(res); err == nil {
		err = failed
	}
	if failed := flags.writeHDR(res); err == nil {
		err = failed
	}
	switch {
	case err != nil:
		return err
	case res.Interrupted: // this process, or another of --procs
		return context.Canceled
	}
	return a.conclude(res, thresholds)
}
