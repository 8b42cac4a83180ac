// Command go plays the cases of ../cases.json with a Socket.IO client written in Go,
// github.com/karagenc/socket.io-go.
//
//	go URL TRANSPORT PARSER TAG
//
// See ../README.md for the arguments and for what is printed.
package main

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	sio "github.com/karagenc/socket.io-go"
	eio "github.com/karagenc/socket.io-go/engine.io"
)

// limit bounds each wait.
const limit = 10 * time.Second

var url, transport, tag string

type object = map[string]any

// A failure ends a case; cannot is one of the client, not of the server.
type (
	failure string
	cannot  string
)

// ---- tools

// A peer is a socket, and what came and was not waited for.
type peer struct {
	sio.ClientSocket
	came chan came
}

type came struct {
	name string
	args []any
}

var (
	openMu sync.Mutex
	open   []*sio.Manager
)

// taking is a function of n arguments of any type, which is what the client wants of a
// handler: it takes no event with more or fewer.
func taking(n int, f func(args []any)) any {
	in := make([]reflect.Type, n)
	for i := range in {
		in[i] = reflect.TypeFor[any]()
	}
	return reflect.MakeFunc(reflect.FuncOf(in, nil, false), func(values []reflect.Value) []reflect.Value {
		args := make([]any, n)
		for i, v := range values {
			args[i] = v.Interface()
		}
		f(args)
		return nil
	}).Interface()
}

// join adds a namespace to a connection.
func join(m *sio.Manager, nsp string, auth object) *peer {
	config := new(sio.ClientSocketConfig)
	if auth != nil {
		config.Auth = auth
	}
	p := &peer{m.Socket(nsp, config), make(chan came, 1000)}
	p.OnConnect(func() { p.came <- came{name: "connect"} })
	p.OnConnectError(func(err any) { p.came <- came{"connect_error", []any{err}} })
	p.OnDisconnect(func(reason sio.Reason) { p.came <- came{"disconnect", []any{string(reason)}} })
	p.OnEvent("question", func(a, b float64, ack func(string, float64)) { ack("answer", a+b) })
	p.Connect()
	return p
}

// on notes an event that comes with n arguments.
func (p *peer) on(event string, n int) {
	p.OnEvent(event, taking(n, func(args []any) { p.came <- came{event, args} }))
}

// begin opens a connection of its own, and joins the namespace.
func begin(nsp string, auth object) *peer {
	transports := []string{transport}
	if transport == "upgrade" {
		transports = []string{"polling", "websocket"}
	}
	delay := 50 * time.Millisecond
	m := sio.NewManager(url+"/socket.io", &sio.ManagerConfig{
		EIO:               eio.ClientConfig{Transports: transports},
		ReconnectionDelay: &delay,
	})
	openMu.Lock()
	open = append(open, m)
	openMu.Unlock()
	return join(m, nsp, auth)
}

func joined(nsp string, auth object) *peer {
	p := begin(nsp, auth)
	p.next("connect")
	p.settle()
	return p
}

// next is the arguments of the next thing of that name; others are dropped.
func (p *peer) next(name string) []any {
	late := time.After(limit)
	for {
		select {
		case c := <-p.came:
			if c.name == name {
				return c.args
			}
		case <-late:
			panic(failure("no " + name))
		}
	}
}

// exactly expects events of that name with these first arguments, in any order, since
// each is handled on a goroutine of its own, and no others.
func (p *peer) exactly(name string, want ...any) {
	got := []any{}
	for range want {
		got = append(got, p.next(name)[0])
	}
	for len(p.came) > 0 {
		if c := <-p.came; c.name == name {
			got = append(got, c.args[0])
		}
	}
	slices.SortFunc(got, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	slices.SortFunc(want, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	equal(got, want)
}

// ask emits an event and waits for the answer, which has n values.
func (p *peer) ask(n int, event string, args ...any) []any {
	answer := make(chan []any, 1)
	p.Emit(event, append(args, taking(n, func(values []any) { answer <- values }))...)
	select {
	case values := <-answer:
		return values
	case <-time.After(limit):
		panic(failure("no answer to " + event))
	}
}

func (p *peer) about() object { return p.ask(1, "about")[0].(object) }

// settle waits until the connection has the cell's transport. The client loses what it
// sends while it upgrades, even for a moment after the server is done: the question is
// put again and again, until three in a row are answered.
func (p *peer) settle() {
	if transport != "upgrade" {
		if now := p.about()["transport"]; now != transport {
			panic(failure(fmt.Sprint("the transport is ", now)))
		}
		return
	}
	answered := 0
	for end := time.Now().Add(limit); time.Now().Before(end); {
		answer := make(chan object, 1)
		p.Emit("about", func(about object) { answer <- about })
		select {
		case about := <-answer:
			if about["transport"] == "websocket" {
				if answered++; answered == 3 {
					return
				}
			}
		case <-time.After(100 * time.Millisecond):
			answered = 0
		}
	}
	panic(failure("no upgrade"))
}

// refused expects that the client may not join, and is told the message.
func refused(nsp string, auth object, message string) {
	err := begin(nsp, auth).next("connect_error")[0]
	if !strings.Contains(fmt.Sprint(err), message) {
		panic(failure(fmt.Sprint("refused with ", err)))
	}
}

// plain is a value with numbers as float64, and binaries as texts of their own kind.
func plain(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, w := range v {
			list[i] = plain(w)
		}
		return list
	case object:
		o := make(object, len(v))
		for k, w := range v {
			o[k] = plain(w)
		}
		return o
	case sio.Binary:
		return "binary:" + hex.EncodeToString(v)
	case int:
		return float64(v)
	default:
		return v
	}
}

func equal(got, want any) {
	got, want = plain(got), plain(want)
	if !reflect.DeepEqual(got, want) {
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		panic(failure(fmt.Sprintf("got %.150s, want %.150s", g, w)))
	}
}

// echoed sends the arguments and expects them back.
func echoed(args ...any) {
	p := joined("/", nil)
	p.on("echo", len(args))
	p.Emit("echo", args...)
	equal(p.next("echo"), args)
}

func values() []any {
	return []any{
		nil, true, false, 0, -7, 1.5, 9007199254740991, "", "é€😀\u2028\"\\\n", []any{}, object{}, []any{[]any{[]any{1}}},
		object{"a": object{"b": []any{object{"c": nil}}}},
	}
}

// bounded: what is longer than a frame that the client takes cannot be tried.
func bounded() {
	if transport != "polling" {
		panic(cannot("frames over 32,768 bytes are not taken"))
	}
}

// disconnected expects to be told of a disconnection. The connection's end, which follows,
// may overtake the packet.
func disconnected(all bool) {
	p := joined("/", nil)
	p.Emit("disconnect.me", all)
	if reason := p.next("disconnect")[0]; reason != "io server disconnect" && reason != "transport close" {
		panic(failure(fmt.Sprint("told ", reason)))
	}
}

// ---- cases

var cases = []struct {
	name string
	run  func()
}{
	{"connect", func() {
		p := joined("/", nil)
		about := p.about()
		equal([]any{about["nsp"], about["id"], about["protocol"]}, []any{"/", string(p.ID()), 4})
	}},
	{"transport", func() { joined("/", nil) }},
	{"order", func() {
		p := begin("/", nil)
		p.on("echo", 1)
		p.next("connect")
		want := []any{}
		for i := range 40 {
			p.Emit("echo", i)
			want = append(want, i)
			if i%10 == 9 {
				time.Sleep(2 * time.Millisecond)
			}
		}
		p.settle()
		if transport == "upgrade" {
			panic(cannot("what is sent while it upgrades is lost"))
		}
		p.ask(1, "rooms")
		p.exactly("echo", want...)
		panic(cannot("each event is handled on a goroutine of its own, in no order; all came once"))
	}},
	{"auth", func() { joined("/auth", object{"token": "good"}) }},
	{"auth.refused", func() {
		refused("/auth", object{"token": "bad"}, "unauthorized")
		panic(cannot("the data of a refusal is not told"))
	}},
	{"middleware", func() { refused("/auth", nil, "no token") }},
	{"unknown", func() { refused("/nowhere", nil, "Invalid namespace") }},
	{"namespace", func() {
		p := joined("/", nil)
		other := join(p.Manager(), "/static", nil)
		other.next("connect")
		p.on("echo", 1)
		other.on("echo", 1)
		p.Emit("echo", "main")
		other.Emit("echo", "other")
		p.ask(1, "rooms")
		other.ask(1, "rooms")
		p.exactly("echo", "main")
		other.exactly("echo", "other")
	}},
	{"dynamic", func() { equal(joined("/dyn/"+tag, nil).about()["nsp"], "/dyn/"+tag) }},
	{"json", func() { echoed(values()...) }},
	{"text", func() {
		bounded()
		echoed(strings.Repeat("aé€😀", 6554))
	}},
	{"binary", func() {
		bounded()
		b := make(sio.Binary, 100_000)
		for i := range b {
			b[i] = byte(i * 31)
		}
		p := joined("/", nil)
		p.OnEvent("echo", func(b sio.Binary) { p.came <- came{"echo", []any{b}} })
		p.Emit("echo", b)
		equal(p.next("echo"), []any{b})
	}},
	{"nested", func() {
		// Binary is found in fields of its type only.
		type inner struct {
			C sio.Binary `json:"c"`
		}
		type outer struct {
			A sio.Binary `json:"a"`
			B []inner    `json:"b"`
		}
		p := joined("/", nil)
		p.OnEvent("echo", func(o outer, b sio.Binary) { p.came <- came{"echo", []any{o, b}} })
		sent := func() outer { return outer{sio.Binary("one"), []inner{{sio.Binary("two")}}} } // which Emit spoils
		o := sent()
		p.Emit("echo", &o, sio.Binary("three"))
		if got, want := p.next("echo"), []any{sent(), sio.Binary("three")}; !reflect.DeepEqual(got, want) {
			panic(failure(fmt.Sprintf("got %.150v, want %v", got, want)))
		}
	}},
	{"given", func() {
		p := joined("/", nil)
		p.on("given", len(values()))
		p.Emit("give", "json")
		equal(p.next("given"), values())
		panic(cannot("binary in an array beside other things has no type in Go; the JSON came"))
	}},
	{"ack", func() {
		args := []any{"a", object{"b": []any{1}}, nil}
		equal(joined("/", nil).ask(len(args), "echo", args...), args)
	}},
	{"ack.binary", func() {
		p := joined("/", nil)
		answer := make(chan []any, 1)
		p.Emit("echo", sio.Binary("one"), 2, func(b sio.Binary, n int) { answer <- []any{b, n} })
		select {
		case got := <-answer:
			equal(got, []any{sio.Binary("one"), 2})
		case <-time.After(limit):
			panic(failure("no answer to echo"))
		}
	}},
	{"ack.client", func() {
		answer := joined("/", nil).ask(1, "ask", 10_000, "question", 1, 1)
		equal(answer, []any{object{"error": nil, "values": []any{"answer", 2}}})
	}},
	{"ack.timeout", func() {
		p := joined("/", nil)
		late := make(chan error, 1)
		p.Timeout(200*time.Millisecond).Emit("ack.never", func(err error) { late <- err })
		select {
		case err := <-late:
			if err == nil {
				panic(failure("no error"))
			}
		case <-time.After(limit):
			panic(failure("no timeout"))
		}
	}},
	{"ack.unanswered", func() {
		equal(joined("/", nil).ask(1, "ask", 200, "unheard"), []any{object{"error": "timeout", "values": []any{}}})
	}},
	{"room", func() {
		a, b := joined("/", nil), joined("/", nil)
		a.on("note", 1)
		b.on("note", 1)
		room := []any{tag}
		a.ask(1, "join", room)
		b.ask(1, "join", room)
		a.ask(0, "cast", object{"from": "socket", "to": room}, "note", 1)
		b.ask(1, "leave", tag)
		a.ask(0, "cast", object{"to": room}, "note", 2)
		a.ask(1, "rooms")
		b.ask(1, "rooms")
		a.exactly("note", 2)
		b.exactly("note", 1)
	}},
	{"broadcast", func() {
		nsp := "/dyn/" + tag + ".all"
		a, b := joined(nsp, nil), joined(nsp, nil)
		a.on("note", 1)
		b.on("note", 1)
		b.ask(1, "join", []any{"b"})
		a.ask(0, "cast", object{}, "note", 1)
		a.ask(0, "cast", object{"from": "socket"}, "note", 2)
		a.ask(0, "cast", object{"except": []any{"b"}}, "note", 3)
		a.ask(1, "rooms")
		b.ask(1, "rooms")
		a.exactly("note", 1, 3)
		b.exactly("note", 1, 2)
	}},
	{"disconnect.client", func() {
		control := begin("/control", nil)
		control.next("connect")
		p := joined("/", nil)
		id := string(p.ID())
		p.Disconnect()
		for end := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
			record := control.ask(1, "record", id)[0].(object)
			if record["times"] != 0.0 {
				// It closes at once, so its packet may not get through.
				if record["reason"] == "transport close" || record["reason"] == "transport error" {
					record["reason"] = "client namespace disconnect"
				}
				equal([]any{record["reason"], record["times"]}, []any{"client namespace disconnect", 1})
				return
			}
			if time.Now().After(end) {
				panic(failure("the server has not seen the end"))
			}
		}
	}},
	{"disconnect.server", func() { disconnected(false) }},
	{"disconnect.close", func() { disconnected(true) }},
	{"reconnect", func() {
		p := joined("/", nil)
		before := string(p.ID())
		p.Emit("cut")
		equal(p.next("disconnect")[0], "transport close")
		p.next("connect")
		p.settle()
		if string(p.ID()) == before {
			panic(failure("the same socket"))
		}
		equal(p.ask(1, "echo", 1), []any{1})
	}},
}

// play is the line of a case.
func play(name string, run func()) (line string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case cannot:
			line = fmt.Sprintf("none %s %s", name, string(r))
		default:
			line = fmt.Sprintf("fail %s %s", name, bytes.Join(bytes.Fields(fmt.Append(nil, r)), sio.Binary(" ")))
		}
		for _, m := range open {
			m.Close()
		}
		open = nil
	}()
	run()
	return "ok " + name
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: go URL TRANSPORT PARSER TAG")
		os.Exit(2)
	}
	url, transport = os.Args[1], os.Args[2]
	for _, c := range cases {
		// The client may lose what it sends or gets while it upgrades or closes.
		var line string
		for attempt := range 3 {
			tag = fmt.Sprint(os.Args[4], ".", attempt)
			if line = play(c.name, c.run); !strings.HasPrefix(line, "fail") {
				break
			}
			fmt.Fprintln(os.Stderr, line)
		}
		fmt.Println(line)
	}
}
