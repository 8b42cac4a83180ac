package session

import "testing"

// TestClose: the end of a session, from either side and in every state.
func TestClose(t *testing.T) { playAll(t, closeTranscripts()) }

func closeTranscripts() map[string]transcript {
	return map[string]transcript{
		"gracefully, a GET waits": {rows: "L11", script: joined + `
			a> GET s1
			. shut s1
			a< 200 1
			! s2 forced close
			! s1 forced close
		`},
		"gracefully, with something to say": {rows: "L11", script: joined + `
			a> GET s1
			. emit s2 42["x"]
			a< 200 42["x"]
			. emit s2 42["y"]
			. shut s1
			! s2 forced close
			. is s1 closing polling
			a> GET s1
			a< 200 42["y"]
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
		`},
		"gracefully, no GET waits": {rows: "L11", source: "noop and close, exactly", script: joined + `
			. shut s1
			! s2 forced close
			+ 29.9s
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"gracefully, and the client never polls again": {rows: "L11", script: joined + `
			. shut s1
			! s2 forced close
			+ 29.9s
			+ 100ms
			! s1 forced close
		`},
		"packets for a session that closes": {rows: "L11", source: "dropped", script: joined + `
			. shut s1
			! s2 forced close
			a> POST s1 42["e"]
			a< 200 ok
			. close s1 transport close
			! s1 transport close
		`},
		"gracefully, a WebSocket": {rows: "L11", script: wsJoined + `
			. emit s2 42["x"]
			ws< 42["x"]
			. shut s1
			ws< close
			! s2 forced close
			! s1 forced close
			ws> 42["e"]
			ws> close
			ws< end
		`},
		"at once": {rows: "L11", source: "what is queued is dropped", script: joined + `
			. emit s2 42["x"]
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			a> GET s1
			? 1 s1
			a< 400 {"code":1,"message":"Session ID unknown"}
		`},
		"during an upgrade": {rows: "L10", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			. close s1 forced close
			a< 200 1
			ws< close
			! s2 forced close
			! s1 forced close
			+ 5s
			ws< end
		`},
		"gracefully during an upgrade": {rows: "L10 L11", source: "it waits for the upgrade", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			. emit s2 42["x"]
			. shut s1
			! s2 forced close
			ws> 5
			ws< 42["x"]
			ws< close
			! s1 forced close
		`},
		"gracefully during an upgrade that fails": {rows: "L10 L11", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			. shut s1
			! s2 forced close
			ws> reset
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
		`},
		"gracefully during an upgrade, a GET waits": {rows: "L10 L11", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			. shut s1
			! s2 forced close
			+ 10s
			ws< close
			a< 200 6\x1e1
			! s1 forced close
		`},
		"by the client, by POST": {rows: "L12", source: "the GET is ended with a noop", script: joined + `
			a> GET s1
			b> POST s1 1
			b< 200 ok
			a< 200 6
			! s2 transport close
			! s1 transport close
		`},
		"by the client, by POST, and more behind it": {rows: "L12", script: joined + `
			b> POST s1 42["e"]\x1e1\x1e42["never"]
			= s2 ["e"]
			b< 200 ok
			! s2 transport close
			! s1 transport close
		`},
		"by the client, by text on a WebSocket": {rows: "L12", source: "the reference server ignores it", script: wsJoined + `
			ws> 1
			ws< close
			! s2 transport close
			! s1 transport close
		`},
		"by the end of the connection": {rows: "L12 L13", script: wsJoined + `
			ws> fin
			! s2 transport close
			! s1 transport close
		`},
		"by a reset": {rows: "L13", script: wsJoined + `
			ws> reset
			! s2 transport error: connection reset by peer
			! s1 transport error: connection reset by peer
		`},
		"by a write that fails": {rows: "L13", script: wsJoined + `
			. break ws
			. emit s2 42["x"]
			! s2 transport error: broken pipe
			! s1 transport error: broken pipe
		`},
		"the server stops": {rows: "L14 F72", script: joined + `
			a> GET s1
			ws> UPGRADE
			ws< 101
			ws< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			. stop
			a< 200 1
			ws< close 1001
			! s2 server shutting down
			! s1 server shutting down
			! s3 server shutting down
		`},
		"our close frame is not answered": {rows: "F50", script: wsJoined + `
			. shut s1
			ws< close
			! s2 forced close
			! s1 forced close
			ws> 42["e"]
			+ 4.9s
			ws> ping x
			+ 100ms
			ws< end
		`},
		"both close at once": {rows: "F50", source: "RFC 6455, section 5.5.1", script: wsJoined + `
			. shut s1
			ws< close
			! s2 forced close
			! s1 forced close
			ws> close 1000
			ws< end
		`},
		"garbage behind our close frame": {rows: "F50", script: wsJoined + `
			. shut s1
			ws< close
			! s2 forced close
			! s1 forced close
			ws> hex ffff
			ws< fin
			+ 1s
			ws< end
		`},
		"callbacks of what was sent": {rows: "L16", source: "once, in order, across an upgrade; failed by the end", script: joined + `
			. sent s1 nothing
			= sent nothing
			. emit s2 42["x"]
			. sent s1 x
			a> GET s1
			= sent x
			a< 200 42["x"]
			. emit s2 42["y"]
			. sent s1 y
			ws> UPGRADE s1
			ws< 101
			ws> 5
			= sent y
			ws< 42["y"]
			. sent s1 nothing
			= sent nothing
			. emit s2 42["z"]
			ws< 42["z"]
			. sent s1 z
			= sent z
			ws> close
			ws< close
			ws< end
			! s2 transport close
			! s1 transport close
		`},
		"callbacks of what was not": {rows: "L16", script: joined + `
			. emit s2 42["x"]
			. sent s1 x
			. close s1 forced close
			= sent x: packet not allowed in this state
			! s2 forced close
			! s1 forced close
		`},
	}
}
