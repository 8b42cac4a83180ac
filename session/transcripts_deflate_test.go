package session

import (
	"fmt"
	"strings"
	"testing"
)

// zJoined is wsJoined with permessage-deflate, and zAgreed the answer to its offer.
const (
	zAgreed = `ws~ Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover`
	zJoined = `
		ws> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
		ws< 101
		` + zAgreed + `
		ws< ` + wsPacket + `
		ws> 40
		ws< 40{"sid":"s2"}
	`
)

func deflateOn(c *Config) { c.DeflateFrom = 1024 }

// TestDeflate (T03, K13): permessage-deflate, from the offer to the end.
func TestDeflate(t *testing.T) { playAll(t, deflateTranscripts()) }

func deflateTranscripts() map[string]transcript {
	all := map[string]transcript{
		"offers": {rows: "T03", source: "RFC 7692, section 7.1", script: `
			a> UPGRADE
			a< 101
			a~ !Sec-WebSocket-Extensions
			a< ` + wsPacket + `
			b> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_no_context_takeover
			b< 101
			b~ Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10
			b< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			c> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16
			c< 101
			c~ !Sec-WebSocket-Extensions
			c< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			d> UPGRADE | Sec-WebSocket-Extensions: foo; bar | +sec-websocket-extensions: permessage-deflate; unknown, permessage-deflate; server_max_window_bits="9"
			d< 101
			d~ Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9
			d< 0{"sid":"s4","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"offers that are none": {rows: "T03 F22 F23", source: "RFC 6455, section 9.1", script: `
			a> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate; =
			a< 400
			a< fin
			b> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate | +Sec-WebSocket-Extensions: "
			b< 400
			b< fin
			c> UPGRADE | Sec-WebSocket-Extensions: {a;b=",*500}
			c< 400
			c< fin
			d> OPEN
			d< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			e> UPGRADE s1 | Sec-WebSocket-Extensions: permessage deflate
			e< 400
			e< fin
		`},
		"from the threshold on": {rows: "T03", script: zJoined + `
			ws> 42["echo","{x*1010}"]
			ws< 42["echo","{x*1010}"]
			ws> 42["echo","{x*1011}"]
			ws< z 42["echo","{x*1011}"]
			ws> z 42["echo",1]
			ws< 42["echo",1]
			ws> zfirst 42["echo","{ab*1000}"]
			ws> ping in between
			ws< pong in between
			ws> zlast 42["echo","{ab*1000}"]
			ws< z 42["echo","{ab*1000}"]
		`},
		"a window of 256 bytes": {rows: "T03", script: strings.Replace(strings.Replace(zJoined, "client_max_window_bits", "server_max_window_bits=8", 1),
			zAgreed, zAgreed+"; server_max_window_bits=8", 1) + `
			ws> 42["echo","{0123456789abcdef*100}"]
			ws< z 42["echo","{0123456789abcdef*100}"]
		`},
		"what does not get shorter": {rows: "T03", set: func(c *Config) { c.DeflateFrom = 1 }, script: `
			ws> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate
			ws< 101
			ws< ` + wsPacket + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> z 42["echo"]
			ws< 42["echo"]
		`},
		"each on its own": {rows: "T03 K13", source: "packets, messages, attachments, broadcasts; not what must not be compressed", script: zJoined + `
			x> UPGRADE
			x< 101
			x< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			x> 40
			x< 40{"sid":"s4"}
			. emit s2 42["{a*2000}"]
			ws< z 42["{a*2000}"]
			. plain s2 42["{a*2000}"]
			ws< 42["{a*2000}"]
			. large s2 42["{a*2000}"]
			ws< z 42["{a*2000}"]
			. plainlarge s2 42["{a*2000}"]
			ws< 42["{a*2000}"]
			. attach s2 ` + strings.Repeat("00", 1024) + ` 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< z bin 1024 bytes
			. attach s2 ` + strings.Repeat("00", 1023) + ` 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< bin 1023 bytes
			. cast / 42["{a*2000}"]
			ws< z 42["{a*2000}"]
			x< 42["{a*2000}"]
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> zbin ` + strings.Repeat("01", 3000) + `
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< z bin 3000 bytes
		`},
		"attachments as text": {rows: "T03 H35", script: `
			ws> UPGRADE /socket.io/?EIO=4&transport=websocket&b64=1 | Sec-WebSocket-Extensions: permessage-deflate
			ws< 101
			ws< ` + wsPacket + `
			ws> z 40
			ws< 40{"sid":"s2"}
			. attach s2 ` + strings.Repeat("00", 1200) + ` 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< z b{A*1600}
		`},
		"upgrade": {rows: "T03 L06", source: "what was queued before is not compressed: some of it may not be", script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a> POST s1 40
			a< 200 ok
			. emit s2 42["{a*2000}"]
			. large s2 42["{b*2000}"]
			ws> UPGRADE s1 | Sec-WebSocket-Extensions: permessage-deflate
			ws< 101
			` + zAgreed + `
			ws> z 2probe
			ws< 3probe
			ws> z 5
			ws< 40{"sid":"s2"}
			ws< 42["{a*2000}"]
			ws< 42["{b*2000}"]
			. emit s2 42["{c*2000}"]
			ws< z 42["{c*2000}"]
		`},
		"a long message on a WebSocket that probes": {rows: "T03", script: `
			a> OPEN
			a< 200 0{"sid":"s1","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE s1 | Sec-WebSocket-Extensions: permessage-deflate
			ws< 101
			ws> z {2*100000}
			ws< close
		`},
		"long ones elsewhere, in order": {rows: "T03", source: "ours: a loop is not held up", script: zJoined + `
			ws>+ 42["e",1]
			ws>+ z 42["e","{x*40000}"]
			ws>+ z 42["e",2]
			ws> ping
			= s2 ["e",1]
			ws| paused
			ws> 42["e",3]
			. offloaded
			= s2 ["e","{x*40000}"]
			= s2 ["e",2]
			= s2 ["e",3]
			ws< pong
			ws| reading
		`},
		"long ones while nobody is free": {rows: "T03", script: zJoined + `
			. busy
			ws>+ z 42["e","{x*40000}"]
			ws> 42["e",2]
			= s2 ["e","{x*40000}"]
			= s2 ["e",2]
		`},
		"a long one in fragments": {rows: "T03", script: zJoined + `
			ws>+ zfirst 42["e","{x*100000}"]
			ws>+ zlast 42["e","{x*100000}"]
			ws> 42["e",2]
			ws| paused
			. offloaded
			= s2 ["e","{x*100000}"]
			= s2 ["e",2]
			ws| reading
		`},
		"the client goes before a long one is inflated": {rows: "T03", script: zJoined + `
			ws> z 42["e","{x*40000}"]
			ws| paused
			ws> reset
			! s2 transport error: connection reset by peer
			! s1 transport error: connection reset by peer
			. offloaded
		`},
		"the session ends before a long one is inflated": {rows: "T03", script: zJoined + `
			ws> z 42["e","{x*40000}"]
			ws| paused
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			ws| reading
			ws< close
			. offloaded
			ws> close
			ws< end
		`},
		"a full inbox behind a long one": {rows: "T03", script: zJoined + `
			ws>+ z 42["e","{x*40000}"]
			ws> 42["e",2]
			ws| paused
			. full s2
			. offloaded
			= s2 ["e","{x*40000}"]
			. empty s2
			ws| reading
			= s2 ["e",2]
		`},
		"many short ones that get long": {rows: "T03 F33", source: "ours: a bound on what a turn inflates", uncut: "the turn is the point", script: zJoined +
			strings.Repeat("\nws>+ z 42[\"e\",\"{x*30000}\"]", 10) + `
			ws> 42["e",2]
			` + strings.Repeat("\n= s2 [\"e\",\"{x*30000}\"]", 8) + `
			ws| paused
			. offloaded
			= s2 ["e","{x*30000}"]
			ws| reading
			ws| paused
			. offloaded
			= s2 ["e","{x*30000}"]
			= s2 ["e",2]
			ws| reading
		`},
		"one of blocks that hold nothing": {rows: "T03 F33", source: "ours: they take time, too", uncut: "segments do not matter", script: zJoined + `
			ws>+ zhex ` + strings.Repeat("000000ffff", 2000) + fmt.Sprintf("%x", deflate([]byte(`42["e",1]`))) + `
			ws> 42["e",2]
			ws| paused
			. offloaded
			= s2 ["e",1]
			= s2 ["e",2]
			ws| reading
		`},
		"exactly the limit": {rows: "T03 T04 F30", set: func(c *Config) { limit100(c); c.DeflateFrom = 1024 }, script: zLimited + `
			ws> z 40
			ws< 40{"sid":"s2"}
			ws> z 42["{x*94}"]
			= s2 ["{x*94}"]
		`},
		"too long when it is inflated": {rows: "T03 T04 F33", set: func(c *Config) { limit100(c); c.DeflateFrom = 1024 }, script: zLimited + `
			ws> z 42["{x*95}"]
			ws< close 1009 message too big
			ws< fin
			! s1 transport error: websocket: message too big, limit: payload (100)
		`},
		"a bomb": {rows: "T03 F33", uncut: "it is a lot", script: zJoined + `
			ws>+ z 42["{x*4000000}"]
			ws> 42["e",2]
			ws| paused
			. offloaded
			ws| reading
			ws< close 1009 message too big
			ws< fin
			! s2 transport error: websocket: message too big, limit: payload (1000000)
			! s1 transport error: websocket: message too big, limit: payload (1000000)
		`},
		"a bomb while nobody is free": {rows: "T03 F33", uncut: "it is a lot", script: zJoined + `
			. busy
			ws> z 42["{x*4000000}"]
			ws< close 1009 message too big
			ws< fin
			! s2 transport error: websocket: message too big, limit: payload (1000000)
			! s1 transport error: websocket: message too big, limit: payload (1000000)
		`},
		"behind our close frame": {rows: "T03", script: zJoined + `
			. close s1 forced close
			! s2 forced close
			! s1 forced close
			ws< close
			ws> zhex 06
			ws> z {x*40000}
			ws> close
			ws< end
		`},
	}
	for name, f := range map[string]struct{ frames, code, why string }{
		"data that is not compressed":       {"ws> zhex 48656c6c6f", "1007", "invalid compressed data"},
		"a block of no kind":                {"ws> zhex 06", "1007", "invalid compressed data"},
		"text that is not UTF-8 inside":     {`ws> z 42["\xff"]`, "1007", "invalid UTF-8"},
		"a long text that is not UTF-8":     {"ws> z 42[\"{x*40000}\\xff\"]\nws| paused\n. offloaded\nws| reading", "1007", "invalid UTF-8"},
		"RSV1 on a ping":                    {"ws> hex c980a102f344", "1002", "reserved bit set"},
		"RSV1 on a close frame":             {"ws> hex c880a102f344", "1002", "reserved bit set"},
		"RSV1 on a continuation":            {"ws> zfirst 42[\"e\"]\nws> hex c080a102f344", "1002", "reserved bit set"},
		"RSV1 on a continuation of plain":   {"ws> first 42[\"e\"]\nws> hex c080a102f344", "1002", "reserved bit set"},
		"RSV2 on a compressed one":          {"ws> hex e180a102f344", "1002", "reserved bit set"},
		"RSV3 on a compressed one":          {"ws> hex d180a102f344", "1002", "reserved bit set"},
		"a message inside a compressed one": {"ws> zfirst 42[\"e\"]\nws> z x", "1002", "continuation out of order"},
		"plain text that is not UTF-8":      {`ws> 42["\xff"]`, "1007", "invalid UTF-8"},
		"half of a plain text, not UTF-8":   {"ws> hex 819ea102f344 9530a8bb", "1007", "invalid UTF-8"},
	} {
		all[name] = transcript{rows: "T03 F24 F33", source: "RFC 7692, section 6", script: zJoined + f.frames + `
			ws< close ` + f.code + ` ` + f.why + `
			ws< fin
			! s2 transport error: websocket: ` + f.why + `
			! s1 transport error: websocket: ` + f.why + `
		`}
	}
	for name, tr := range all {
		if tr.set == nil {
			tr.set = deflateOn
			all[name] = tr
		}
	}
	all["RSV1 without an agreement"] = transcript{rows: "T03 F33", set: deflateOn, script: wsJoined + `
		ws> z 42["e"]
		ws< close 1002 reserved bit set
		ws< fin
		! s2 transport error: websocket: reserved bit set
		! s1 transport error: websocket: reserved bit set
	`}
	return all
}

const zLimited = `
	ws> UPGRADE | Sec-WebSocket-Extensions: permessage-deflate
	ws< 101
	ws< 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}
`
