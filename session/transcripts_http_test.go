package session

import "testing"

// opened is the handshake of long-polling that most transcripts begin with, and joined
// the same with the main namespace joined: the session is s1, the socket s2.
const (
	openPacket = `0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
	wsPacket   = `0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

	opened = `
		a> OPEN
		a< 200 ` + openPacket + `
	`
	joined = opened + `
		a> POST s1 40
		a< 200 ok
		a> GET s1
		a< 200 40{"sid":"s2"}
	`
)

// TestHandshake: what the first request of a session can be, and what is wrong with it
// when it cannot.
func TestHandshake(t *testing.T) { playAll(t, handshakeTranscripts()) }

func handshakeTranscripts() map[string]transcript {
	return map[string]transcript{
		"polling": {rows: "H03 H04 H05 H23 H24 L04", script: opened + `
			a~ Content-Type: text/plain; charset=UTF-8
			a~ cache-control: no-store
			a~ !Set-Cookie
			a~ !X-XSS-Protection
			a~ !Connection
			a~ !Access-Control-Allow-Origin
		`},
		"timings of one's own": {rows: "L04 H05", set: func(c *Config) {
			c.PingInterval, c.PingTimeout, c.MaxPayload, c.AllowUpgrades = 300e6, 200e6, 100, false
		}, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":100}
		`},
		"no transport to upgrade to": {rows: "H05 H10", set: func(c *Config) { c.Transports = Set(Polling) }, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE
			? 0 websocket
			ws< 400 Transport unknown
			ws< fin
		`},
		"path": {rows: "H01 H40 F4", source: "a prefix of the raw target", script: `
			a> GET /socket.io/default/?EIO=4&transport=polling
			a< 200 ` + openPacket + `
			b> GET /socket.io?EIO=4&transport=polling
			b< 404
			b~ Connection: close
			b< fin
			c> GET /other/socket.io/?EIO=4&transport=polling
			c< 404
			c< fin
			d> GET //socket.io/?EIO=4&transport=polling
			d< 404
			d< fin
			e> GET /%73ocket.io/?EIO=4&transport=polling
			e< 404
			e< fin
			f> OPTIONS *
			f< 404
			f< fin
			g> GET /x/../socket.io/?EIO=4&transport=polling
			g< 404
			g< fin
			h> raw GET http://example.com/socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: example.com\r\n\r\n
			h< 404
			h< fin
			i> GET /socket.io/../x?EIO=4&transport=polling
			i< 404
			i< fin
			j> GET /socket.io/./?EIO=4&transport=polling
			j< 404
			j< fin
			k> GET /socket.io/x/..?EIO=4&transport=polling
			k< 404
			k< fin
			l> GET /socket.io/.x/..y/?EIO=4&transport=polling
			l< 200 0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"path of one's own": {rows: "H01", set: func(c *Config) { c.Path = "/engine" }, script: `
			a> GET /engine?EIO=4&transport=polling
			a< 200 ` + openPacket + `
			a> GET /socket.io/?EIO=4&transport=polling
			a< 404
			a< fin
		`},
		"query": {rows: "H02 F3", source: "of a repeated key the last value wins", script: `
			a> GET ?t=x&EIO=3&EIO=4&transport=websocket&transport=p%6Flling&x[y]=1&&=&%
			a< 200 ` + openPacket + `
			b> GET ?EIO=4&transport=polling&sid=nobody&sid=
			b< 200 0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			c> GET ?EIO=4&transport=polling+
			? 0 polling
			c< 400 {"code":0,"message":"Transport unknown"}
			d> GET ?EIO=4&transport[]=polling
			? 0
			d< 400 {"code":0,"message":"Transport unknown"}
			e> GET ?EIO=4&transport=polling&sid=a%0d%0ab<script>
			? 1 a b<script>
			e< 400 {"code":1,"message":"Session ID unknown"}
			f> GET ?EIO=4&transport=polling&sid={x*4000}
			? 1 {x*4000}
			f< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"unknown transport": {rows: "H06 H10 H17 F3", script: `
			a> GET ?EIO=4&transport=tobi
			? 0 tobi
			a< 400 {"code":0,"message":"Transport unknown"}
			a~ Content-Type: application/json
			a> GET ?EIO=4&transport=constructor
			? 0 constructor
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET ?EIO=4&transport=__proto__
			? 0 __proto__
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET ?EIO=4&transport=webtransport
			? 0 webtransport
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET ?EIO=4&transport=
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET ?EIO=4
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET ?EIO=4&transport=Polling
			? 0 Polling
			a< 400 {"code":0,"message":"Transport unknown"}
		`},
		"unknown sid": {rows: "H06 H11 H17", script: `
			a> GET ?EIO=4&transport=polling&sid=__proto__
			? 1 __proto__
			a< 400 {"code":1,"message":"Session ID unknown"}
			a> POST ?EIO=4&transport=polling&sid=nobody 40
			? 1 nobody
			a< 400 {"code":1,"message":"Session ID unknown"}
			ws> UPGRADE nobody
			? 1 nobody
			ws< 400 Session ID unknown
			ws~ Content-Type: text/html
			ws~ Connection: close
			ws< fin
		`},
		"method": {rows: "H06 H13 H20 F2", script: `
			a> POST ?EIO=4&transport=polling 40
			? 2 POST
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> OPTIONS ?EIO=4&transport=polling | Origin: http://evil.example | Access-Control-Request-Method: GET
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> get ?EIO=4&transport=polling
			? 2 get
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> PROPFIND ?EIO=4&transport=polling
			? 2 PROPFIND
			a< 400 {"code":2,"message":"Bad handshake method"}
			ws> UPGRADE /socket.io/?EIO=4&transport=websocket | HTTP/1.1
			ws< 101
			ws< ` + wsPacket + `
		`},
		"the answer to HEAD has no body": {rows: "H13", source: "RFC 9110, section 9.3.2", script: `
			a> HEAD ?EIO=4&transport=polling
			? 2 HEAD
			a< 400
			a~ Content-Type: application/json
			a> OPEN
			a< 200 ` + openPacket + `
			a> HEAD s1
			a< 405
			a~ Allow: GET, POST
			a> HEAD ?EIO=4&transport=polling&sid=nobody
			? 1 nobody
			a< 400
			a> POST s1 40
			a< 200 ok
		`},
		"other methods with a sid": {rows: "H13 F2", script: opened + `
			a> PUT s1 40
			a< 405
			a~ Allow: GET, POST
			a> DELETE s1
			a< 405
			a> POST s1 40
			a< 200 ok
		`},
		"websocket without upgrade": {rows: "H14 H17", script: `
			a> GET ?EIO=4&transport=websocket
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 {"code":3,"message":"Bad request"}
		`},
		"upgrade to nothing": {rows: "H14", source: "the reference server: nginx with the settings that its documentation shows", script: `
			a> OPEN | Connection: upgrade
			a< 200 ` + openPacket + `
			a> POST s1 40 | Connection: upgrade
			a< 200 ok
			a> GET s1 | Connection: upgrade | Upgrade:
			a< 200 40{"sid":"s2"}
		`},
		"upgrade to something else": {rows: "H14 H08 F22", script: `
			a> GET ?EIO=4&transport=websocket | Connection: Upgrade | Upgrade: h2c
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 Bad request
			a< fin
			b> UPGRADE /socket.io/?EIO=4&transport=polling
			? 3 TRANSPORT_HANDSHAKE_ERROR
			b< 400 Bad request
			b< fin
		`},
		"origin": {rows: "H15 H17 F18", source: "control characters never pass the request reader", script: `
			a> OPEN | Origin: http://evil.example
			a< 200 ` + openPacket + `
			a~ !Access-Control-Allow-Origin
			a~ !Vary
			b> OPEN | Origin: a\x01b
			b< 400
			b< fin
			c> OPEN | Origin: http://a | +Origin: http://b
			c< 400
			c< fin
			d> OPEN | Origin: h\x7f
			d< 400
			d< fin
		`},
		"protocol revision": {rows: "H06 H37 H17", script: `
			a> GET ?EIO=3&transport=polling
			? 5 3
			a< 400 {"code":5,"message":"Unsupported protocol version"}
			a> GET ?transport=polling
			? 5
			a< 400 {"code":5,"message":"Unsupported protocol version"}
			a> GET ?EIO=44&transport=polling
			? 5 44
			a< 400 {"code":5,"message":"Unsupported protocol version"}
			ws> UPGRADE /socket.io/?EIO=3&transport=websocket
			? 5 3
			ws< 400 Unsupported protocol version
			ws< fin
		`},
		"order of checks": {rows: "H09", script: `
			. admit no
			a> POST ?EIO=3&transport=tobi&sid=nobody x
			? 0 tobi
			a< 400 {"code":0,"message":"Transport unknown"}
			a> POST ?EIO=3&transport=polling&sid=nobody x
			? 1 nobody
			a< 400 {"code":1,"message":"Session ID unknown"}
			a> POST ?EIO=3&transport=websocket x
			? 2 POST
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> GET ?EIO=3&transport=websocket
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 {"code":3,"message":"Bad request"}
			a> GET ?EIO=3&transport=polling
			? 4
			a< 403 {"code":4,"message":"Forbidden"}
			. admit broken
			a> GET ?EIO=3&transport=polling
			? 5 3
			a< 400 {"code":5,"message":"Unsupported protocol version"}
			a> OPEN
			? 3 ID_GENERATION_ERROR
			a< 400 {"code":3,"message":"Bad request"}
		`},
		"user agents of old": {rows: "H23", script: `
			a> OPEN | User-Agent: Mozilla/4.0 (compatible;MSIE 8.0)
			a< 200 ` + openPacket + `
			a~ X-XSS-Protection: 0
			a> POST s1 40 | User-Agent: Mozilla/5.0 Trident/7.0
			a< 200 ok
			a~ X-XSS-Protection: 0
			a> POST s1 40 | User-Agent: Mozilla/5.0
			a< 200 ok
			a~ !X-XSS-Protection
			! s2 forced server close: packet not allowed in this state
		`},
		"a packet to begin with": {rows: "H38", set: func(c *Config) { c.InitialPacket = []byte("hello") }, script: `
			a> OPEN
			a< 200 ` + openPacket + `\x1e4hello
			ws> UPGRADE
			ws< 101
			ws< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws< 4hello
		`},
	}
}

// TestAdmission: the application decides about handshakes, at once or later.
func TestAdmission(t *testing.T) { playAll(t, admissionTranscripts()) }

func admissionTranscripts() map[string]transcript {
	return map[string]transcript{
		"refused": {rows: "H06 H07 H08 H16", script: `
			. admit no
			a> OPEN
			? 4
			a< 403 {"code":4,"message":"Forbidden"}
			ws> UPGRADE
			? 4
			ws< 400 Forbidden
			ws< fin
			. admit no Thou "shalt" not <pass>
			a> OPEN
			? 4
			a< 403 {"code":4,"message":"Thou \"shalt\" not <pass>"}
			x> UPGRADE
			? 4
			x< 400 Thou "shalt" not <pass>
			x< fin
		`},
		"only handshakes are asked about": {rows: "H16", script: joined + `
			. admit no
			a> POST s1 42["echo",1]
			a< 200 ok
			a> GET s1
			a< 200 42["echo",1]
			ws> UPGRADE s1
			ws< 101
		`},
		"later": {rows: "H16", script: `
			. admit later
			a> OPEN
			b> OPEN | Connection: close
			ws> UPGRADE
			. decide yes
			a< 200 ` + openPacket + `
			. decide no
			? 4
			b< 403 {"code":4,"message":"Forbidden"}
			b< fin
			. decide yes
			ws< 101
			ws< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"later, and more has come meanwhile": {rows: "H16 F17 F32", script: `
			. admit later
			a>+ OPEN
			a> POST ?EIO=4&transport=polling x
			b>+ UPGRADE
			b> 40
			. decide yes
			a< 200 ` + openPacket + `
			? 2 POST
			a< 400 {"code":2,"message":"Bad handshake method"}
			. decide yes
			b< 101
			b< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b< 40{"sid":"s3"}
		`},
		"the client has left meanwhile": {rows: "H16 F69", script: `
			. admit later
			a> OPEN
			b> UPGRADE
			a> fin
			b> reset
			. decide yes
			. decide yes
		`},
		"an id of the application's": {rows: "H39", script: `
			. admit id mine
			a> OPEN
			a< 200 0{"sid":"mine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a> POST ?EIO=4&transport=polling&sid=mine 40
			a< 200 ok
			b> OPEN
			? 3 ID_GENERATION_ERROR
			b< 400 {"code":3,"message":"Bad request"}
			. admit broken
			b> OPEN
			? 3 ID_GENERATION_ERROR
			b< 400 {"code":3,"message":"Bad request"}
			ws> UPGRADE
			? 3 ID_GENERATION_ERROR
			ws< 400 Bad request
			ws< fin
			. admit later
			b> OPEN
			. decide id other
			b< 200 0{"sid":"other","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			. close mine forced close
			! s1 forced close
			! mine forced close
			b> OPEN
			. decide id mine
			b< 200 0{"sid":"mine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"a taken id and a WebSocket": {rows: "H39 H08", source: "no 101 before the id is known", script: `
			. admit id mine
			a> OPEN
			a< 200 0{"sid":"mine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE
			? 3 ID_GENERATION_ERROR
			ws< 400 Bad request
			ws< fin
		`},
	}
}

// TestWrongTransport: a WebSocket's session is not polled, nor found without an upgrade.
func TestWrongTransport(t *testing.T) { playAll(t, wrongTransportTranscripts()) }

func wrongTransportTranscripts() map[string]transcript {
	return map[string]transcript{
		"without an upgrade": {rows: "H13 F9", script: wsJoined + `
			a> GET ?EIO=4&transport=websocket&sid=s1
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 {"code":3,"message":"Bad request"}
			a> GET ?EIO=4&transport=polling&sid=s1
			? 3 TRANSPORT_MISMATCH polling websocket
			a< 400 {"code":3,"message":"Bad request"}
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"without an upgrade, from another loop": {rows: "H13 F9", hosts: 2, script: wsJoined + `
			. loop a 1
			a> GET ?EIO=4&transport=websocket&sid=s1
			? 3 TRANSPORT_HANDSHAKE_ERROR
			a< 400 {"code":3,"message":"Bad request"}
			ws> 42["echo"]
			ws< 42["echo"]
		`},
	}
}
