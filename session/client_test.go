package session

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// A client is what the peer of a connection sees: it reads responses, and frames once
// a response was 101, and says each as one line.
type client struct {
	in      []byte
	frames  *websocket.Reader // not nil behind a 101
	head    map[string]string // of the last response, names in lower case
	bare    []bool            // of each request that is not answered: it was a HEAD
	sending bool              // we have asked for a WebSocket: what we send next are frames
	finTold bool
	endTold bool

	streaming bool // packets on a stream are what goes both ways
}

// read says what has come.
func (c *client) read(x *fakeWire) {
	for len(c.in) > 0 {
		if c.streaming {
			if !c.readPacket(x) {
				break
			}
		} else if c.frames != nil {
			if !c.readFrame(x) {
				break
			}
		} else if !c.readResponse(x) {
			break
		}
	}
	if x.shut && !c.finTold && len(x.pending) == 0 {
		c.finTold = true
		if len(c.in) > 0 {
			x.w.t.Errorf("%s: the server ended in the middle of %q", x.name, c.in)
		}
		x.w.say(x.name+"<", "fin")
	}
	if x.closed && !x.hung && x.conn != nil && !c.endTold {
		c.endTold = true
		x.w.say(x.name+"<", "end")
	}
}

func (c *client) readResponse(x *fakeWire) bool {
	end := bytes.Index(c.in, []byte("\r\n\r\n"))
	if end < 0 {
		return false
	}
	lines := strings.Split(string(c.in[:end]), "\r\n")
	status, _, ok := strings.Cut(strings.TrimPrefix(lines[0], "HTTP/1.1 "), " ")
	code, err := strconv.Atoi(status)
	if !ok || err != nil || !strings.HasPrefix(lines[0], "HTTP/1.1 ") {
		x.w.t.Fatalf("%s: not a response: %q", x.name, c.in)
	}
	head := make(map[string]string)
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ": ")
		if name = strings.ToLower(name); !ok || head[name] != "" {
			x.w.t.Fatalf("%s: malformed or repeated field %q", x.name, l)
		}
		head[name] = value
	}
	n := 0
	length, has := head["content-length"]
	switch {
	case code/100 == 1:
		if has {
			x.w.t.Errorf("%s: %d with a length", x.name, code)
		}
	case code == 304 && !has && head["date"] != "": // never has a body
	case !has || head["date"] == "":
		x.w.t.Fatalf("%s: a response without length or date: %q", x.name, c.in[:end])
	default:
		if n, err = strconv.Atoi(length); err != nil {
			x.w.t.Fatalf("%s: %v", x.name, err)
		}
	}
	if code != 100 && len(c.bare) > 0 {
		if c.bare[0] {
			n = 0
		}
		c.bare = c.bare[1:]
	}
	if len(c.in) < end+4+n {
		return false
	}
	body := c.in[end+4 : end+4+n]
	line := status
	if n > 0 {
		line += " " + decoded(x, head["content-encoding"], body)
	}
	c.in = c.in[end+4+n:]
	c.head = head
	x.w.say(x.name+"<", line)
	if code == 101 {
		_, deflate := head["sec-websocket-extensions"]
		c.frames = &websocket.Reader{Config: &websocket.Config{Client: true, MaxMessage: 1 << 30, Deflate: deflate}}
	}
	return true
}

// decoded renders a body, and says how it was encoded.
func decoded(x *fakeWire, coding string, body []byte) string {
	var r io.Reader
	var err error
	switch coding {
	case "":
		return render(body)
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	case "br":
		r = bytes.NewReader(body) // what tests serve is not really compressed
	default:
		err = fmt.Errorf("unknown coding %q", coding)
	}
	if err == nil {
		body, err = io.ReadAll(r)
	}
	if err != nil {
		x.w.t.Fatalf("%s: %v", x.name, err)
	}
	return coding + ":" + render(body)
}

func (c *client) readFrame(x *fakeWire) bool {
	m, n, err := c.frames.Next(c.in)
	if err != nil {
		x.w.t.Fatalf("%s: %v: %q", x.name, err, c.in)
	}
	if n == 0 {
		return false
	}
	z := ""
	if m.Compressed {
		z = "z "
		if m.Data, err = websocket.Inflate(nil, m.Data, 1<<30); err != nil {
			x.w.t.Fatalf("%s: %v: %q", x.name, err, c.in)
		}
	}
	switch m.Opcode {
	case websocket.Text:
		x.w.say(x.name+"<", z+render(m.Data))
	case websocket.Binary:
		x.w.say(x.name+"<", z+"bin "+hexed(m.Data))
	case websocket.Ping:
		x.w.say(x.name+"<", "ping "+render(m.Data))
	case websocket.Pong:
		x.w.say(x.name+"<", strings.TrimSpace("pong "+render(m.Data)))
	case websocket.Close:
		code, reason, err := websocket.ParseClose(m.Data)
		if err != nil {
			x.w.t.Fatalf("%s: %v", x.name, err)
		}
		line := "close"
		if code != websocket.StatusNone {
			line += " " + strconv.Itoa(int(code))
		}
		if len(reason) > 0 {
			line += " " + string(reason)
		}
		x.w.say(x.name+"<", line)
	default:
		x.w.t.Fatalf("%s: the server sent a fragment", x.name)
	}
	c.in = c.in[n:]
	return true
}

// readPacket reads a packet on a stream.
func (c *client) readPacket(x *fakeWire) bool {
	n, size, binary, err := engineio.StreamHeader(c.in)
	if err != nil {
		x.w.t.Fatalf("%s: %v: %q", x.name, err, c.in)
	}
	if n == 0 || len(c.in) < n+size {
		return false
	}
	line := render(c.in[n : n+size])
	if binary {
		line = "bin " + hexed(c.in[n:n+size])
	}
	x.w.say(x.name+"<", line)
	c.in = c.in[n+size:]
	return true
}

// render is b as scripts spell it: unprintable bytes escaped, ids without their
// padding, long runs of one byte counted.
func render(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); {
		run := 1
		for i+run < len(b) && b[i+run] == b[i] {
			run++
		}
		c := string(b[i])
		if b[i] < ' ' || b[i] == 0x7f {
			c = fmt.Sprintf(`\x%02x`, b[i])
		} else if b[i] >= 0x80 {
			c = string(b[i : i+1])
		}
		if run > 24 {
			fmt.Fprintf(&s, "{%s*%d}", c, run)
		} else {
			s.WriteString(strings.Repeat(c, run))
		}
		i += run
	}
	if line := s.String(); strings.Contains(line, "__") {
		return idPadding.ReplaceAllString(line, "$1")
	} else {
		return line
	}
}

func hexed(b []byte) string {
	if len(b) > 64 {
		return fmt.Sprintf("%d bytes", len(b))
	}
	return hex.EncodeToString(b)
}

var (
	idPadding = regexp.MustCompile(`\b(s\d{1,3})_+`)
	shortID   = regexp.MustCompile(`\bs\d{1,3}\b`)
	repeated  = regexp.MustCompile(`\{([^{}*]{1,40})\*(\d+)\}`)
	escaped   = regexp.MustCompile(`\\x[0-9a-f]{2}|\\r|\\n`)
)

// spelled is what a script's text stands for. A transcript asks for the same hundreds of
// times, so it is kept; it must not be changed.
func spelled(s string) []byte {
	if b, ok := spellings.Load(s); ok {
		return b.([]byte)
	}
	b := spell(s)
	b = b[:len(b):len(b)]
	spellings.Store(s, b)
	return b
}

var spellings sync.Map

func spell(s string) []byte {
	s = repeated.ReplaceAllStringFunc(s, func(m string) string {
		part := repeated.FindStringSubmatch(m)
		n, _ := strconv.Atoi(part[2])
		return strings.Repeat(part[1], n)
	})
	s = shortID.ReplaceAllStringFunc(s, padded)
	return []byte(escaped.ReplaceAllStringFunc(s, func(m string) string {
		switch m {
		case `\r`:
			return "\r"
		case `\n`:
			return "\n"
		}
		b, _ := hex.DecodeString(m[2:])
		return string(b)
	}))
}

const enginePath = "/socket.io/?EIO=4"

// request makes an HTTP request of a line:
//
//	OPEN                        the handshake of long-polling
//	UPGRADE [sid]               a WebSocket's opening handshake, for a session or a new one
//	GET|POST|... sid [body]     a request of long-polling
//	GET|POST|... /target [body] any request
//
// Behind a "|" each stand fields that are added, or replace those that are sent anyway
// ("+Name: value" never does), fields that are not sent ("-Host"), or "HTTP/1.0".
func (c *client) request(line string) []byte {
	parts := strings.Split(line, " | ")
	method, rest, _ := strings.Cut(parts[0], " ")
	target, body, hasBody := strings.Cut(rest, " ")
	fields := []string{"Host: example.com"}
	switch {
	case method == "OPEN":
		method, target = "GET", enginePath+"&transport=polling"
	case method == "UPGRADE":
		method = "GET"
		if target != "" && target[0] != '/' {
			target = "&sid=" + target
		}
		if target == "" || target[0] != '/' {
			target = enginePath + "&transport=websocket" + target
		}
		fields = append(fields, "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
		c.sending = true
	case target[0] == '?':
		target = "/socket.io/" + target
	case target[0] != '/' && target[0] != '*':
		target = enginePath + "&transport=polling&sid=" + target
	}
	c.bare = append(c.bare, method == "HEAD")
	content := spelled(body)
	if hasBody {
		fields = append(fields, "Content-Length: "+strconv.Itoa(len(content)))
	}
	version := "HTTP/1.1"
	for _, p := range parts[1:] {
		name, _, isField := strings.Cut(strings.TrimPrefix(p, "-"), ":")
		if p[0] == '-' || isField && p[0] != '+' {
			fields = slices.DeleteFunc(fields, func(f string) bool { return strings.HasPrefix(f, name+":") })
		}
		switch {
		case isField:
			fields = append(fields, strings.TrimPrefix(p, "+"))
		case p[0] != '-':
			version = p
		}
	}
	head := method + " " + target + " " + version + "\r\n" + strings.Join(fields, "\r\n") + "\r\n\r\n"
	return append(spelled(head), content...)
}

// frame makes a WebSocket frame, or several, of a line: a text frame unless it begins
// with one of the words below. Frames are masked.
func (c *client) frame(line string) []byte {
	mask := [4]byte{0xa1, 0x02, 0xf3, 0x44}
	word, rest, _ := strings.Cut(line, " ")
	data := spelled(rest)
	whole := func(op websocket.Opcode, b []byte) []byte { return websocket.AppendMasked(nil, op, b, mask) }
	part := func(op websocket.Opcode, fin bool) []byte {
		return websocket.AppendMaskedFragment(nil, op, fin, data, mask)
	}
	switch word {
	case "bin":
		return whole(websocket.Binary, unhex(rest))
	case "binlong": // so many bytes
		n, _ := strconv.Atoi(rest)
		return whole(websocket.Binary, make([]byte, n))
	case "ping":
		return whole(websocket.Ping, data)
	case "pong":
		return whole(websocket.Pong, data)
	case "close":
		return whole(websocket.Close, closeBody(rest))
	case "closehex":
		return whole(websocket.Close, unhex(rest))
	case "first":
		return part(websocket.Text, false)
	case "more":
		return part(websocket.Continuation, false)
	case "last":
		return part(websocket.Continuation, true)
	case "pingpart":
		return part(websocket.Ping, false)
	case "texthex":
		return whole(websocket.Text, unhex(rest))
	case "z", "zbin", "zhex": // compressed; as it comes
		op := websocket.Text
		switch word {
		case "zbin":
			op, data = websocket.Binary, deflate(unhex(rest))
		case "zhex":
			data = unhex(rest)
		default:
			data = deflate(data)
		}
		return compressed(whole(op, data))
	case "zfirst", "zlast": // the halves of a compressed text
		data = deflate(data)
		if half := len(data) / 2; word == "zfirst" {
			data = data[:half]
			return compressed(part(websocket.Text, false))
		} else {
			data = data[half:]
			return part(websocket.Continuation, true)
		}
	case "unmasked":
		return websocket.AppendFrame(nil, websocket.Text, data)
	case "hex":
		return unhex(rest)
	}
	return whole(websocket.Text, spelled(line))
}

// deflate is what a client makes of a message that it compresses. It is kept, as
// spellings are.
func deflate(data []byte) []byte {
	if z, ok := deflations.Load(string(data)); ok {
		return z.([]byte)
	}
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = w.Write(data)
	_ = w.Flush()
	z := b.Bytes()[:b.Len()-4]
	deflations.Store(string(data), z)
	return z
}

var deflations sync.Map

// compressed says of a frame that it is.
func compressed(frame []byte) []byte {
	frame[0] |= 0x40
	return frame
}

func closeBody(s string) []byte {
	if s == "" {
		return nil
	}
	code, reason, _ := strings.Cut(s, " ")
	n, err := strconv.Atoi(code)
	if err != nil {
		panic(err)
	}
	return append([]byte{byte(n >> 8), byte(n)}, spelled(reason)...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// bytesOf is what the client sends for a line.
func (c *client) bytesOf(line string) []byte {
	if word, rest, _ := strings.Cut(line, " "); word == "raw" {
		return spelled(rest)
	}
	if c.streaming {
		return packetOf(line)
	}
	if c.sending {
		return c.frame(line)
	}
	return c.request(line)
}

// packetOf makes a packet on a stream of a line: text, or "bin" and bytes, or "hex" and
// what is no packet.
func packetOf(line string) []byte {
	word, rest, _ := strings.Cut(line, " ")
	data, binary := spelled(line), false
	switch word {
	case "hex":
		return unhex(rest)
	case "bin":
		data, binary = unhex(rest), true
	}
	return append(engineio.AppendStreamHeader(nil, len(data), binary), data...)
}
