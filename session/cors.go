package session

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/e6a90ca8/sio/codec/http1"
)

// CORS says what browsers may let pages of other sites do with the engine. It is made
// once and read by all loops; the public package documents each part as an option.
//
// Source: the Fetch standard, "CORS protocol"; what is sent when is the npm package
// cors's, which the reference server uses.
type CORS struct {
	// Who may: the origins named, those that a pattern matches, or those that Judge says.
	// With none of the three, any: "*". A list that is empty and not nil lets nobody.
	Origins  []string
	Patterns []*regexp.Regexp
	// Judge is called on the loop, once a request, with the raw head, a view; origin is
	// empty if the request has none.
	Judge func(c *Conn, origin, head []byte) bool

	// What they may. Lists are joined by commas; empty ones are not sent.
	Methods        string
	Headers        string // that a request may have
	ReflectHeaders bool   // whatever the preflight asks for, instead of Headers
	Exposed        string // headers that the page may see
	MaxAge         string // seconds for which a preflight holds; "": not sent
	Credentials    bool

	// Status is what a preflight is answered with, or 0 if it goes on to the engine.
	Status int

	// ForeignWebSockets lets pages open WebSockets that may not read answers.
	ForeignWebSockets bool
}

// cors notes the fields that every response to the request has, and whether it is a
// preflight, which needs nothing else.
func (c *Conn) cors(k *CORS, h *http1.Head) {
	const origin, headers, both = "Origin", "Access-Control-Request-Headers", "Origin, Access-Control-Request-Headers"
	r := c.request()
	preflight := string(h.Method) == "OPTIONS"
	b, vary := r.cors[:0], ""
	switch {
	case k.Judge != nil:
		if !k.Judge(c, h.Origin, h.Raw) {
			r.foreign = k.refuses(h)
			return // as if there were no CORS: no preflight either
		}
		b, vary = reflected(b, "Access-Control-Allow-Origin", h.Origin), origin
	case k.Origins != nil || k.Patterns != nil:
		if k.lists(h.Origin) {
			b = reflected(b, "Access-Control-Allow-Origin", h.Origin)
		} else {
			r.foreign = k.refuses(h)
		}
		vary = origin
	default:
		b = append(b, "Access-Control-Allow-Origin: *\r\n"...)
	}
	if k.Credentials {
		b = append(b, "Access-Control-Allow-Credentials: true\r\n"...)
	}
	if preflight {
		b = optional(b, "Access-Control-Allow-Methods", k.Methods)
		if k.ReflectHeaders {
			b = reflected(b, "Access-Control-Allow-Headers", h.Field("Access-Control-Request-Headers"))
			if vary == "" {
				vary = headers
			} else {
				vary = both
			}
		} else {
			b = optional(b, "Access-Control-Allow-Headers", k.Headers)
		}
		b = optional(b, "Access-Control-Max-Age", k.MaxAge)
	}
	r.cors, r.vary = optional(b, "Access-Control-Expose-Headers", k.Exposed), vary
	r.preflight = preflight && k.Status != 0
}

// refuses reports whether a page of an origin that is none of those that may can open no
// WebSocket: browsers send cookies with an upgrade from any site, and no answer keeps them
// from reading what comes. A page of the server's own may, and so may whoever names no
// origin and so is no browser.
//
// Source: RFC 6455, sections 4.2.2 and 10.2.
func (k *CORS) refuses(h *http1.Head) bool {
	if k.ForeignWebSockets || len(h.Origin) == 0 {
		return false
	}
	_, host, ok := bytes.Cut(h.Origin, []byte("://"))
	return !ok || !bytes.EqualFold(host, h.Host)
}

// shared appends what cors has noted, with what else the response varies with.
func (r *request) shared(dst []byte, vary string) []byte {
	dst = append(dst, r.cors...)
	if r.vary == "" || vary == "" {
		return optional(dst, "Vary", r.vary+vary)
	}
	dst = append(append(dst, "Vary: "...), r.vary...)
	return append(append(append(dst, ", "...), vary...), "\r\n"...)
}

// lists reports whether the origin is a listed one.
func (k *CORS) lists(origin []byte) bool {
	if len(origin) == 0 {
		return false
	}
	for _, o := range k.Origins {
		if string(origin) == o {
			return true
		}
	}
	return slices.ContainsFunc(k.Patterns, func(p *regexp.Regexp) bool { return p.Match(origin) })
}

// reflected appends a field with a value of the client's, if it has one and that can
// stand in a head.
func reflected(b []byte, name string, value []byte) []byte {
	if len(value) == 0 || !printable(value) {
		return b
	}
	return http1.AppendField(b, name, value)
}

func optional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return http1.AppendField(b, name, value)
}

// allowed answers a preflight.
func (c *Conn) allowed(now Instant, status int) {
	fields := append(c.host.fields[:0], c.host.Date()...)
	if status == 204 {
		// RFC 9110 has no length there, but old Safaris wait for a body without it; hence
		// the reference server sends it.
		fields = append(fields, "Content-Length: 0\r\n"...)
	}
	c.send(now, &http1.Response{Status: status, Fields: c.req.shared(fields, "")}, nil)
}
