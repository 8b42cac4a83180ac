package session

import (
	"strings"
	"testing"
)

// tight bounds what may wait for a client at 1,000 bytes, volatile messages at 100.
func tight(c *Config) { c.SoftLimit, c.HardLimit = 100, 1000 }

// TestHandlersBehind: while handlers have no room for more, a client is not read. What
// it has sent is handled in order when there is room again, and nothing is lost.
func TestHandlersBehind(t *testing.T) { playAll(t, handlersBehindTranscripts()) }

func handlersBehindTranscripts() map[string]transcript {
	return map[string]transcript{
		"websocket": {rows: "F68", script: wsJoined + `
			. full s2
			ws>+ 42["e",1]
			ws> 42["e",2]
			ws| paused
			ws> 42["e",3]
			+ 20s
			. empty s2
			ws| reading
			= s2 ["e",1]
			= s2 ["e",2]
			= s2 ["e",3]
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"what is said to it goes on": {rows: "F67 F68", script: wsJoined + `
			. full s2
			ws> 42["echo"]
			ws| paused
			. emit s2 42["x"]
			ws< 42["x"]
			. empty s2
			ws| reading
			ws< 42["echo"]
		`},
		"a poller that still had some": {rows: "F68", source: "a pause is not exact", uncut: "it is about whole segments", script: wsJoined + `
			. full s2
			ws> 42["e",1]
			ws| paused
			. late ws 42["e",2]
			. late ws 42["e",3]
			. empty s2
			ws| reading
			= s2 ["e",1]
			= s2 ["e",2]
			= s2 ["e",3]
		`},
		"a connection that cannot be paused": {rows: "F68", script: wsJoined + `
			. deaf ws
			. full s2
			ws> 42["e",1]
			ws> 42["e",2]
			. empty s2
			= s2 ["e",1]
			= s2 ["e",2]
		`},
		"polling, in the middle of a payload": {rows: "F68", script: joined + `
			. full s2
			a> POST s1 42["e",1]\x1e42["e",2]
			b> GET s1
			. emit s2 42["x"]
			b< 200 42["x"]
			. empty s2
			= s2 ["e",1]
			= s2 ["e",2]
			a< 200 ok
		`},
		"polling, a POST that waits is the only one": {rows: "F68 H28", script: joined + `
			. full s2
			a> POST s1 42["e",1]
			b> POST s1 42["e",2] | Connection: close
			b< 400
			b< fin
			a< 400
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
			. empty s2
		`},
		"polling, and the client leaves": {rows: "F68 H29", script: joined + `
			. full s2
			a> POST s1 42["e",1]
			a> fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
			. empty s2
		`},
		"polling, an empty packet behind it": {rows: "F68 H34", script: joined + `
			. full s2
			a> POST s1 42["e",1]\x1e
			. empty s2
			= s2 ["e",1]
			a< 400
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"one socket of two": {rows: "F68 C05", source: "the connection is not read, so all wait", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			. full s2
			. full s3
			ws> 42/chat,["e",1]
			ws| paused
			. empty s2
			. full s2
			. empty s2
			. empty s3
			ws| reading
			= s3 ["e",1]
		`},
		"the socket leaves": {rows: "F68 K12", source: "others go on", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			. full s2
			ws> 42/chat,["e",1]
			ws| paused
			. disconnect s2
			ws< 41
			! s2 server namespace disconnect
			ws| reading
			= s3 ["e",1]
			. empty s2
			. full s2
		`},
		"the socket leaves, by polling": {rows: "F68 K12", script: joined + `
			a> POST s1 40/chat,
			a< 200 ok
			. full s2
			a> POST s1 42/chat,["e",1]
			. disconnect s2
			! s2 server namespace disconnect
			= s3 ["e",1]
			a< 200 ok
		`},
		"the session ends": {rows: "F68 L11", script: wsJoined + `
			. full s2
			ws> 42["e",1]
			ws| paused
			. shut s1
			ws| reading
			ws< close
			! s2 forced close
			! s1 forced close
			ws> close
			ws< end
			. empty s2
		`},
		"the client resets": {rows: "F68 L13", script: wsJoined + `
			. full s2
			ws> 42["e",1]
			ws| paused
			ws> reset
			! s2 transport error: connection reset by peer
			! s1 transport error: connection reset by peer
		`},
		"the client closes": {rows: "F68 L12", source: "its end stands behind what it has sent", script: wsJoined + `
			. full s2
			ws> 42["e",1]
			ws| paused
			ws> fin
			. empty s2
			ws| reading
			= s2 ["e",1]
			! s2 transport close
			! s1 transport close
		`},
		"attachments in between": {rows: "F68 S02", script: wsJoined + `
			ws> 451-["e",{"_placeholder":true,"num":0}]
			. full s2
			ws> bin 0102
			ws| paused
			. empty s2
			ws| reading
			= s2 ["e",{"_placeholder":true,"num":0}] 0102
		`},
		"from one loop to another": {rows: "F68", hosts: 2, script: `
			. loop a 1
			a> OPEN
			a< 200 ` + openPacket + `
			a> POST s1 40
			a< 200 ok
			. full s2
			b> POST s1 42["e",1]
			. empty s2
			= s2 ["e",1]
			b< 200 ok
		`},
	}
}

// TestClientBehind: what waits for a client that does not read is bounded, volatile
// messages are for clients that do, and a client that does not read is not read.
func TestClientBehind(t *testing.T) { playAll(t, clientBehindTranscripts()) }

func clientBehindTranscripts() map[string]transcript {
	return map[string]transcript{
		"volatile, websocket": {rows: "T06 R08", set: tight, script: wsJoined + `
			. volatile s2 42["v",1]
			ws< 42["v",1]
			. window ws 5
			. emit s2 42["x"]
			. volatile s2 42["v",2]
			. largevolatile s2 42["v",3]
			. emit s2 42["y"]
			. window ws all
			ws< 42["x"]
			ws< 42["y"]
			. volatile s2 42["v",4]
			ws< 42["v",4]
		`},
		"volatile, in one turn": {rows: "T06 R08", set: tight, script: wsJoined + `
			. turn emit s2 42["{x*60}"] ; volatile s2 42["v",1] ; emit s2 42["{y*60}"] ; volatile s2 42["v",2] ; emit s2 42["z"]
			ws< 42["{x*60}"]
			ws< 42["v",1]
			ws< 42["{y*60}"]
			ws< 42["z"]
		`},
		"volatile, polling": {rows: "T06 R08", set: tight, script: joined + `
			. volatile s2 42["v",1]
			a> GET s1
			. volatile s2 42["v",2]
			a< 200 42["v",2]
			a> GET s1
			. turn emit s2 42["{x*90}"] ; volatile s2 42["v",3]
			a< 200 42["{x*90}"]
			. emit s2 42["y"]
			. volatile s2 42["v",4]
			a> GET s1
			a< 200 42["y"]
		`},
		"evicted, websocket": {rows: "F55 L13", set: tight, script: wsJoined + `
			. window ws 0
			. emit s2 42["{x*5000}"]
			. emit s2 42["{y*500}"]
			. emit s2 42["{z*400}"]
			. emit s2 42["{w*100}"]
			! s2 slow consumer: limit: send queue (1000)
			! s1 slow consumer: limit: send queue (1000)
			+ 1s
			ws< end
		`},
		"one long message is no backlog": {rows: "F55", set: tight, script: wsJoined + `
			. window ws 0
			. emit s2 42["{x*5000}"]
			. emit s2 42["{y*900}"]
			. window ws 3000
			. emit s2 42["y"]
			. window ws all
			ws< 42["{x*5000}"]
			ws< 42["{y*900}"]
			ws< 42["y"]
			. window ws 0
			. large s2 42["{x*5000}"]
			. window ws all
			ws< 42["{x*5000}"]
		`},
		"the grant is gone with what it was for": {rows: "F55", set: tight, script: wsJoined + `
			. window ws 0
			. emit s2 42["{x*5000}"]
			. window ws 5000
			. emit s2 42["{y*900}"]
			. emit s2 42["{z*900}"]
			! s2 slow consumer: limit: send queue (1000)
			! s1 slow consumer: limit: send queue (1000)
			+ 1s
			ws< end
		`},
		"a burst of one turn is no backlog": {rows: "F55", set: tight, script: wsJoined + `
			. flood s2 3 42["{x*40000}"]
			ws< 42["{x*40000}"]
			ws< 42["{x*40000}"]
			ws< 42["{x*40000}"]
		`},
		"evicted by a broadcast": {rows: "F55 F81", source: "others get it", set: tight, script: wsJoined + `
			x> UPGRADE
			x< 101
			x< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			x> 40
			x< 40{"sid":"s4"}
			. window ws 0
			. cast / 42["{x*700}"]
			x< 42["{x*700}"]
			. cast / 42["{y*700}"]
			x< 42["{y*700}"]
			. cast / 42["{z*700}"]
			x< 42["{z*700}"]
			! s2 slow consumer: limit: send queue (1000)
			! s1 slow consumer: limit: send queue (1000)
			+ 1s
			ws< end
		`},
		"what one turn has for a GET that waits is no backlog": {rows: "F56 H32", set: tight, script: joined + `
			a> GET s1
			. flood s2 5 42["{x*400}"]
			a< 200 42["{x*400}"]\x1e42["{x*400}"]\x1e42["{x*400}"]\x1e42["{x*400}"]\x1e42["{x*400}"]
			. flood s2 2 42["{x*400}"]
			a> GET s1
			a< 200 42["{x*400}"]\x1e42["{x*400}"]
		`},
		"evicted, polling": {rows: "F56", set: tight, script: joined + `
			. emit s2 42["{x*5000}"]
			. emit s2 42["{y*900}"]
			. emit s2 42["{z*100}"]
			! s2 slow consumer: limit: send queue (1000)
			! s1 slow consumer: limit: send queue (1000)
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"evicted, polling, by tiny messages": {rows: "F56", source: "each counts 24 bytes more", set: tight, script: joined + `
			. flood s2 31 42["x"]
			a> GET s1
			a< 200 42["x"]{\x1e42["x"]*30}
			. flood s2 34 42["x"]
			! s2 slow consumer: limit: send queue (1000)
			! s1 slow consumer: limit: send queue (1000)
		`},
		"a client that asks and does not read is not read": {rows: "F57", set: tight, uncut: "segments decide where it pauses", script: wsJoined + `
			. window ws 100
			ws>+ 42["echo","{x*300}"]
			ws>+ 42["echo","{y*300}"]
			ws> 42["echo","{z*300}"]
			. window ws all
			ws< 42["echo","{x*300}"]
			ws< 42["echo","{y*300}"]
			ws< 42["echo","{z*300}"]
			. window ws 100
			ws> 42["echo","{x*400}"]
			ws> 42["echo","{y*400}"]
			ws> 42["echo","{z*400}"]
			ws| paused
			+ 10s
			. window ws all
			ws< 42["echo","{x*400}"]
			ws< 42["echo","{y*400}"]
			+ 100ms
			ws| reading
			ws< 42["echo","{z*400}"]
		`},
		"and is cut off by the heartbeat": {rows: "F57", set: tight, script: wsJoined + `
			. window ws 0
			ws> 42["echo","{x*600}"]
			ws> 42["echo","{y*600}"]
			ws| paused
			+ 25s
			+ 20s
			ws| reading
			! s2 ping timeout
			! s1 ping timeout
			+ 5s
			ws< end
		`},
	}
}

// TestTwoLoops: requests that come in on another loop than their session's.
func TestTwoLoops(t *testing.T) { playAll(t, twoLoopsTranscripts()) }

func twoLoopsTranscripts() map[string]transcript {
	const far = `
		. loop a 1
		a> OPEN
		a< 200 ` + openPacket + `
		a> POST s1 40
		a< 200 ok
		b> GET s1
		b< 200 40{"sid":"s2"}
	`
	return map[string]transcript{
		"GET and POST": {rows: "F83", hosts: 2, script: far + `
			b> POST s1 42["echo","{x*30}"]\x1e451-["echo",{"_placeholder":true,"num":0}]\x1ebAQID
			b< 200 ok
			b~ Content-Type: text/html
			b> GET s1
			b< 200 42["echo","{x*30}"]\x1e451-["echo",{"_placeholder":true,"num":0}]\x1ebAQID
			b~ Content-Type: text/plain; charset=UTF-8
			b> GET s1
			c> POST s1 42["echo"]
			b< 200 42["echo"]
			c< 200 ok
			b> PUT s1
			b< 405
		`},
		"a connection moves to its session": {rows: "F83", hosts: 2, source: "once, after eight requests in a row", script: far + `
			b> POST s1 42["echo",1]
			b< 200 ok
			b> GET s1
			b< 200 42["echo",1]
			. lives b 0
			b> PUT s1
			b< 405
			b> PUT s1
			b< 405
			b> PUT s1
			b< 405
			b> PUT s1
			b< 405
			b> PUT s1
			b< 405
			. lives b 0
			b>+ POST s1 42["echo",2]
			b> GET s1
			b< 200 ok
			b< 200 42["echo",2]
			. lives b 1
			b> GET s1
			+ 25s
			b< 200 2
			b> fin
		`},
		"a connection that cannot move": {rows: "F83", hosts: 2, script: far + strings.Repeat(`
			b> POST s1 42["echo",1]
			b< 200 ok
			b> GET s1
			b< 200 42["echo",1]
			. stay b
			. lives b 0
		`, 6)},
		"compressed": {rows: "H31", hosts: 2, script: far + `
			b> GET s1 | Accept-Encoding: gzip
			. large s2 42["{x*20000}"]
			b< 200 gzip:42["{x*20000}"]
			b> GET s1 | Accept-Encoding: gzip
			. large s2 42["{x*40000}"]
			. offloaded
			b< 200 gzip:42["{x*40000}"]
		`},
		"refusals": {rows: "H11 H12 H17", hosts: 2, script: far + `
			b> GET ?EIO=4&transport=websocket&sid=s1
			? 3 TRANSPORT_MISMATCH websocket polling
			b< 400 {"code":3,"message":"Bad request"}
			b> GET ?EIO=3&transport=polling&sid=s1
			? 3 PROTOCOL_MISMATCH 3 4
			b< 400 {"code":3,"message":"Bad request"}
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			b> GET s1
			? 1 s1
			b< 400 {"code":1,"message":"Session ID unknown"}
			b> POST s1 40
			? 1 s1
			b< 400 {"code":1,"message":"Session ID unknown"}
			b> HEAD s1
			? 1 s1
			b< 400
		`},
		"two GETs at once": {rows: "H27 F86", hosts: 2, script: far + `
			b> GET s1
			a> GET s1
			a< 400
			b< 200 1
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
		"two POSTs at once": {rows: "H28 F86", hosts: 2, script: far + `
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			a> POST s1 42["e"] | Connection: close
			a< 400
			a< fin
			b< 400
			b< fin
			! s2 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
		"aborted": {rows: "H29", hosts: 2, script: far + `
			b> GET s1
			b> reset
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"aborted in the body": {rows: "H29", hosts: 2, script: far + `
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4
			b> fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"too large in chunks": {rows: "H26", hosts: 2, set: func(c *Config) { c.MaxPayload = 10 }, script: `
			. loop a 1
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10}
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n4xxxxxxx\r\n8\r\nxxxxxxxx\r\n0\r\n\r\n
			b< 413
			b< fin
			c> POST s1 40
			c< 200 ok
		`},
		"the client goes while its answer is under way": {rows: "F87 H29", source: "what nobody gets must not be a gap", hosts: 2, script: far + `
			b> GET s1
			. hold 0
			. emit s2 42["lost"]
			b> reset
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
			. release 0
		`},
		"the client goes while its request is under way": {rows: "H29", hosts: 2, script: far + `
			. hold 1
			b> GET s1
			b> reset
			. release 1
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"the session ends while a request is under way": {rows: "H11", hosts: 2, script: far + `
			. hold 1
			b> GET s1
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			. release 1
			? 1 s1
			b< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"the session ends while a body is coming": {rows: "L11 H29", hosts: 2, script: far + `
			b> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			b< 400
			b< fin
		`},
		"an answer that comes too late": {rows: "H29", hosts: 2, script: far + `
			b> GET s1
			. hold 0
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			b> reset
			. release 0
		`},
		"the session closes": {rows: "L11 L12", hosts: 2, script: far + `
			b> GET s1
			a> POST s1 1
			a< 200 ok
			b< 200 6
			! s2 transport close
			! s1 transport close
		`},
	}
}
