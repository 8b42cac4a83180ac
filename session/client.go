package session

import (
	"bytes"
	"strings"

	"github.com/e6a90ca8/sio/codec/http1"
)

// ClientFiles serve the official client's bundle to browsers, below the engine's path. It
// is made once and read by all loops.
type ClientFiles struct {
	Base string // "/socket.io/": what stands before a file's name in a raw target

	// Load reads a file of [ClientFileNames] in a coding: "br", "gzip", "deflate" or, for
	// none, "identity". It returns nil if there is no such file. It may block: any goroutine
	// but a loop's.
	Load func(name, coding string) *ClientFile
}

// A ClientFile is one file in one coding. It must not be changed any more.
type ClientFile struct {
	Body []byte
	ETag string // with its quotes; the same in all codings
}

// ClientFileNames are the files that there may be: those of the reference server.
var ClientFileNames = [...]string{
	"socket.io.js", "socket.io.js.map",
	"socket.io.min.js", "socket.io.min.js.map",
	"socket.io.esm.min.js", "socket.io.esm.min.js.map",
	"socket.io.msgpack.min.js", "socket.io.msgpack.min.js.map",
}

// clientCache is what a loop has loaded: at most all files in all codings.
type clientCache [len(ClientFileNames)][len(codings)]*ClientFile

// clientFile is the number of the file that the request asks for, or -1.
func (k *ClientFiles) clientFile(h *http1.Head) int {
	if h.ConnectionUpgrade || (string(h.Method) != "GET" && string(h.Method) != "HEAD") {
		return -1
	}
	name, ok := bytes.CutPrefix(h.Target, []byte(k.Base))
	if !ok {
		return -1
	}
	if i := bytes.IndexByte(name, '?'); i >= 0 {
		name = name[:i]
	}
	for i, n := range ClientFileNames {
		if string(name) == n {
			return i
		}
	}
	return -1
}

// fileCodings are those of the client's files, by one more than their place in the order
// in which they are offered.
var fileCodings = [...]encoding{identity, brotlied, gzipped, deflated}

// file answers with a file, which is loaded off the loop when it is asked for first. If
// there is none the request is the engine's.
func (c *Conn) file(now Instant, q *Request, k *ClientFiles, name int) {
	coding := fileCodings[1+http1.PreferredEncoding(q.AcceptEncoding, "br", "gzip", "deflate")]
	if f := c.host.files[name][coding]; f != nil {
		c.sendFile(now, q, f, name, coding)
		return
	}
	c.req.head = append(c.req.head[:0], q.Raw...)
	h, ticket := c.host, c.ticket
	ok := h.App().Offload(func() {
		var f *ClientFile
		defer func() { // also when it panics
			h.Run(h.Index(), func(_ Host, now Instant) {
				h.files[name][coding] = f
				if c.waiting(ticket) {
					c.loaded(now, f, name, coding)
				}
			})
		}()
		f = k.Load(ClientFileNames[name], coding.String())
	})
	if !ok {
		c.unavailable(now)
	}
}

// loaded goes on with a request that waited for a file.
func (c *Conn) loaded(now Instant, f *ClientFile, name int, coding encoding) {
	q := c.reread()
	if f == nil {
		c.engine(now, q, nil)
		return
	}
	c.sendFile(now, q, f, name, coding)
}

// sendFile answers with a file, or says that the client has it.
//
// Source: the reference server. Two fields are RFC 9110's: without Vary (section 12.5.5) a
// cache would give one client what another can decode, and 304 has the fields that 200
// would have (section 15.4.5).
func (c *Conn) sendFile(now Instant, q *Request, f *ClientFile, name int, coding encoding) {
	fields := append(c.host.fields[:0], "Cache-Control: public, max-age=0\r\n"...)
	fields = http1.AppendField(fields, "ETag", f.ETag)
	fields = append(fields, c.host.Date()...)
	fields = c.req.shared(fields, "Accept-Encoding")
	resp := http1.Response{Status: 304, ContentLength: -1, Connection: c.req.persist}
	body := f.Body
	if hasETag(q.IfNoneMatch, f.ETag) {
		body = nil
	} else {
		resp.Status, resp.ContentLength = 200, int64(len(body))
		resp.ContentType = "application/javascript; charset=utf-8"
		if strings.HasSuffix(ClientFileNames[name], ".map") {
			resp.ContentType = "application/json; charset=utf-8"
		}
		if coding != identity {
			fields = http1.AppendField(fields, "Content-Encoding", coding.String())
		}
	}
	resp.Fields = fields
	o := c.output()
	o.head(&resp)
	if len(body) > 0 && !c.req.bare {
		o.share(body)
	}
	c.answered(now)
}

// hasETag reports whether an If-None-Match field has the tag, compared weakly, or is "*".
//
// Source: RFC 9110, section 13.1.2.
func hasETag(list []byte, tag string) bool {
	if string(list) == "*" {
		return true
	}
	for len(list) > 0 {
		list = bytes.TrimLeft(list, ", \t")
		list = bytes.TrimPrefix(list, []byte("W/"))
		if len(list) == 0 || list[0] != '"' {
			return false
		}
		end := bytes.IndexByte(list[1:], '"')
		if end < 0 {
			return false
		}
		if string(list[:end+2]) == tag {
			return true
		}
		list = list[end+2:]
	}
	return false
}
