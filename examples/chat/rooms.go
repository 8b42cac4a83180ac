package main

import (
	"slices"
	"strings"
	"unicode"

	"github.com/e6a90ca8/sio"
)

// find is the first room that f is true of, or nil. This and all of chat's methods here
// need mu.
func (c *chat) find(f func(*room) bool) *room {
	if i := slices.IndexFunc(c.rooms, f); i >= 0 {
		return c.rooms[i]
	}
	return nil
}

// roomOf is the room of the name if s is in it.
func (c *chat) roomOf(s *sio.Socket, name string) (*room, error) {
	r := c.find(func(r *room) bool { return r.name == name })
	if r == nil || !s.In(r.channel()) {
		return nil, sio.Fail{Code: "room", Message: "You are not in that room."}
	}
	return r, nil
}

func (c *chat) list() []Listed {
	l := make([]Listed, len(c.rooms))
	for i, r := range c.rooms {
		l[i] = Listed{r.name, len(r.people)}
	}
	return l
}

// drop forgets the oldest room that nobody is in, if there is one.
func (c *chat) drop() bool {
	for i, r := range c.rooms {
		if i > 0 && len(r.people) == 0 {
			for _, m := range r.history {
				c.release(m.Picture)
			}
			c.rooms = slices.Delete(c.rooms, i, i+1)
			return true
		}
	}
	return false
}

// remember adds m to the room's history, and lets go of what is too much then.
func (c *chat) remember(r *room, m *Message) {
	if len(r.history) == maxHistory {
		c.release(r.history[0].Picture)
		r.history = slices.Delete(r.history, 0, 1)
	}
	r.history = append(r.history, m)
	if m.Picture == nil {
		return
	}
	c.pictures = append(c.pictures, m.Picture)
	for c.kept += len(m.Picture.data); c.kept > maxKept; {
		c.release(c.pictures[0])
	}
}

// release lets go of a picture's bytes.
func (c *chat) release(p *Picture) {
	i := slices.Index(c.pictures, p)
	if i < 0 {
		return // of a text, or done before
	}
	c.pictures = slices.Delete(c.pictures, i, i+1)
	c.kept -= len(p.data)
	p.data, p.Gone = nil, true
}

func (r *room) message(id string) *Message {
	if i := slices.IndexFunc(r.history, func(m *Message) bool { return m.ID == id }); i >= 0 {
		return r.history[i]
	}
	return nil
}

func (r *room) has(p Person) bool {
	for _, q := range r.people {
		if p == q {
			return true
		}
	}
	return false
}

// everybody is each person in the room, once.
func (r *room) everybody() []Person {
	all := make([]Person, 0, len(r.people))
	for _, p := range r.people {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// tidy is a name without space around it, and with single spaces in it.
func tidy(name string) string { return strings.Join(strings.Fields(name), " ") }

// fits reports whether s will do as a name: it is neither empty nor too long, and has
// nothing in it that cannot be seen, or that turns the text around it.
func fits(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
}
