package session

import (
	"strings"
	"testing"
)

// TestHeartbeat: pings, pongs, and the time between.
func TestHeartbeat(t *testing.T) { playAll(t, heartbeatTranscripts()) }

func heartbeatTranscripts() map[string]transcript {
	return map[string]transcript{
		"websocket": {rows: "L01", source: "Engine.IO protocol 4, Heartbeat", script: wsJoined + `
			+ 24.9s
			+ 100ms
			ws< 2
			+ 10s
			ws> 3
			+ 24.9s
			+ 100ms
			ws< 2
			+ 19.9s
			+ 100ms
			ws< close
			! s2 ping timeout
			! s1 ping timeout
			+ 5s
			ws< end
		`},
		"polling": {rows: "L01 F49", script: joined + `
			a> GET s1
			+ 25s
			a< 200 2
			a> POST s1 3
			a< 200 ok
			a> GET s1
			+ 25s
			a< 200 2
			+ 19.9s
			+ 100ms
			! s2 ping timeout
			! s1 ping timeout
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"a polling client that never comes back": {rows: "L01 F49", source: "interval and timeout", script: joined + `
			a> fin
			+ 44.9s
			+ 100ms
			! s2 ping timeout
			! s1 ping timeout
		`},
		"the pong of a GET that waits": {rows: "L01", script: joined + `
			a> GET s1
			+ 25s
			a< 200 2
			a> GET s1
			b> POST s1 3
			b< 200 ok
			b> fin
			+ 25s
			a< 200 2
			a> GET s1
			+ 20s
			a< 200 1
			! s2 ping timeout
			! s1 ping timeout
		`},
		"other traffic counts once": {rows: "L01", source: "the reference server", script: wsJoined + `
			+ 25s
			ws< 2
			ws> ping
			ws< pong
			+ 15s
			ws> 42["echo"]
			ws< 42["echo"]
			+ 15s
			ws> 42["echo"]
			ws< 42["echo"]
			+ 4.9s
			+ 100ms
			ws< close
			! s2 ping timeout
			! s1 ping timeout
		`},
		"the pong behind other traffic": {rows: "L01", script: joined + `
			a> GET s1
			+ 25s
			a< 200 2
			+ 19s
			a> POST s1 42["e"]
			a< 200 ok
			= s2 ["e"]
			+ 19s
			a> POST s1 3
			a< 200 ok
			a> GET s1
			+ 25s
			a< 200 2
			+ 19.9s
			+ 100ms
			! s2 ping timeout
			! s1 ping timeout
		`},
		"pongs that nobody asked for": {rows: "L01", script: wsJoined + `
			ws> 3
			+ 10s
			ws> 3
			+ 15s
			ws< 2
			ws> 3
			ws> 3
			+ 25s
			ws< 2
		`},
		"timings of one's own": {rows: "L04", set: func(c *Config) { c.PingInterval, c.PingTimeout = 300e6, 200e6 }, script: `
			ws> UPGRADE
			ws< 101
			ws< 0{"sid":"s1","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}
			+ 300ms
			ws< 2
			+ 100ms
			ws> 3
			+ 300ms
			ws< 2
			+ 200ms
			ws< close
			! s1 ping timeout
		`},
		"wrong direction": {rows: "L03 F34", script: wsJoined + `
			ws> 2
			ws< close
			! s2 transport error: invalid heartbeat direction
			! s1 transport error: invalid heartbeat direction
		`},
		"wrong direction by polling": {rows: "L03", script: opened + `
			a> POST s1 2probe
			a< 400
			! s1 transport error: invalid heartbeat direction
		`},
		"across an upgrade": {rows: "L01 L05", script: joined + `
			a> GET s1
			+ 25s
			a< 200 2
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			ws> 5
			ws> 3
			+ 25s
			ws< 2
			+ 20s
			ws< close
			! s2 ping timeout
			! s1 ping timeout
		`},
		"a client that is not read is not to blame": {rows: "L01 F67", source: "its pong lies behind what the handlers have no room for", script: wsJoined + `
			. full s2
			ws> 42["e",1]
			ws| paused
			+ 25s
			ws< 2
			ws> 3
			+ 60s
			. empty s2
			ws| reading
			= s2 ["e",1]
			+ 24.9s
			+ 100ms
			ws< 2
			ws> 3
		`},
		"the same by polling": {rows: "L01 F67", script: joined + `
			. full s2
			b> POST s1 42["e",1]
			a> GET s1
			+ 25s
			a< 200 2
			a> fin
			+ 60s
			. empty s2
			= s2 ["e",1]
			b< 200 ok
			b> POST s1 3
			b< 200 ok
		`},
	}
}

// TestTimeouts: nobody can hold a connection or a session for nothing.
func TestTimeouts(t *testing.T) { playAll(t, timeoutsTranscripts()) }

func timeoutsTranscripts() map[string]transcript {
	return map[string]transcript{
		"silence": {rows: "F47", script: `
			. open a
			+ 9.9s
			+ 100ms
			a< end
		`},
		"a slow head": {rows: "F47 F51", source: "bytes do not put it off", script: `
			. open a
			+ 5s
			a> raw GET /socket.io/ HTTP/1.1\r\n
			+ 4.9s
			a> raw Host: h\r\n
			+ 100ms
			a< 408
			a~ Connection: close
			a< fin
			+ 1s
			a< end
		`},
		"a slow head behind a request": {rows: "F47", source: "from its first byte", script: opened + `
			+ 30s
			a> raw G
			+ 9.9s
			a> raw E
			+ 100ms
			a< 408
			a< fin
			+ 1s
			a< end
			+ 4s
			! s1 ping timeout
		`},
		"a slow opening handshake": {rows: "F47", script: `
			ws> raw GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nUpgrade: websocket\r\n
			+ 10s
			ws< 408
			ws< fin
		`},
		"a slow body": {rows: "F48", source: "it ends the session", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n
			+ 5s
			a> raw 42["
			+ 4.9s
			+ 100ms
			a< 408
			a< fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"a body that is slow after a while": {rows: "F48", source: "1 KiB/s over 10 s", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n
			a> raw ` + strings.Repeat("x", 10<<10) + `
			+ 10s
			a> raw ` + strings.Repeat("x", 10<<10-1) + `
			+ 9.9s
			+ 100ms
			a< 408
			a< fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"a body that takes too long": {rows: "F48", source: "30 s at the latest", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n
			a> raw ` + strings.Repeat("x", 10<<10) + `
			+ 10s
			a> raw ` + strings.Repeat("x", 10<<10) + `
			+ 10s
			a> raw ` + strings.Repeat("x", 10<<10) + `
			+ 9.9s
			+ 100ms
			a< 408
			a< fin
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"a slow frame": {rows: "F48", source: "by the heartbeat", script: wsJoined + `
			ws> raw \x81\xfe\x10\x00
			+ 25s
			ws< 2
			ws> raw x
			+ 20s
			ws< close
			! s2 ping timeout
			! s1 ping timeout
		`},
		"a connection between requests": {rows: "F47", script: opened + `
			a> POST s1 40
			a< 200 ok
			b> GET s1
			b< 200 40{"sid":"s2"}
			b> GET s1
			+ 25s
			b< 200 2
			b> POST s1 3
			b< 200 ok
			+ 25s
			+ 10s
			a< end
		`},
		"no namespace": {rows: "C04 F49", script: wsOpened + `
			+ 25s
			ws< 2
			ws> 3
			+ 19.9s
			+ 100ms
			ws< close
			! s1 forced close: limit: connect timeout (45000000000)
		`},
		"no namespace, by polling": {rows: "C04 F49", script: opened + `
			a> GET s1
			+ 25s
			a< 200 2
			a> POST s1 3
			a< 200 ok
			a> GET s1
			+ 20s
			a< 200 1
			! s1 forced close
		`},
		"all namespaces are left": {rows: "C04", source: "the timeout is over for good", script: wsJoined + `
			ws> 41
			! s2 client namespace disconnect
			+ 25s
			ws< 2
			ws> 3
			+ 24s
			ws> 40
			ws< 40{"sid":"s3"}
		`},
		"attachments that never come": {rows: "S12 F59", script: wsJoined + `
			ws> 452-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
			ws> bin 00
			+ 25s
			ws< 2
			ws> 3
			+ 4.9s
			+ 100ms
			= s2 failed: limit: attachment time (30000000000)
			ws< close
			! s2 forced close: limit: attachment time (30000000000)
			! s1 forced close: limit: attachment time (30000000000)
		`},
	}
}
