package session

import (
	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/codec/engineio"
	"github.com/e6a90ca8/sio/codec/http1"
)

// A style is how the payloads of a polling session look that are not plain ones of
// revision 4. The first request of the session fixes it.
type style struct {
	old   bool   // revision 3
	text  bool   // of revision 3: attachments travel as text, which b64 asks for
	jsonp bool   // payloads are dressed as JSONP, which j asks for
	index string // of JSONP: the digits of j
}

// styleOf is the style that the first request of a session asks for; nil for none.
func styleOf(q *Request) *style {
	var scratch [64]byte
	j, jsonp := http1.QueryValue(scratch[:0], q.Query, "j")
	old := revisionOf(q.EIO) == 3
	if !old && !jsonp {
		return nil
	}
	s := &style{old: old, jsonp: jsonp, index: engineio.JSONPIndex(j)}
	b64, _ := http1.QueryValue(scratch[:0], q.Query, "b64")
	s.text = jsonp || len(b64) > 0
	return s
}

// old reports whether the queue's payloads are revision 3's.
func (q *queue) old() bool { return q.style != nil && q.style.old }

// form is the form of messages in a payload of revision 3: one binary packet makes all of
// it binary.
func (q *queue) form() broadcast.Form {
	if !q.style.text {
		for _, p := range q.packets {
			if p.msg != nil && p.msg.Binary() {
				return broadcast.BinaryOf3
			}
		}
	}
	return broadcast.TextOf3
}

// contentType is that of the payload that payload or flat will make.
func (q *queue) contentType() string {
	if q.old() && q.form() == broadcast.BinaryOf3 {
		return "application/octet-stream"
	}
	return textPlain
}

// payload3 is payload for revision 3.
//
// Source: Engine.IO protocol 3, "Encoding", "Payload".
func (q *queue) payload3(o *Output) {
	form := q.form()
	for _, p := range q.packets {
		if p.msg == nil {
			text := q.own[p.from:p.to]
			n := len(o.own)
			if form == broadcast.BinaryOf3 {
				o.own = engineio.AppendBinaryPacket3(o.own, text, false)
			} else {
				o.own = engineio.AppendPacket3(o.own, text)
			}
			o.bytes += len(o.own) - n
			continue
		}
		for i := range p.msg.Frames() {
			if b := p.msg.Frame(i).In(form); len(b) >= keepFrom {
				o.share(b)
			} else {
				o.raw(b)
			}
		}
	}
	q.reset()
}

// script is the payload dressed as JSONP.
func (q *queue) script() []byte {
	index := q.style.index
	payload := q.joined()
	return engineio.AppendJSONP(make([]byte, 0, len(payload)+len(payload)/8+len(index)+32), index, payload)
}

// styled is payload for a queue that has a style.
func (c *Conn) styled(now Instant, ticket uint32, q *queue) {
	kind, compress := q.contentType(), q.compress
	var body Output
	if q.style.jsonp {
		body.share(q.script())
	} else {
		q.payload(&body)
		body.seal()
	}
	if enc := c.encoding(compress, body.bytes); enc != identity {
		c.compressed(now, ticket, body.flat(), kind, enc)
		return
	}
	resp := http1.Response{Status: 200, ContentType: kind, ContentLength: int64(body.bytes),
		Fields: c.packetFields(c.host.fields[:0]), Connection: c.req.persist}
	o := c.output()
	o.head(&resp)
	for _, b := range body.list {
		if len(b) <= copyBelow {
			o.raw(b)
		} else {
			o.share(b)
		}
	}
	c.answered(now)
}

// posted is the payload in the form that a JSONP client posts. ok is false if it is not
// there: the reference server answers such a request, and does nothing.
func posted(form []byte) (payload []byte, ok bool) {
	d, ok := http1.QueryValue(make([]byte, 0, len(form)), form, "d")
	if !ok {
		return nil, false
	}
	return engineio.UnescapeJSONP(d), true
}
