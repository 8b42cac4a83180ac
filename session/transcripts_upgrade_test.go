package session

import "testing"

// TestUpgrade: from long-polling to a WebSocket.
func TestUpgrade(t *testing.T) { playAll(t, upgradeTranscripts()) }

func upgradeTranscripts() map[string]transcript {
	return map[string]transcript{
		"as clients do it": {rows: "L05 L06", source: "Engine.IO protocol 4, Upgrade", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			a< 200 6
			a> GET s1
			a< 200 6
			. emit s2 42["first"]
			. is s1 open polling
			ws> 5
			ws< 42["first"]
			. is s1 open websocket
			. emit s2 42["second"]
			ws< 42["second"]
			ws> 42["echo"]
			ws< 42["echo"]
			a> GET s1
			? 3 TRANSPORT_MISMATCH polling websocket
			a< 400 {"code":3,"message":"Bad request"}
			a> fin
			ws> close
			ws< close
			ws< end
			! s2 transport close
			! s1 transport close
		`},
		"what is queued meanwhile goes with the poll": {rows: "L06 F80", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			. emit s2 42["x"]
			a> GET s1
			a< 200 42["x"]
			a> GET s1
			a< 200 6
			ws> 5
		`},
		"without polling at all": {rows: "L05", source: "some clients upgrade before their first poll", script: `
			a> OPEN
			a< 200 ` + openPacket + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			ws>+ 5
			ws> 40
			ws< 40{"sid":"s2"}
		`},
		"without a probe": {rows: "L08", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			ws> 5
			a< 200 6
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"with a payload": {rows: "L08", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			ws> 52
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"all in one segment": {rows: "L05 F32", script: joined + `
			. emit s2 42["x"]
			ws>+ UPGRADE s1
			ws>+ 2probe
			ws>+ 5
			ws> 42["echo"]
			ws< 101
			ws< 3probe
			ws< 42["x"]
			ws< 42["echo"]
		`},
		"wrong probe": {rows: "L08 F85", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			ws> 2prob
			ws< close
			+ 5s
			ws< end
			. emit s2 42["x"]
			a< 200 42["x"]
			x> UPGRADE s1
			x< 101
			x> 42["e"]
			x< close
			y> UPGRADE s1
			y< 101
			y> bin 00
			y< close
			z> UPGRADE s1
			z< 101
			z> raw \x81\x80\x00\x00\x00\x00
			z< close
		`},
		"a second one": {rows: "L09 F85", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			x> UPGRADE s1
			x< 101
			x< close
			x> close
			x< end
			ws> 5
			y> UPGRADE s1
			y< 101
			y< close
			+ 5s
			y< end
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"of a session that began with a WebSocket": {rows: "L09", script: wsJoined + `
			x> UPGRADE s1
			x< 101
			x< close
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"not allowed": {rows: "L09 H05", set: func(c *Config) { c.AllowUpgrades = false }, script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE s1
			ws< 101
			ws< close
			a> POST s1 40
			a< 200 ok
		`},
		"not in time": {rows: "L07 F49", source: "the session stays on polling", script: joined + `
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			a< 200 6
			+ 9.9s
			+ 100ms
			ws< close
			ws> 5
			a> GET s1
			. emit s2 42["x"]
			a< 200 42["x"]
			+ 5s
			ws< end
			x> UPGRADE s1
			x< 101
			x> 2probe
			x< 3probe
			x> 5
			x> 42["echo"]
			x< 42["echo"]
		`},
		"lost after the probe": {rows: "F82", source: "polling goes on", script: joined + `
			ws> UPGRADE s1
			ws< 101
			ws> 2probe
			ws< 3probe
			a> GET s1
			a< 200 6
			ws> reset
			a> GET s1
			. emit s2 42["x"]
			a< 200 42["x"]
			x> UPGRADE s1
			x< 101
			x> fin
			y> UPGRADE s1
			y< 101
			y> close 1000
			y< close 1000
			y< end
			a> POST s1 42["echo"]
			a< 200 ok
			a> GET s1
			a< 200 42["echo"]
		`},
		"a POST that is still coming": {rows: "L05", source: "lost, and told so", script: joined + `
			a> raw POST /socket.io/?EIO=4&transport=polling&sid=s1 HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n42["
			ws> UPGRADE s1
			ws< 101
			ws>+ 2probe
			ws> 5
			ws< 3probe
			a< 400
			a< fin
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"a request behind the GET": {rows: "L05 F17", source: "answered, if not as it hoped", script: joined + `
			a>+ GET s1
			a> GET s1
			ws> UPGRADE s1
			ws< 101
			ws> 5
			a< 200 6
			? 3 TRANSPORT_MISMATCH polling websocket
			a< 400 {"code":3,"message":"Bad request"}
		`},
		"behind a POST that is worked off": {rows: "L05 F80", source: "first what was sent first", script: joined + `
			. full s2
			a> POST s1 42["e",1]\x1e42["e",2]
			ws> UPGRADE s1
			ws< 101
			ws>+ 2probe
			ws>+ 5
			ws> 42["e",3]
			ws< 3probe
			ws| paused
			ws> 42["e",4]
			. is s1 open polling
			. empty s2
			ws| reading
			= s2 ["e",1]
			= s2 ["e",2]
			= s2 ["e",3]
			= s2 ["e",4]
			a< 200 ok
			. is s1 open websocket
			ws> 42["echo"]
			ws< 42["echo"]
		`},
		"behind a POST that is worked off slowly": {rows: "L05 L07 F80", source: "the client has upgraded: nothing times out", script: joined + `
			. full s2
			a> POST s1 42["e",1]
			ws> UPGRADE s1
			ws< 101
			ws>+ 5
			ws> 42["e",2]
			ws| paused
			+ 20s
			. empty s2
			ws| reading
			= s2 ["e",1]
			= s2 ["e",2]
			a< 200 ok
		`},
		"behind a POST, and the WebSocket is lost": {rows: "L05 F82", source: "it was the session's transport already, to the client", script: joined + `
			. full s2
			a> POST s1 42["e",1]
			ws> UPGRADE s1
			ws< 101
			ws> 5
			ws| paused
			ws> reset
			a< 400
			! s2 transport error: connection reset by peer
			! s1 transport error: connection reset by peer
			. empty s2
		`},
		"behind a POST, and the session ends": {rows: "L10", script: joined + `
			. full s2
			a> POST s1 42["e",1]
			ws> UPGRADE s1
			ws< 101
			ws> 5
			ws| paused
			. close s1 forced close
			ws| reading
			ws< close
			a< 400
			! s2 forced close
			! s1 forced close
		`},
		"between two loops": {rows: "L05", hosts: 2, script: `
			. loop a 1
			a> OPEN
			a< 200 ` + openPacket + `
			a> POST s1 40
			a< 200 ok
			a> GET s1
			a< 200 40{"sid":"s2"}
			ws>+ PUT nobody
			ws>+ UPGRADE s1
			ws>+ 2probe
			ws> 5
			? 1 nobody
			ws< 400 {"code":1,"message":"Session ID unknown"}
			ws< 101
			ws< 3probe
			ws> 42["echo"]
			ws< 42["echo"]
			. open x
			. stay x
			x> UPGRADE s1
			x< 503
			x~ Retry-After: 5
			x< fin
		`},
	}
}
