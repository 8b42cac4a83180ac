package benchtest

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// offered are the namespaces that there are.
var offered = regexp.MustCompile(`^/(chat|bench-\d+)?$`)

// parts is an event whose attachments have not all come.
type parts struct {
	head    string
	bodies  []string // packets in text form
	missing int
}

// take serves a packet in text form.
func (c *session) take(packet string) {
	c.server.gate()
	c.taking.Lock()
	defer c.taking.Unlock()
	switch {
	case packet == engineio.ClosePacket:
		c.send(engineio.NoopPacket)
	case strings.HasPrefix(packet, "b"):
		if c.parts == nil {
			return
		}
		c.parts.bodies = append(c.parts.bodies, packet)
		c.collected()
	case strings.HasPrefix(packet, "4"):
		p, err := socketio.Parse([]byte(packet[1:]), socketio.DefaultMaxAttachments)
		if err != nil {
			return
		}
		c.packet(p, packet)
	}
}

// packet serves a Socket.IO packet; text is the whole of it.
func (c *session) packet(p socketio.Packet, text string) {
	namespace := string(p.Namespace)
	switch p.Type {
	case socketio.Connect:
		c.connect(namespace, p.Data)
	case socketio.Disconnect:
		c.disconnect(namespace)
	case socketio.Event:
		c.event(p, nil)
	case socketio.BinaryEvent:
		c.parts = &parts{head: text[1:], missing: p.Attachments}
		c.collected()
	}
}

// collected serves the event whose attachments come, if all have.
func (c *session) collected() {
	whole := c.parts
	if len(whole.bodies) < whole.missing {
		return
	}
	c.parts = nil
	if p, err := socketio.Parse([]byte(whole.head), socketio.DefaultMaxAttachments); err == nil {
		c.event(p, whole.bodies)
	}
}

// in is what names the namespace in a packet.
func in(namespace string) string {
	if namespace == "/" {
		return ""
	}
	return namespace + ","
}

func (c *session) connect(namespace string, auth []byte) {
	if !offered.MatchString(namespace) {
		c.emit("44" + namespace + `,{"message":"Invalid namespace"}`)
		return
	}
	c.mu.Lock()
	c.namespaces[namespace] = true
	c.mu.Unlock()
	c.welcome(namespace, auth)
}

func (c *session) disconnect(namespace string) {
	c.mu.Lock()
	delete(c.namespaces, namespace)
	c.mu.Unlock()
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(c.pids, namespace) // who says goodbye does not come back
	for r := range c.rooms {
		if r.namespace == namespace {
			s.leave(c, r)
		}
	}
}

// join takes c into r. s.mu is held.
func (s *Server) join(c *session, r room) {
	if len(c.rooms) >= maxRooms {
		return
	}
	if s.rooms[r] == nil {
		s.rooms[r] = map[*session]struct{}{}
	}
	s.rooms[r][c], c.rooms[r] = struct{}{}, struct{}{}
}

// leave takes c out of r. s.mu is held.
func (s *Server) leave(c *session, r room) {
	delete(c.rooms, r)
	delete(s.rooms[r], c)
	if len(s.rooms[r]) == 0 {
		delete(s.rooms, r)
	}
}

// event serves an event with its attachments.
func (c *session) event(p socketio.Packet, bodies []string) {
	var args socketio.Args
	namespace := string(p.Namespace)
	c.mu.Lock()
	connected := c.namespaces[namespace]
	c.mu.Unlock()
	if !connected || p.Check(&args) != nil {
		return
	}
	// A packet's digits and what stands between them and its JSON.
	head := func(t socketio.Type, id int64) string {
		return string(socketio.AppendHead([]byte("4"), t, len(bodies), namespace, id))
	}
	event, ack := socketio.Event, socketio.Ack
	if len(bodies) > 0 {
		event, ack = socketio.BinaryEvent, socketio.BinaryAck
	}
	rest := func(from int) string { // the arguments from that one on
		var list []string
		for i := from; i < args.Len(); i++ {
			list = append(list, string(args.At(i)))
		}
		return strings.Join(list, ",")
	}
	s := c.server
	var r room
	if args.Len() > 1 {
		name, _ := strconv.Unquote(string(args.At(1)))
		r = room{namespace, name}
	}
	switch string(args.At(0)) {
	case `"echo"`, `"object"`:
		s.mu.Lock()
		packets, _ := s.stamped(append([]string{head(event, -1) + "[" + rest(0) + "]"}, bodies...))
		s.mu.Unlock()
		s.reply(c, c, packets)
	case `"ack"`:
		if p.ID >= 0 {
			s.reply(c, c, append([]string{head(ack, p.ID) + "[" + rest(1) + "]"}, bodies...))
		}
	case `"join"`, `"leave"`:
		s.mu.Lock()
		if string(args.At(0)) == `"leave"` {
			s.leave(c, r)
		} else {
			s.join(c, r)
		}
		s.mu.Unlock()
		if p.ID >= 0 {
			c.emit(head(socketio.Ack, p.ID) + "[]")
		}
	case `"broadcast"`:
		if args.Len() < 3 {
			return
		}
		packets := append([]string{head(event, -1) + `["broadcast",` + rest(2) + "]"}, bodies...)
		s.mu.Lock() // to the end: who has left in the meantime must not get it
		defer s.mu.Unlock()
		packets, offset := s.stamped(packets)
		s.remember(offset, r, packets)
		for m := range s.rooms[r] {
			s.reply(m, c, packets)
		}
	}
}

// emit sends packets of one message, through the faults.
func (c *session) emit(packets ...string) { c.send(c.faulty(packets)...) }

// faulty is what the faults make of packets.
func (c *session) faulty(packets []string) []string {
	if c.server.options.Fault == nil {
		return packets
	}
	var all []string
	for _, p := range packets {
		all = append(all, c.server.options.Fault(p)...)
	}
	return all
}
