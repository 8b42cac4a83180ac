package session

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/e6a90ca8/sio/codec/http1"
)

// TestCORS: what browsers are told about pages of other sites. Each case was compared with
// the npm package cors in the reference server, interop/js/raw-http.test.mjs still does.
func TestCORS(t *testing.T) { playAll(t, corsTranscripts()) }

const (
	listed   = "https://play.example"
	methods  = "GET,HEAD,PUT,PATCH,POST,DELETE"
	preQuery = "OPTIONS /socket.io/?EIO=4&transport=polling"
)

// anybody is CORS as it is without any option.
func anybody() *CORS { return &CORS{Methods: methods, ReflectHeaders: true, Status: 204} }

func withCORS(set func(k *CORS)) func(c *Config) {
	return func(c *Config) {
		c.CORS = anybody()
		if set != nil {
			set(c.CORS)
		}
	}
}

func corsTranscripts() map[string]transcript {
	list := withCORS(func(k *CORS) {
		k.Origins, k.Patterns = []string{listed, "null"}, []*regexp.Regexp{regexp.MustCompile(`\.example\.org$`)}
		k.Credentials = true
	})
	return map[string]transcript{
		"none": {rows: "H19 H20", source: "OPTIONS is a bad handshake like others", script: opened + `
			a~ !Access-Control-Allow-Origin
			a~ !Vary
			a> OPTIONS /socket.io/?EIO=4&transport=polling | Origin: https://play.example | Access-Control-Request-Method: POST
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a~ !Access-Control-Allow-Origin
			a> OPTIONS s1
			a< 405
			a> OPTIONS /socket.io/
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
		`},
		"any origin": {rows: "H19", set: withCORS(nil), script: `
			a> OPEN | Origin: http://a
			a< 200 ` + openPacket + `
			a~ Access-Control-Allow-Origin: *
			a~ !Vary
			a~ !Access-Control-Allow-Credentials
			a~ !Access-Control-Allow-Methods
			a~ cache-control: no-store
			a> POST s1 40
			a< 200 ok
			a~ Access-Control-Allow-Origin: *
			a> ` + preQuery + ` | Origin: http://a | Access-Control-Request-Headers: x-one, X-Two
			a< 204
			a~ Access-Control-Allow-Origin: *
			a~ Access-Control-Allow-Methods: ` + methods + `
			a~ Access-Control-Allow-Headers: x-one, X-Two
			a~ Vary: Access-Control-Request-Headers
			a~ Content-Length: 0
			a~ !Access-Control-Max-Age
			a~ !cache-control
			a> GET s1
			a< 200 40{"sid":"s2"}
		`},
		"preflights": {rows: "H19", source: "they need no transport and no session", set: withCORS(nil), script: `
			a> OPTIONS /socket.io/
			a< 204
			a~ Vary: Access-Control-Request-Headers
			a~ !Access-Control-Allow-Headers
			a> OPTIONS ?transport=x&sid=y
			a< 204
			a> OPTIONS /socket.io/ body | Connection: close
			a< 204
			a~ Connection: close
			a< fin
			b> OPTIONS /elsewhere
			b< 404
			b~ !Access-Control-Allow-Origin
			b< fin
		`},
		"listed origins": {rows: "H19", set: list, script: `
			a> OPEN | Origin: ` + listed + `
			a< 200 ` + openPacket + `
			a~ Access-Control-Allow-Origin: ` + listed + `
			a~ Access-Control-Allow-Credentials: true
			a~ Vary: Origin
			b> OPEN | Origin: https://evil.example
			b< 200 0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b~ !Access-Control-Allow-Origin
			b~ Access-Control-Allow-Credentials: true
			b~ Vary: Origin
			b> OPEN
			b< 200 0{"sid":"s3","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b~ !Access-Control-Allow-Origin
			b~ Vary: Origin
			b> ` + preQuery + ` | Origin: http://eu.example.org
			b< 204
			b~ Access-Control-Allow-Origin: http://eu.example.org
			b~ Vary: Origin, Access-Control-Request-Headers
			b> ` + preQuery + ` | Origin: null
			b< 204
			b~ Access-Control-Allow-Origin: null
			b> ` + preQuery + ` | Origin: http://example.org
			b< 204
			b~ !Access-Control-Allow-Origin
			b~ Access-Control-Allow-Methods: ` + methods + `
			b> ` + preQuery + ` | Origin:
			b< 204
			b~ !Access-Control-Allow-Origin
		`},
		"WebSockets of other pages": {rows: "H19", set: list, source: "RFC 6455, section 10.2; faults, K3", script: `
			a> UPGRADE | Origin: https://evil.example
			? 4 FOREIGN_ORIGIN https://evil.example
			a< 400 Forbidden
			a< fin
			b> OPEN | Origin: https://evil.example
			b< 200 ` + openPacket + `
			c> UPGRADE s1 | Origin: https://play.example.evil
			? 4 FOREIGN_ORIGIN https://play.example.evil
			c< 400 Forbidden
			c< fin
			d> UPGRADE s1 | Origin: ` + listed + `
			d< 101
		`},
		"WebSockets of the server's own pages": {rows: "H19", set: list, script: `
			ws> UPGRADE | Origin: http://EXAMPLE.com
			ws< 101
			ws< ` + wsPacket + `
		`},
		"WebSockets of no page": {rows: "H19", set: list, script: `
			ws> UPGRADE
			ws< 101
			ws< ` + wsPacket + `
		`},
		"WebSockets of other pages, let in": {rows: "H19", set: func(c *Config) { list(c); c.CORS.ForeignWebSockets = true }, script: `
			ws> UPGRADE | Origin: https://evil.example
			ws< 101
			ws< ` + wsPacket + `
		`},
		"refusals": {rows: "H19 H06 H08", set: list, source: "refusals tell as much; an upgrade's, and what cannot be read, do not", script: `
			a> GET ?transport=x | Origin: ` + listed + `
			? 0 x
			a< 400 {"code":0,"message":"Transport unknown"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			a~ Vary: Origin
			a> GET s9 | Origin: ` + listed + `
			? 1 s9
			a< 400 {"code":1,"message":"Session ID unknown"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			a> PUT ?transport=polling | Origin: ` + listed + `
			? 2 PUT
			a< 400 {"code":2,"message":"Bad handshake method"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			a> GET ?transport=websocket | Origin: ` + listed + `
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 {"code":3,"message":"Bad request"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			. admit no
			a> OPEN | Origin: ` + listed + `
			? 4
			a< 403 {"code":4,"message":"Forbidden"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			. admit later
			a> OPEN | Origin: ` + listed + `
			. decide id x
			a< 200 0{"sid":"x","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a~ Access-Control-Allow-Origin: ` + listed + `
			. admit yes
			a> GET ?EIO=3&transport=polling | Origin: ` + listed + `
			? 5 3
			a< 400 {"code":5,"message":"Unsupported protocol version"}
			a~ Access-Control-Allow-Origin: ` + listed + `
			ws> UPGRADE s9 | Origin: ` + listed + `
			? 1 s9
			ws< 400 Session ID unknown
			ws~ !Access-Control-Allow-Origin
			ws< fin
			b> raw POST / HTTP/1.1\r\nHost: a\r\nOrigin: ` + listed + `\r\nContent-Length: x\r\n\r\n
			b< 400
			b~ !Access-Control-Allow-Origin
			b< fin
		`},
		"bodies too long": {rows: "H19 H26", set: func(c *Config) { list(c); c.MaxPayload = 10 }, script: `
			a> POST s9 12345678901 | Origin: ` + listed + `
			a< 413
			a~ Access-Control-Allow-Origin: ` + listed + `
			a< fin
			b> raw POST /socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: ` + listed + `\r\nTransfer-Encoding: chunked\r\n\r\n0b\r\n12345678901
			b< 413
			b~ Access-Control-Allow-Origin: ` + listed + `
			b< fin
		`},
		"a body too late": {rows: "H19", set: list, script: `
			c> raw POST /socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: ` + listed + `\r\nContent-Length: 9\r\n\r\n1
			+ 10s
			c< 408
			c~ Access-Control-Allow-Origin: ` + listed + `
			c< fin
		`},
		"nobody is free": {rows: "H19 H16", set: func(c *Config) { list(c); c.Draining = true }, script: `
			a> OPEN | Origin: ` + listed + `
			a< 503
			a~ Retry-After: 5
			a~ Access-Control-Allow-Origin: ` + listed + `
			a< fin
		`},
		"WebSockets": {rows: "H19", set: list, script: `
			ws> UPGRADE | Origin: ` + listed + `
			ws< 101
			ws~ Access-Control-Allow-Origin: ` + listed + `
			ws~ Vary: Origin
			ws< ` + wsPacket + `
		`},
		"on another loop": {rows: "H19", hosts: 2, set: list, script: opened + `
			. loop b 1
			b> POST s1 40 | Origin: ` + listed + `
			b< 200 ok
			b~ Access-Control-Allow-Origin: ` + listed + `
			b> GET s1 | Origin: http://x.example.org
			b< 200 40{"sid":"s2"}
			b~ Access-Control-Allow-Origin: http://x.example.org
			ws> UPGRADE s1 | Origin: ` + listed + `
			ws< 101
			ws~ Access-Control-Allow-Origin: ` + listed + `
		`},
		"all that can be said": {rows: "H19", set: withCORS(func(k *CORS) {
			k.Origins, k.Methods, k.Headers, k.ReflectHeaders = []string{listed}, "GET,PUT,POST", "my-header,other", false
			k.Exposed, k.MaxAge, k.Credentials, k.Status = "my-exposed", "123", true, 200
		}), script: `
			a> ` + preQuery + ` | Origin: ` + listed + ` | Access-Control-Request-Headers: x-one
			a< 200
			a~ Content-Length: 0
			a~ Access-Control-Allow-Origin: ` + listed + `
			a~ Vary: Origin
			a~ Access-Control-Allow-Methods: GET,PUT,POST
			a~ Access-Control-Allow-Headers: my-header,other
			a~ Access-Control-Expose-Headers: my-exposed
			a~ Access-Control-Max-Age: 123
			a~ Access-Control-Allow-Credentials: true
			a> OPEN | Origin: ` + listed + `
			a< 200 ` + openPacket + `
			a~ Access-Control-Expose-Headers: my-exposed
			a~ !Access-Control-Allow-Headers
			a~ !Access-Control-Max-Age
		`},
		"preflights go on": {rows: "H19 H20", set: withCORS(func(k *CORS) { k.Status = 0 }), script: `
			a> ` + preQuery + ` | Access-Control-Request-Headers: x-one
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a~ Access-Control-Allow-Origin: *
			a~ Access-Control-Allow-Methods: ` + methods + `
			a~ Access-Control-Allow-Headers: x-one
		`},
		"a function": {rows: "H19", source: "who it refuses is served as if there were no CORS", set: withCORS(func(k *CORS) {
			k.Judge = func(_ *Conn, origin, head []byte) bool {
				return bytes.HasSuffix(origin, http1.Field(head, "Host"))
			}
		}), script: `
			a> OPEN | Origin: https://example.com
			a< 200 ` + openPacket + `
			a~ Access-Control-Allow-Origin: https://example.com
			a~ Vary: Origin
			a> POST s1 40 | Origin: https://evil.example
			a< 200 ok
			a~ !Access-Control-Allow-Origin
			a~ !Vary
			a> ` + preQuery + ` | Origin: https://example.com
			a< 204
			a~ Access-Control-Allow-Origin: https://example.com
			a~ Vary: Origin, Access-Control-Request-Headers
			a> ` + preQuery + ` | Origin: https://evil.example
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a~ !Access-Control-Allow-Methods
			a> GET s1
			a< 200 40{"sid":"s2"}
			a~ !Access-Control-Allow-Origin
		`},
	}
}

// TestCORSReflectsNothingBad: hosts that do not check heads as ours does cannot be made to
// send fields of a client's.
func TestCORSReflectsNothingBad(t *testing.T) {
	for _, value := range []string{"a\r\nSet-Cookie: b", "a\x00", "a\x7f", "\n"} {
		if b := reflected(nil, "X", []byte(value)); len(b) > 0 {
			t.Errorf("%q is reflected as %q", value, b)
		}
	}
}

// TestCookie: the session's id as a cookie, on the first answer of a polling session and
// nowhere else.
func TestCookie(t *testing.T) {
	set := func(c *Config) { c.Cookie = &Cookie{Name: "io", Attributes: "; Path=/; HttpOnly; SameSite=Lax"} }
	playAll(t, map[string]transcript{
		"polling": {rows: "H21", set: set, script: opened + `
			a~ Set-Cookie: io=s1; Path=/; HttpOnly; SameSite=Lax
			a> POST s1 40
			a< 200 ok
			a~ !Set-Cookie
			a> GET s1
			a< 200 40{"sid":"s2"}
			a~ !Set-Cookie
			a> GET ?EIO=4&transport=x
			? 0 x
			a< 400 {"code":0,"message":"Transport unknown"}
			a~ !Set-Cookie
			. admit no
			a> OPEN
			? 4
			a< 403 {"code":4,"message":"Forbidden"}
			a~ !Set-Cookie
		`},
		"WebSockets": {rows: "H21", set: set, script: opened + `
			ws> UPGRADE s1
			ws< 101
			ws~ !Set-Cookie
			x> UPGRADE
			x< 101
			x~ !Set-Cookie
			x< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"compressed": {rows: "H21 H31", set: func(c *Config) { set(c); c.CompressFrom = 1 }, script: `
			a> OPEN | Accept-Encoding: gzip
			a< 200 gzip:` + openPacket + `
			a~ Set-Cookie: io=s1; Path=/; HttpOnly; SameSite=Lax
		`},
		"ids of the application's": {rows: "H21 H39", set: set, script: `
			. admit id a b;c="é%"(!)~'*-._
			a> OPEN
			a< 200 0{"sid":"a b;c=\"é%\"(!)~'*-._","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a~ Set-Cookie: io=a%20b%3Bc%3D%22%C3%A9%25%22(!)~'*-._; Path=/; HttpOnly; SameSite=Lax
		`},
		"decided late": {rows: "H21", set: set, script: `
			. admit later
			a> OPEN
			. decide yes
			a< 200 ` + openPacket + `
			a~ Set-Cookie: io=s1; Path=/; HttpOnly; SameSite=Lax
		`},
		"hooks": {rows: "H21 H22", source: "the application's fields come behind it", set: func(c *Config) {
			set(c)
			c.Hooks = &Hooks{Headers: func(_ *Conn, _ []byte, initial bool, add func(name, value string)) {
				if initial {
					add("X-Initial", "1")
				}
			}}
		}, script: opened + `
			a~ Set-Cookie: io=s1; Path=/; HttpOnly; SameSite=Lax
			a~ X-Initial: 1
			a> POST s1 40
			a< 200 ok
			a~ !X-Initial
		`},
	})
}
