package session

import "testing"

// TestStream: WebTransport, which is one stream of packets.
func TestStream(t *testing.T) { playAll(t, streamTranscripts()) }

// withStreams allows WebTransport beside the other transports.
func withStreams(c *Config) { c.Transports |= Set(WebTransport) }

const (
	streamOpened = `
		. stream wt
		wt< 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
	`
	streamJoined = streamOpened + `
		wt> 40
		wt< 40{"sid":"s2"}
	`
	pollingOpened = `
		a> OPEN
		a< 200 0{"sid":"s1","upgrades":["websocket","webtransport"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		a> POST s1 40
		a< 200 ok
		a> GET s1
		a< 200 40{"sid":"s2"}
	`
)

func streamTranscripts() map[string]transcript {
	return map[string]transcript{
		"without polling": {rows: "T07 H05", set: withStreams, script: streamJoined + `
			. is s1 open webtransport
			wt> 42["echo","hi"]
			wt< 42["echo","hi"]
			wt> 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
			wt> bin 0102ff
			wt> bin 04
			wt< 452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]
			wt< bin 0102ff
			wt< bin 04
			+ 25s
			wt< 2
			wt> 3
			+ 25s
			wt< 2
			+ 20s
			! s2 ping timeout
			! s1 ping timeout
			wt< fin
			+ 1s
			wt< end
		`},
		"an empty attachment, which has no length on a stream": {rows: "T08", set: withStreams, script: streamJoined + `
			wt> 451-["echo",{"_placeholder":true,"num":0}]
			wt> b
			wt< 451-["echo",{"_placeholder":true,"num":0}]
			wt< b
		`},
		"long packets": {rows: "T08", set: withStreams, script: streamJoined + `
			wt> 42["echo","{x*1000}"]
			wt< 42["echo","{x*1000}"]
			wt> 42["echo","{x*70000}"]
			wt< 42["echo","{x*70000}"]
		`},
		"the application decides later": {rows: "T09 H16", set: withStreams, script: `
			. admit later
			. stream wt
			wt> 40
			. decide yes
			wt< 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			wt< 40{"sid":"s2"}
		`},
		"the application refuses": {rows: "T09 H07", set: withStreams, script: `
			. admit no
			. stream wt
			? 4
			wt< fin
			. admit later
			. stream two
			. decide no
			? 4
			two< fin
		`},
		"the application's id": {rows: "T09 H39", set: withStreams, script: `
			. admit id its-own
			. stream wt
			wt< 0{"sid":"its-own","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			. stream two
			? 3 ID_GENERATION_ERROR
			two< fin
		`},
		"an upgrade": {rows: "T07 L05 L06", set: withStreams, script: pollingOpened + `
			a> GET s1
			. stream wt s1
			wt> 2probe
			wt< 3probe
			a< 200 6
			. emit s2 42["first"]
			wt> 5
			wt< 42["first"]
			. is s1 open webtransport
			wt> 42["echo"]
			wt< 42["echo"]
			a> GET s1
			? 3 TRANSPORT_MISMATCH polling webtransport
			a< 400 {"code":3,"message":"Bad request"}
		`},
		"an upgrade that does not come": {rows: "T07 L07", set: withStreams, script: pollingOpened + `
			. stream wt s1
			+ 10s
			wt< fin
			. is s1 open polling
			+ 1s
			wt< end
		`},
		"a second upgrade": {rows: "T07 L09", set: withStreams, script: pollingOpened + `
			. stream wt s1
			. stream other s1
			other< fin
			wt> 2probe
			wt< 3probe
			wt> 5
			. is s1 open webtransport
		`},
		"of two upgrades at once the first one counts": {rows: "T10 L09", set: withStreams, script: pollingOpened + `
			ws> UPGRADE s1
			ws< 101
			. stream wt s1
			wt< fin
			ws> 2probe
			ws< 3probe
			ws> 5
			. is s1 open websocket
		`},
		"a session that nobody knows": {rows: "T07", set: withStreams, script: `
			. stream wt s9
			wt< fin
			+ 1s
			wt< end
		`},
		"a session of revision 3": {rows: "T07 H37", set: func(c *Config) { withStreams(c); allow3(c) }, script: `
			a> GET /socket.io/?EIO=3&transport=polling&b64=1
			a< 200 133:0{"sid":"s1","upgrades":["websocket","webtransport"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			. stream wt s1
			wt< fin
			. is s1 open polling
		`},
		"not allowed": {rows: "T07", script: `
			. stream wt
			wt< fin
			+ 1s
			wt< end
		`},
		"over HTTP it is no transport": {rows: "H10", set: withStreams, script: `
			a> GET /socket.io/?EIO=4&transport=webtransport
			? 0 webtransport
			a< 400 {"code":0,"message":"Transport unknown"}
		`},
		"a packet of no length": {rows: "T08", set: withStreams, script: streamJoined + `
			wt> hex 00
			! s2 parse error: engineio: invalid packet length
			! s1 parse error: engineio: invalid packet length
			wt< fin
		`},
		"a packet that is too long is not waited for": {rows: "T08", set: withStreams, script: streamJoined + `
			wt> hex 7f00000000000f4241
			! s2 parse error: limit: payload (1000000)
			! s1 parse error: limit: payload (1000000)
			wt< fin
		`},
		"text that is not UTF-8": {set: withStreams, script: streamJoined + `
			wt> hex 0234ff
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
			wt< fin
		`},
		"the client closes": {rows: "L12", set: withStreams, script: streamJoined + `
			wt> 1
			! s2 transport close
			! s1 transport close
			wt< fin
		`},
		"the client is gone": {set: withStreams, script: streamJoined + `
			wt> fin
			! s2 transport close
			! s1 transport close
		`},
	}
}
