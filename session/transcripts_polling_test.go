package session

import "testing"

// TestPolling: packets in the bodies of requests.
func TestPolling(t *testing.T) { playAll(t, pollingTranscripts()) }

func pollingTranscripts() map[string]transcript {
	return map[string]transcript{
		"answers": {rows: "H23 H24 H32", script: joined + `
			a~ Content-Type: text/plain; charset=UTF-8
			a> POST s1 42["echo","héllo"]\x1e42["echo",{"a":[1,null]}]
			a< 200 ok
			a~ Content-Type: text/html
			a~ Content-Length: 2
			a~ cache-control: no-store
			b> GET s1
			b< 200 42["echo","héllo"]\x1e42["echo",{"a":[1,null]}]
			b~ Content-Type: text/plain; charset=UTF-8
			b~ cache-control: no-store
			b> GET s1
			. emit s2 42["late"]
			b< 200 42["late"]
			. emit s2 42["kept"]
			. emit s2 42["too"]
			b> GET s1
			b< 200 42["kept"]\x1e42["too"]
		`},
		"a payload has no bound": {rows: "H32", set: func(c *Config) { c.MaxPayload = 100 }, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}
			a> POST s1 40
			a< 200 ok
			. emit s2 42["{x*90}"]
			. emit s2 42["{y*90}"]
			a> GET s1
			a< 200 40{"sid":"s2"}\x1e42["{x*90}"]\x1e42["{y*90}"]
		`},
		"binary": {rows: "H33 S02 K01", script: joined + `
			a> POST s1 451-["echo",{"_placeholder":true,"num":0}]\x1ebAQIDBA==
			a< 200 ok
			a> GET s1
			a< 200 451-["echo",{"_placeholder":true,"num":0}]\x1ebAQIDBA==
			a> POST s1 452-["bin",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]\x1eb\x1ebAQI=
			a< 200 ok
			= s2 ["bin",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]  0102
			. attach s2 ff00 451-["b",{"_placeholder":true,"num":0}]
			a> GET s1
			a< 200 451-["b",{"_placeholder":true,"num":0}]\x1eb/wA=
		`},
		"attachments in another request": {rows: "H33 S02", script: joined + `
			a> POST s1 451-["bin",{"_placeholder":true,"num":0}]
			a< 200 ok
			+ 10s
			a> POST s1 bAQIDBA==
			a< 200 ok
			= s2 ["bin",{"_placeholder":true,"num":0}] 01020304
		`},
		"packets that are not": {rows: "H34 F46", script: joined + `
			b> GET s1
			a> POST s1 42["e",1]\x1e\x1e42["e",2]
			= s2 ["e",1]
			a< 400
			b< 200 1
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"unknown type": {rows: "H34 F34", script: opened + `
			a> POST s1 abc
			a< 400
			! s1 parse error: engineio: invalid packet
		`},
		"an empty body": {rows: "H34 F46", script: opened + `
			a> POST s1
			a< 400
			! s1 parse error: engineio: invalid packet
		`},
		"text that is not UTF-8": {rows: "H34 F46", script: opened + `
			a> POST s1 4\xff
			a< 400
			! s1 parse error: engineio: invalid packet
		`},
		"base64 that is not": {rows: "H34 F46", script: opened + `
			a> POST s1 bAQIDB
			a< 400
			! s1 parse error: engineio: invalid packet
		`},
		"many packets in one body": {rows: "F46", uncut: "it takes long", script: joined + `
			a> POST s1 {3\x1e*450000}6
			a< 200 ok
			a> POST s1 {\x1e*450000}
			a< 400
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"binary content of protocol 3": {rows: "H25 F16", script: opened + `
			a> POST s1 40 | Content-Type: application/octet-stream
			a< 400
			! s1 transport error: binary request body in protocol 4
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"other content types are text": {rows: "F16", script: opened + `
			a> POST s1 40 | Content-Type: text/plain;charset=UTF-8
			a< 200 ok
			a> POST s1 42["e"] | Content-Type: image/png
			a< 200 ok
			= s2 ["e"]
			a> POST s1 \x1f\x8b\x08 | Content-Encoding: gzip
			a< 400
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"the session is on another transport": {rows: "H12 H17", script: `
			ws> UPGRADE
			ws< 101
			ws< ` + wsPacket + `
			a> GET s1
			? 3 TRANSPORT_MISMATCH polling websocket
			a< 400 {"code":3,"message":"Bad request"}
			a> POST s1 40
			? 3 TRANSPORT_MISMATCH polling websocket
			a< 400 {"code":3,"message":"Bad request"}
			ws> 40
			ws< 40{"sid":"s2"}
		`},
		"websocket named without upgrade": {rows: "H12", script: opened + `
			a> GET ?EIO=4&transport=websocket&sid=s1
			? 3 TRANSPORT_MISMATCH websocket polling
			a< 400 {"code":3,"message":"Bad request"}
			a> POST s1 40
			a< 200 ok
		`},
		"another revision than the session's": {rows: "H17 F85", script: opened + `
			a> GET ?EIO=3&transport=polling&sid=s1
			? 3 PROTOCOL_MISMATCH 3 4
			a< 400 {"code":3,"message":"Bad request"}
			ws> UPGRADE /socket.io/?EIO=3&transport=websocket&sid=s1
			? 3 PROTOCOL_MISMATCH 3 4
			ws< 400 Bad request
			ws< fin
			a> GET ?transport=polling&sid=s1
			. close s1 forced close
			a< 200 1
			! s1 forced close
		`},
		"two GETs at once": {rows: "H27 F86", script: joined + `
			a> GET s1
			b> GET s1
			b< 400
			a< 200 1
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
		"two POSTs at once": {rows: "H28 F86", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			b> POST s1 42["e",1] | Connection: close
			b< 400
			b< fin
			a< 400
			a~ Connection: close
			a< fin
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
		"two POSTs at once, neither whole": {rows: "H28 F86", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			b< 400
			b< fin
			a< 400
			a< fin
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
		"a POST that is refused is none of the session's": {rows: "H12 H28", script: joined + `
			a> POST ?EIO=4&transport=tobi&sid=s1 42["e"]
			? 0 tobi
			a< 400 {"code":0,"message":"Transport unknown"}
			a> POST ?EIO=3&transport=polling&sid=s1 42["e"]
			? 3 PROTOCOL_MISMATCH 3 4
			a< 400 {"code":3,"message":"Bad request"}
			a> POST ?EIO=4&transport=websocket&sid=s1 42["e"]
			? 3 TRANSPORT_MISMATCH websocket polling
			a< 400 {"code":3,"message":"Bad request"}
			a> POST s1 42["echo"]
			a< 200 ok
			a> GET s1
			a< 200 42["echo"]
		`},
		"aborted GET": {rows: "H29 F87", script: joined + `
			a> GET s1
			a> fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"reset GET": {rows: "H29", script: opened + `
			a> GET s1
			a> reset
			! s1 transport error: connection closed during a request
		`},
		"aborted POST": {rows: "H29", script: joined + `
			b> GET s1
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			a> reset
			b< 200 1
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"aborted POST without its body": {rows: "H29", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n
			a> fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"a connection that ends between requests": {rows: "H29", script: opened + `
			a> fin
			b> POST s1 40
			b< 200 ok
			b> reset
			c> GET s1
			c< 200 40{"sid":"s2"}
		`},
		"the answer cannot be written": {rows: "H29 F87", source: "the client cannot have it, but might ask again", script: joined + `
			a> GET s1
			. break a
			. emit s2 42["lost"]
			b> GET s1
			. emit s2 42["not lost"]
			b< 200 42["not lost"]
		`},
		"compressed": {rows: "H31 K13", script: joined + `
			. emit s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: gzip, deflate
			a< 200 gzip:42["{x*1100}"]
			a~ Content-Type: text/plain; charset=UTF-8
			a~ Content-Encoding: gzip
			. emit s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: deflate, gzip;q=0
			a< 200 deflate:42["{x*1100}"]
			. emit s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: br
			a< 200 42["{x*1100}"]
			a~ !Content-Encoding
			. emit s2 42["{x*1100}"]
			a> GET s1
			a< 200 42["{x*1100}"]
			. emit s2 42["{x*900}"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 42["{x*900}"]
			. plain s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 42["{x*1100}"]
			. plain s2 42["{x*1100}"]
			. emit s2 42["y"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 gzip:42["{x*1100}"]\x1e42["y"]
			. large s2 42["{x*1100}"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 gzip:42["{x*1100}"]
			. plain s2 42["{x*1100}"]
			+ 25s
			b> GET s1 | Accept-Encoding: gzip
			b< 200 gzip:42["{x*1100}"]\x1e2
		`},
		"compressed elsewhere": {rows: "H31", script: joined + `
			. emit s2 42["{x*40000}"]
			a> GET s1 | Accept-Encoding: gzip
			. offloaded
			a< 200 gzip:42["{x*40000}"]
			. busy
			. emit s2 42["{x*40000}"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 42["{x*40000}"]
			a~ !Content-Encoding
		`},
		"compression is off": {rows: "H31", set: func(c *Config) { c.CompressFrom = -1 }, script: joined + `
			. emit s2 42["{x*5000}"]
			a> GET s1 | Accept-Encoding: gzip
			a< 200 42["{x*5000}"]
		`},
		"the client goes while its answer is compressed": {rows: "H29 F87", source: "an answer that nobody gets ends the session", script: joined + `
			. emit s2 42["{x*40000}"]
			a> GET s1 | Accept-Encoding: gzip
			a> fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
			. offloaded
		`},
	}
}

// TestRequests: requests in all the ways that HTTP allows, and some that it does not.
func TestRequests(t *testing.T) { playAll(t, requestsTranscripts()) }

func requestsTranscripts() map[string]transcript {
	return map[string]transcript{
		"chunked": {rows: "H30", script: opened + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\n4\r\n1\r\n0\r\n0\r\nTrailer: x\r\n\r\n
			a< 200 ok
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n00000A\r\n42["echo"]\r\n0\r\n\r\n
			a< 200 ok
			a> GET s1
			a< 200 40{"sid":"s2"}\x1e42["echo"]
		`},
		"a body that comes slowly": {rows: "H30 F48", script: opened + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n
			+ 9s
			a> raw 4
			+ 900ms
			a> raw 0
			a< 200 ok
		`},
		"Expect": {rows: "H30", source: "RFC 9110, section 10.1.1", script: opened + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n
			a< 100
			a> raw 40
			a< 200 ok
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n
			b< 413
			b< fin
			c> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nExpect: a miracle\r\nContent-Length: 2\r\n\r\n
			c< 417
			c< fin
		`},
		"pipelined": {rows: "F17", source: "RFC 9112, section 9.3.2", script: opened + `
			a>+ POST s1 40
			a>+ POST s1 42["echo",1]
			a>+ GET s1
			a>+ PUT s1
			a>+ POST s1 42["e",1]
			a>+ GET s1
			a> POST s1 42["e",2]
			a< 200 ok
			a< 200 ok
			= s2 ["e",1]
			a< 200 40{"sid":"s2"}\x1e42["echo",1]
			a< 405
			a< 200 ok
			. emit s2 42["now"]
			a< 200 42["now"]
			a< 200 ok
			= s2 ["e",2]
		`},
		"pipelined behind the last one": {rows: "F10 F17", script: opened + `
			a>+ POST s1 40 | Connection: close
			a> POST s1 42["e"]
			a< 200 ok
			a~ Connection: close
			a< fin
		`},
		"too much behind a request that waits": {rows: "F17", set: func(c *Config) { c.MaxPipelined = 300 }, script: joined + `
			a> GET s1
			a> raw POST /socket.io/?sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n{x*200}
			a> raw {x*60}
			a< end
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"HTTP/1.0": {rows: "F22", script: `
			a> OPEN | HTTP/1.0
			a< 200 ` + openPacket + `
			a~ Connection: close
			a< fin
			b> POST s1 40 | HTTP/1.0 | Connection: keep-alive | -Host
			b< 200 ok
			b~ Connection: keep-alive
			b> GET s1 | HTTP/1.0
			b< 200 40{"sid":"s2"}
			b< fin
			c> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n
			c< 400
			c< fin
		`},
		"the client is told of the end": {rows: "F1", source: "the answer, a FIN, a second for the peer to close", script: `
			a> OPEN | Connection: close
			a< 200 ` + openPacket + `
			a< fin
			+ 999ms
			a> raw what comes now is nobody's
			+ 1ms
			a< end
			b> POST s1 40 | Connection: close
			b< 200 ok
			b< fin
			b> fin
		`},
		"an answer that is taken slowly": {rows: "F58", source: "30 s for what is ours to be taken", script: `
			. open b
			. window b 20
			b> GET /nothing
			+ 29s
			. window b all
			b< 404
			+ 1s
			b< fin
			+ 1s
			b< end
			. open c
			. window c 20
			c> GET /nothing
			+ 30s
			+ 1s
			c< end
		`},
		"not HTTP": {rows: "F1", script: `
			a> raw \x16\x03\x01\x02\x00
			a< 400
			a< fin
			b> raw PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
			b< 505
			b< fin
			c> raw GET / HTTP/9.9\r\n\r\n
			c< 505
			c< fin
			d> raw \r\nGET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n
			d< 400
			d< fin
		`},
		"smuggling": {rows: "F5 F6 F7 F9 F11", script: opened + `
			a> POST s1 40 | +Transfer-Encoding: chunked
			a< 400
			a< fin
			b> POST s1 40 | +Content-Length: 2
			b< 400
			b< fin
			c> POST s1 | +Transfer-Encoding: xchunked
			c< 501
			c< fin
			d> POST s1 | +Transfer-Encoding: chunked | +Transfer-Encoding: chunked
			d< 400
			d< fin
			e> POST s1 | Content-Length: +2
			e< 400
			e< fin
			f> POST s1 | Content-Length: 99999999999999999999
			f< 400
			f< fin
			g> POST s1 | Content-Length : 2
			g< 400
			g< fin
			h> GET s1 | X: y\r\n folded
			h< 400
			h< fin
			i> GET s1 | X: a\nb
			i< 400
			i< fin
			j> GET s1 | -Host
			j< 400
			j< fin
			k> GET s1 | +Host: other
			k< 400
			k< fin
			l> POST s1 40
			l< 200 ok
		`},
		"chunks that are not": {rows: "F8", source: "the body is lost, and with it the session", script: opened + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\n40\r\n0\r\n\r\n
			a< 400
			a< fin
			! s1 transport error: connection closed during a request
		`},
		"hidden behind a refusal": {rows: "F10", script: `
			a>+ raw CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n
			a> OPEN
			a< 404
			a< fin
			b>+ UPGRADE nobody
			b> raw GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n
			? 1 nobody
			b< 400 Session ID unknown
			b< fin
		`},
		"too large by length": {rows: "H26 F14 F15", set: func(c *Config) { c.MaxPayload = 1000 }, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 107374182400\r\n\r\n
			a< 413
			a~ Connection: close
			a< fin
			b> POST s1 42["{x*995}"]
			b< 413
			b< fin
			c> POST s1 40
			c< 200 ok
			c> POST s1 42["{x*994}"]
			c< 200 ok
			= s2 ["{x*994}"]
		`},
		"too large in chunks": {rows: "H26 F15", source: "the session lives on, as in the reference server", set: func(c *Config) { c.MaxPayload = 10 }, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10}
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n4xxxxxxx\r\n8\r\nxxxxxxxx\r\n0\r\n\r\n
			a< 413
			a< fin
			b> POST s1 40
			b< 200 ok
		`},
		"too much head": {rows: "F12 F13", script: `
			a> raw GET /socket.io/ HTTP/1.1\r\nHost: h\r\n{X:\r\n*10000}
			a< 431
			a< fin
			b> raw GET /{x*9000} HTTP/1.1\r\nHost: h\r\n\r\n
			b< 414
			b< fin
			c> raw GET / HTTP/1.1\r\nHost: h\r\nX: {y*17000}\r\n\r\n
			c< 431
			c< fin
		`},
		"foreign requests": {rows: "H40 H41", script: `
			. foreign
			a>+ OPEN
			a> GET /index.html
			a< 200 ` + openPacket + `
			a< given away: GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n
			b> raw POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n
			b< given away: POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n
			. open c
			. window c 10
			c>+ OPEN
			c> GET /index.html
			c| paused
			. window c all
			c< 200 0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			+ 100ms
			c| reading
			c< given away: GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n
		`},
	}
}
