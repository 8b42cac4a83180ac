package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/siotest"
)

var client = fstest.MapFS{bundle: {Data: []byte("export {};")}}

func start(t *testing.T) (*sio.Server, *monitor) {
	t.Helper()
	srv, figures, err := newServer(client)
	if err != nil {
		t.Fatal(err)
	}
	siotest.Start(t, srv)
	return srv, figures
}

// login is what the page sends to join: a person's key is the same for one name here.
func login(name string) siotest.DialOption {
	return siotest.Auth(map[string]string{"name": name, "key": "the secret key of " + strings.ToLower(name)})
}

// A guest is a client that has been welcomed.
type guest struct {
	*siotest.Client
	t  *testing.T
	me Person
	n  int
}

// come connects somebody, who enters rooms. What is told on the way is dropped.
func come(t *testing.T, srv *sio.Server, name string, rooms ...string) *guest {
	t.Helper()
	g := &guest{Client: siotest.Dial(t, srv, "/", login(name)), t: t}
	if err := g.next(string(Welcome)).Decode(0, &g.me); err != nil {
		t.Fatal(err)
	}
	for _, r := range rooms {
		if _, err := siotest.Call(g.Client, Enter, r); err != nil {
			t.Fatalf("%s enters %s: %v", name, r, err)
		}
	}
	g.Drain()
	return g
}

// next is the next event of the name; lists of rooms are passed over.
func (g *guest) next(name string) *siotest.Event {
	g.t.Helper()
	for {
		e := g.Next()
		switch {
		case e == nil:
			g.t.Fatalf("want %q: the client has ended: %s", name, g.Reason())
		case e.Name() == name:
			return e
		case e.Name() != string(Rooms):
			g.t.Fatalf("want %q, got %v", name, e)
		}
	}
}

func (g *guest) id() string { g.n++; return fmt.Sprintf("%s.%d", g.me.ID, g.n) }

func (g *guest) say(room, text string) {
	g.t.Helper()
	if at, err := siotest.Call(g.Client, Say, Line{room, g.id(), text}); err != nil || at == 0 {
		g.t.Fatalf("say: %d, %v", at, err)
	}
}

// share sends a picture, and returns how it was answered.
func (g *guest) share(room, id string, data []byte) string {
	g.t.Helper()
	answer, err := g.Ask(context.Background(), Share, room, id, data)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(answer.Raw(0))
}

// enters has somebody enter a room, and returns the room as they found it.
func (g *guest) enters(room string) (found Room) {
	g.t.Helper()
	if _, err := siotest.Call(g.Client, Enter, room); err != nil {
		g.t.Fatal(err)
	}
	if err := g.next(string(State)).Decode(0, &found); err != nil {
		g.t.Fatal(err)
	}
	return found
}

// decode2 are the arguments of an event that has two.
func decode2[A, B any](g *guest, e sio.Event2[A, B]) (a A, b B) {
	g.t.Helper()
	got := g.next(string(e))
	if err := errors.Join(got.Decode(0, &a), got.Decode(1, &b)); err != nil {
		g.t.Fatal(err)
	}
	return a, b
}

func pixels(t *testing.T, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, w, h))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wantFail(t *testing.T, err error, code string) {
	t.Helper()
	var f sio.Fail
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("error %v, want one with code %q", err, code)
	}
}

func TestTextReachesTheRoom(t *testing.T) {
	srv, _ := start(t)
	ada, bob, eve := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby"), come(t, srv, "Eve", "attic")
	ada.Drain()
	eve.Drain()

	ada.say("lobby", " hello <b>there</b>\n")
	room, m := decode2(bob, Posted)
	if room != "lobby" || m.From != ada.me || m.Text != "hello <b>there</b>" || m.At == 0 {
		t.Errorf("in %q: %+v", room, m)
	}
	ada.ExpectNone() // the answer is enough
	eve.ExpectNone()
}

// The page sends a text again when the connection ended before the answer.
func TestTextSentAgainIsSaidOnce(t *testing.T) {
	srv, _ := start(t)
	ada, bob := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby")
	line := Line{"lobby", ada.id(), "once"}
	first, err1 := siotest.Call(ada.Client, Say, line)
	again, err2 := siotest.Call(ada.Client, Say, line)
	if err1 != nil || err2 != nil || first != again {
		t.Errorf("answers %d, %v and %d, %v", first, err1, again, err2)
	}
	decode2(bob, Posted)
	bob.ExpectNone()
}

func TestSayRefuses(t *testing.T) {
	srv, _ := start(t)
	ada, bob := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby", "attic")
	for _, tc := range []struct {
		name string
		line Line
		code string
	}{
		{"room that is not there", Line{"cellar", ada.id(), "x"}, "room"},
		{"room one is not in", Line{"attic", ada.id(), "x"}, "room"},
		{"nothing", Line{"lobby", ada.id(), " \n "}, "text"},
		{"too much", Line{"lobby", ada.id(), strings.Repeat("x", maxText+1)}, "text"},
		{"an id of somebody else", Line{"lobby", bob.id(), "x"}, "id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := siotest.Call(ada.Client, Say, tc.line)
			wantFail(t, err, tc.code)
		})
	}
	bob.ExpectNone()
}

func TestPictureIsPassedOnAsItCame(t *testing.T) {
	srv, _ := start(t)
	ada, bob := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby")
	ada.Drain()
	id, data := ada.id(), pixels(t, 30, 20)
	ada.share("lobby", id, data)

	_, m := decode2(bob, Posted)
	if want := (Picture{Format: "png", Width: 30, Height: 20}); m.Picture == nil || m.Picture.Format != want.Format ||
		m.Picture.Width != want.Width || m.Picture.Height != want.Height || m.Picture.Gone || m.From != ada.me || m.ID != id {
		t.Errorf("told of %+v, picture %+v", m, m.Picture)
	}
	bob.Expect(Share, "lobby", id, data)
	ada.ExpectNone()

	// Who comes later asks for it.
	eve := come(t, srv, "Eve", "lobby")
	answer, err := eve.Ask(context.Background(), string(Fetch), "lobby", id)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := answer.Binary(0); !ok || !bytes.Equal(got, data) {
		t.Errorf("fetched %d bytes, %v; want %d", len(got), ok, len(data))
	}
}

func TestShareRefuses(t *testing.T) {
	srv, _ := start(t)
	ada, bob := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby")
	good := pixels(t, 8, 8)
	for _, tc := range []struct {
		name string
		args []any
		code string
	}{
		{"no picture", []any{"lobby", ada.id(), []byte("<svg onload=alert(1)>")}, "picture"},
		{"too many bytes", []any{"lobby", ada.id(), append(bytes.Clone(good), make([]byte, maxPicture)...)}, "picture"},
		{"too wide", []any{"lobby", ada.id(), pixels(t, maxSide+1, 1)}, "picture"},
		{"text in place of bytes", []any{"lobby", ada.id(), "bytes"}, "bad_argument"},
		{"something hidden behind", []any{"lobby", ada.id(), good, "more"}, "bad_argument"},
		{"room one is not in", []any{"attic", ada.id(), good}, "room"},
		{"an id of somebody else", []any{"lobby", bob.id(), good}, "id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer, err := ada.Ask(context.Background(), Share, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(answer.Raw(0)); !strings.Contains(got, `"code":"`+tc.code+`"`) {
				t.Errorf("answer %s, want code %q", got, tc.code)
			}
		})
	}
	bob.ExpectNone()
}

func TestHistory(t *testing.T) {
	srv, _ := start(t)
	ada := come(t, srv, "Ada", "lobby")
	for i := range maxHistory + 5 {
		ada.say("lobby", fmt.Sprint(i))
	}
	found := come(t, srv, "Bob").enters("lobby")
	if n := len(found.History); n != maxHistory || found.History[0].Text != "5" || found.History[n-1].Text != fmt.Sprint(maxHistory+4) {
		t.Errorf("%d messages, first %+v", n, found.History[0])
	}
	if len(found.People) != 2 {
		t.Errorf("people %v", found.People)
	}
}

// Pictures are kept up to a total; older ones are told of, but have no bytes any more.
func TestHistoryForgetsPictures(t *testing.T) {
	srv, _ := start(t)
	ada := come(t, srv, "Ada", "lobby", "attic")
	// PNG's own end comes early: what is behind it is ballast to every reader.
	big := append(pixels(t, 4, 4), make([]byte, maxPicture-4<<10)...)
	fit := maxKept / len(big)
	ids := make([]string, fit+1)
	for i := range ids {
		ids[i] = ada.id()
		if got := ada.share([]string{"lobby", "attic"}[i%2], ids[i], big); strings.Contains(got, "error") {
			t.Fatal(got)
		}
	}
	lobby := come(t, srv, "Bob").enters("lobby")
	if first, second := lobby.History[0], lobby.History[1]; !first.Picture.Gone || second.Picture.Gone {
		t.Errorf("gone: %v, %v; want only the first", first.Picture.Gone, second.Picture.Gone)
	}
	answer, err := ada.Ask(context.Background(), string(Fetch), "lobby", ids[0])
	if err != nil || !strings.Contains(string(answer.Raw(0)), `"code":"gone"`) {
		t.Errorf("answer %v, %v", answer, err)
	}
}

func TestRooms(t *testing.T) {
	srv, _ := start(t)
	ada := come(t, srv, "Ada", "lobby")
	bob := come(t, srv, "Bob", "lobby")
	if room, who := decode2(ada, Arrived); room != "lobby" || who != bob.me {
		t.Errorf("arrived: %v in %q", who, room)
	}
	ada.Drain()

	// A room has one spelling: that of who made it.
	if got := bob.enters("  Blue   attic "); got.Name != "Blue attic" {
		t.Errorf("room %q", got.Name)
	}
	if name, err := siotest.Call(ada.Client, Enter, "BLUE ATTIC"); name != "Blue attic" || err != nil {
		t.Errorf("entered %q, %v", name, err)
	}
	var list []Listed
	for _, e := range ada.Drain() {
		if e.Name() == string(Rooms) {
			_ = e.Decode(0, &list)
		}
	}
	if want := []Listed{{"lobby", 2}, {"Blue attic", 2}}; !slices.Equal(list, want) {
		t.Errorf("rooms %v, want %v", list, want)
	}

	if in, err := siotest.Call(bob.Client, Leave, "Blue attic"); !in || err != nil {
		t.Errorf("leave: %v, %v", in, err)
	}
	if room, who := decode2(ada, Left); room != "Blue attic" || who != bob.me {
		t.Errorf("left: %v from %q", who, room)
	}
	bob.Close()
	if room, who := decode2(ada, Left); room != "lobby" || who != bob.me {
		t.Errorf("left: %v from %q", who, room)
	}
}

func TestRoomsAreBounded(t *testing.T) {
	srv, _ := start(t)
	var guests []*guest
	for i := range maxRooms/maxJoined + 1 {
		guests = append(guests, come(t, srv, fmt.Sprint("guest ", i)))
	}
	enter := func(g *guest, i int) error {
		_, err := siotest.Call(g.Client, Enter, fmt.Sprint("room ", i))
		return err
	}
	for i := range maxJoined {
		if err := enter(guests[0], i); err != nil {
			t.Fatal(err)
		}
	}
	wantFail(t, enter(guests[0], maxJoined), "limit") // of one socket
	for i := maxJoined; i < maxRooms-1; i++ {         // the lobby is one
		if err := enter(guests[1], i); err != nil {
			t.Fatal(err)
		}
	}
	wantFail(t, enter(guests[2], 100), "rooms")
	if _, err := siotest.Call(guests[1].Client, Leave, "room 20"); err != nil {
		t.Fatal(err)
	}
	if err := enter(guests[2], 100); err != nil {
		t.Error("in place of the empty room:", err)
	}
	wantFail(t, enter(guests[2], 20), "rooms")
	for _, name := range []string{"", " ", "\u200d", "a\u202eb", strings.Repeat("x", maxName+1)} {
		_, err := siotest.Call(guests[2].Client, Enter, name)
		wantFail(t, err, "name")
	}
}

func TestTyping(t *testing.T) {
	srv, _ := start(t)
	ada, bob := come(t, srv, "Ada", "lobby"), come(t, srv, "Bob", "lobby")
	ada.Drain()
	lie := Typist{Room: "lobby", Who: bob.me}
	if err := siotest.Send(ada.Client, Typing, lie); err != nil {
		t.Fatal(err)
	}
	if got := siotest.Receive(bob.Client, Typing); got != (Typist{"lobby", ada.me}) {
		t.Errorf("typing: %+v", got)
	}
	_ = siotest.Send(ada.Client, Typing, Typist{Room: "attic"})
	bob.ExpectNone()
	ada.ExpectNone()
}

func TestNames(t *testing.T) {
	srv, _ := start(t)
	ada := come(t, srv, "Ada", "lobby")
	for _, tc := range []struct {
		name string
		auth any
	}{
		{"held by somebody else", map[string]string{"name": "ADA", "key": "another key, long enough"}},
		{"empty", map[string]string{"name": " ", "key": "another key, long enough"}},
		{"too long", map[string]string{"name": strings.Repeat("x", maxName+1), "key": "another key, long enough"}},
		{"turned around", map[string]string{"name": "a\u202eb", "key": "another key, long enough"}},
		{"no key", map[string]string{"name": "Bob"}},
		{"not strings", map[string]int{"name": 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := siotest.TryDial(t, srv, "/", siotest.Auth(tc.auth))
			var refused *siotest.ConnectError
			if !errors.As(err, &refused) {
				t.Errorf("error %v, want a refusal", err)
			}
		})
	}

	// The same person, from another connection: the old one ends, and nobody sees her go.
	bob := come(t, srv, "Bob", "lobby")
	again := come(t, srv, "ada", "lobby")
	ada.ExpectEnd("io server disconnect")
	if again.me.ID != ada.me.ID {
		t.Errorf("ids %q and %q", ada.me.ID, again.me.ID)
	}
	bob.Drain()
	again.Close()
	bob.next(string(Left))

	// The name is free now.
	if _, err := siotest.TryDial(t, srv, "/", siotest.Auth(map[string]string{"name": "Ada", "key": "another key, long enough"})); err != nil {
		t.Error(err)
	}
}

func TestFigures(t *testing.T) {
	srv, figures := start(t)
	ada := come(t, srv, "Ada", "lobby")
	began := figures.at
	for i := range maxSamples + 1 {
		figures.sample(began.Add(time.Duration(i+1) * time.Second))
	}
	stats := ada.Of("/stats")
	if past := siotest.Receive(stats, Figures); len(past) != maxSamples || past[0].At != began.Add(2*time.Second).UnixMilli() {
		t.Errorf("%d samples of the past", len(past))
	}
	if n, err := siotest.Call(ada.Client, Echo, 7); n != 7 || err != nil {
		t.Errorf("echo: %d, %v", n, err)
	}
	for srv.Stats().Events == 0 { // which is shown a moment later
		runtime.Gosched()
	}
	figures.sample(began.Add((maxSamples + 3) * time.Second))
	now := siotest.Receive(stats, Figures)
	if len(now) != 1 || now[0].Clients != 1 || now[0].Events != 0.5 || now[0].Deliveries == 0 || now[0].Heap == 0 {
		t.Errorf("figures %+v", now)
	}
}

func TestSite(t *testing.T) {
	get := func(h http.Handler, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w
	}
	h := site()
	for path, want := range map[string]string{"/": "text/html", "/style.css": "text/css", "/app.js": "text/javascript"} {
		w := get(h, path)
		if got := w.Header().Get("Content-Type"); w.Code != 200 || !strings.HasPrefix(got, want) {
			t.Errorf("GET %s: %d, %s", path, w.Code, got)
		}
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("GET %s: no policy", path)
		}
	}
	if w := get(h, "/other.js"); w.Code != 404 {
		t.Errorf("a file that is not there: %d", w.Code)
	}
}

// The page's only markup is its own: nothing of what people say is parsed as HTML.
func TestPageParsesNoMarkup(t *testing.T) {
	for _, name := range []string{"app.js", "dom.js", "log.js", "figures.js", "pictures.js"} {
		text, err := files.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval("} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s uses %s", name, bad)
			}
		}
	}
}

// notes takes what run prints, line by line.
type notes chan string

func (n notes) Write(p []byte) (int, error) { n <- string(p); return len(p), nil }

func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, done := make(notes, 8), make(chan error, 1)
	dist := t.TempDir()
	go func() { done <- run(ctx, []string{"-addr", "127.0.0.1:0", "-client", dist}, out) }()

	if got := <-out; !strings.Contains(got, "run npm ci --prefix examples/chat") {
		t.Errorf("without the client: %q", got)
	}
	first, _, _ := strings.Cut(<-out, "\n")
	url, ok := strings.CutPrefix(first, "sio chat on ")
	if !ok {
		t.Fatalf("said %q", first)
	}
	// One client for both: what serves the page must leave its connections to the engine.
	get := func(path string, want int) {
		t.Helper()
		resp, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
	get("/", 200)
	get("/socket.io/?EIO=4&transport=polling", 200)
	get("/nothing", 404)
	get("/socket.io/"+bundle, 400)
	if err := os.WriteFile(filepath.Join(dist, bundle), []byte("export {};"), 0o600); err != nil {
		t.Fatal(err)
	}
	get("/socket.io/"+bundle, 200) // it was installed meanwhile
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunSaysThatThePortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	err = run(t.Context(), []string{"-addr", fmt.Sprint(":", port)}, make(notes, 8))
	if err == nil {
		t.Fatal("no error")
	}
	if got := err.Error(); !strings.HasPrefix(got, fmt.Sprintf("port %d is taken: ", port)) ||
		!strings.HasSuffix(got, fmt.Sprintf("; use -addr :%d", port%65535+1)) {
		t.Errorf("error %q", got)
	}
}

func TestAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:3000": "http://localhost:3000", "[::]:80": "http://localhost:80",
		"192.0.2.1:3000": "http://192.0.2.1:3000", "[2001:db8::1]:1": "http://[2001:db8::1]:1",
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := address(a); got != want {
			t.Errorf("address(%s) = %s, want %s", addr, got, want)
		}
	}
}
