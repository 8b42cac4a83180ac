package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	_ "image/gif" // formats that a picture may have
	_ "image/jpeg"
	_ "image/png"
	"strings"
	"sync"
	"time"

	"github.com/e6a90ca8/sio"
)

// What page and server say to each other. A request is answered, with its result or with
// a [sio.Fail] that the page shows; an event is not.
const (
	Enter sio.Request[string, string]          = "enter" // a room, made if new; answer: its name as it is spelt
	Leave sio.Request[string, bool]            = "leave" // a room; answer: whether one was in it
	Say   sio.Request[Line, int64]             = "say"   // answer: when, in ms of Unix time
	Fetch sio.Request2[string, string, []byte] = "fetch" // room and message; answer: the picture's bytes
	Echo  sio.Request[int, int]                = "echo"  // by this the page measures a round trip

	// Share is handled as it comes, so that it can be passed on without being decoded:
	// room, message id and the picture's bytes. The page is answered as by Say.
	Share = "picture"

	Typing sio.Event[Typist] = "typing" // both ways

	Welcome sio.Event[Person]            = "welcome" // who one is
	Rooms   sio.Event[[]Listed]          = "rooms"   // all of them, whenever one changes
	State   sio.Event[Room]              = "room"    // to who enters: what was before the events that follow
	Arrived sio.Event2[string, Person]   = "arrived" // in a room
	Left    sio.Event2[string, Person]   = "left"    // a room
	Posted  sio.Event2[string, *Message] = "message" // in a room; bytes of a picture follow as Share
)

// A Person is somebody in the chat. ID stays the same over reconnects.
type Person struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// A Line is a text to be said. Its ID is chosen by the page, "<person id>.<anything>":
// one that is sent again, since the answer was lost, is known by it.
type Line struct {
	Room string `json:"room"`
	ID   string `json:"id"`
	Text string `json:"text"`
}

// A Typist is who types in a room. What the page says of Who does not count.
type Typist struct {
	Room string `json:"room"`
	Who  Person `json:"who"`
}

// A Message is a text or a picture in a room.
type Message struct {
	ID      string   `json:"id"`
	From    Person   `json:"from"`
	At      int64    `json:"at"` // milliseconds of Unix time
	Text    string   `json:"text,omitempty"`
	Picture *Picture `json:"picture,omitempty"`
}

// A Picture is what is told of a picture before its bytes.
type Picture struct {
	Format string `json:"format"` // "png", "jpeg" or "gif"
	Width  int    `json:"width"`  // in pixels
	Height int    `json:"height"`
	Gone   bool   `json:"gone"` // the bytes are kept no more
	data   []byte
}

// A Listed is a room in the list of rooms.
type Listed struct {
	Name    string `json:"name"`
	Members int    `json:"members"`
}

// A Room is a room as who enters finds it.
type Room struct {
	Name    string     `json:"name"`
	People  []Person   `json:"people"`
	History []*Message `json:"history"`
}

const (
	maxName    = 96 // bytes of a person's or room's; the page allows 24 and 32 letters
	maxID      = 64 // bytes of a message's
	maxText    = 8 << 10
	maxPicture = 512 << 10
	maxSide    = 4096 // pixels of a picture, each way
	maxRooms   = 32
	maxJoined  = 16      // rooms of one socket
	maxHistory = 50      // messages of a room
	maxKept    = 8 << 20 // bytes of pictures in all histories
)

// who is who a socket speaks for: set by admit, before the socket can say anything.
var who = sio.NewSlot[Person]()

// A chat is all that is remembered. Whatever tells of a change is sent with mu held, so
// that everybody hears of changes in the order in which they were made, and who enters
// hears of each either in the room's state or after it. Sending never blocks.
type chat struct {
	srv *sio.Server

	mu       sync.Mutex
	names    map[string]*sio.Socket // who holds a name, in lower case
	rooms    []*room                // in order of age; the first is always there
	pictures []*Picture             // whose bytes are kept, in order of age
	kept     int                    // bytes
}

type room struct {
	name    string
	people  map[*sio.Socket]Person
	history []*Message
}

// channel is the room as the server knows it. The prefix keeps it apart from the rooms
// that sockets have under their own ids.
func (r *room) channel() string { return "room:" + r.name }

// newChat adds the chat to srv's main namespace.
func newChat(srv *sio.Server) {
	c := &chat{srv: srv, names: make(map[string]*sio.Socket)}
	c.rooms = append(c.rooms, &room{name: "lobby", people: make(map[*sio.Socket]Person)})

	srv.Use(c.admit)
	srv.OnConnect(func(s *sio.Socket) {
		c.mu.Lock()
		defer c.mu.Unlock()
		_ = Welcome.Emit(s, who.Get(s)) // fails only if s has gone; so do all below
		_ = Rooms.Emit(s, c.list())
	})
	Enter.Handle(srv, c.enter)
	Leave.Handle(srv, c.leave)
	Say.Handle(srv, c.say)
	srv.On(Share, c.share)
	Fetch.Handle(srv, c.fetch)
	Typing.On(srv, c.typing)
	Echo.Handle(srv, func(_ context.Context, _ *sio.Socket, n int) (int, error) { return n, nil })
	srv.OnDisconnect(func(s *sio.Socket, _ sio.Reason) {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, r := range c.rooms {
			c.out(s, r)
		}
		_ = Rooms.Emit(c.srv, c.list())
	})
}

// admit lets in who brings a name that is free. The key, which only the page knows, is
// what makes a person: who comes back with it, before the old connection is known to be
// dead, gets the name from there.
func (c *chat) admit(ctx context.Context, s *sio.Socket) error {
	var auth struct{ Name, Key string }
	if err := s.Handshake().DecodeAuth(&auth); err != nil {
		return sio.Refuse{Message: "That is not how to log in."}
	}
	name := tidy(auth.Name)
	if !fits(name) || len(auth.Key) < 16 {
		return sio.Refuse{Message: "Please choose another name: up to 24 letters, and nothing that cannot be seen."}
	}
	sum := sha256.Sum256([]byte(auth.Key))
	me, lower := Person{ID: hex.EncodeToString(sum[:8]), Name: name}, strings.ToLower(name)

	c.mu.Lock()
	defer c.mu.Unlock()
	if holder := c.names[lower]; holder != nil {
		if who.Get(holder).ID != me.ID {
			return sio.Refuse{Message: name + " is here already. Please choose another name."}
		}
		holder.Disconnect(sio.Disconnect{})
	}
	c.names[lower] = s
	who.Set(s, me)
	// Not in OnDisconnect, which is for sockets that got in: this one may yet leave.
	context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.names[lower] == s {
			delete(c.names, lower)
		}
	})
	return nil
}

func (c *chat) enter(_ context.Context, s *sio.Socket, name string) (string, error) {
	name = tidy(name)
	if !fits(name) {
		return "", sio.Fail{Code: "name", Message: "Please choose another name for the room."}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.find(func(r *room) bool { return strings.EqualFold(r.name, name) })
	made := r == nil
	if made {
		if len(c.rooms) == maxRooms && !c.drop() {
			return "", sio.Fail{Code: "rooms", Message: "There are too many rooms. Please join one of them."}
		}
		r = &room{name: name, people: make(map[*sio.Socket]Person)}
	}
	if err := s.Join(r.channel()); err != nil { // sio.ErrRoomLimit
		return "", sio.Fail{Code: "limit", Message: "You are in too many rooms. Please leave one first."}
	}
	if made {
		c.rooms = append(c.rooms, r)
	}
	me := who.Get(s)
	fresh := !r.has(me)
	r.people[s] = me
	_ = State.Emit(s, Room{Name: r.name, People: r.everybody(), History: r.history})
	if fresh {
		_ = Arrived.Emit(s.To(r.channel()), r.name, me)
	}
	return r.name, Rooms.Emit(c.srv, c.list())
}

func (c *chat) leave(_ context.Context, s *sio.Socket, name string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.roomOf(s, name)
	if err != nil {
		return false, nil
	}
	c.out(s, r)
	return true, Rooms.Emit(c.srv, c.list())
}

// out takes s out of r. The person stays while another socket of theirs is in: the one
// that is taking over.
func (c *chat) out(s *sio.Socket, r *room) {
	me, in := r.people[s]
	if !in {
		return
	}
	delete(r.people, s)
	_ = s.Leave(r.channel())
	if !r.has(me) {
		_ = Left.Emit(c.srv.To(r.channel()), r.name, me)
	}
}

func (c *chat) say(_ context.Context, s *sio.Socket, l Line) (int64, error) {
	text := strings.TrimSpace(l.Text)
	if text == "" || len(text) > maxText {
		return 0, sio.Fail{Code: "text", Message: "The text is too long."}
	}
	return c.post(s, l.Room, &Message{ID: l.ID, Text: text}, nil)
}

// share handles a picture. What others are told about it comes from us; the bytes, once
// they are known for a picture, go on as they came.
func (c *chat) share(s *sio.Socket, m *sio.Msg) error {
	room, err1 := m.Str(0)
	id, err2 := m.Str(1)
	data, ok := m.Binary(2)
	if err1 != nil || err2 != nil || !ok || m.Len() != 3 {
		return sio.Fail{Code: "bad_argument", Message: "A picture is a room, an id and bytes."}
	}
	head, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil || len(data) > maxPicture || min(head.Width, head.Height) < 1 || max(head.Width, head.Height) > maxSide {
		return sio.Fail{Code: "picture", Message: "A picture must be PNG, JPEG or GIF, and at most 512 KiB."}
	}
	p := &Picture{Format: format, Width: head.Width, Height: head.Height, data: bytes.Clone(data)} // m is a view
	at, err := c.post(s, room, &Message{ID: id, Picture: p}, m)
	if err != nil {
		return err
	}
	return m.Ack(at)
}

// post tells a room of a message from s, and passes on what comes with it.
func (c *chat) post(s *sio.Socket, name string, m *Message, with *sio.Msg) (at int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.roomOf(s, name)
	if err != nil {
		return 0, err
	}
	m.From, m.At = who.Get(s), time.Now().UnixMilli()
	if !strings.HasPrefix(m.ID, m.From.ID+".") || len(m.ID) > maxID {
		return 0, sio.Fail{Code: "id", Message: "That id is not yours to give."}
	}
	if again := r.message(m.ID); again != nil {
		return again.At, nil
	}
	c.remember(r, m)
	others := s.To(r.channel())
	_ = Posted.Emit(others, r.name, m)
	if with != nil {
		_ = with.Forward(others, Share)
	}
	return m.At, nil
}

func (c *chat) fetch(_ context.Context, s *sio.Socket, name, id string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.roomOf(s, name)
	if err != nil {
		return nil, err
	}
	m := r.message(id)
	if m == nil || m.Picture == nil || m.Picture.Gone {
		return nil, sio.Fail{Code: "gone", Message: "This picture is no longer kept."}
	}
	return m.Picture.data, nil // never written to
}

func (c *chat) typing(s *sio.Socket, t Typist) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, err := c.roomOf(s, t.Room)
	if err != nil {
		return nil // left meanwhile
	}
	t.Who = who.Get(s)
	return Typing.Emit(s.To(r.channel()).Volatile(), t)
}
