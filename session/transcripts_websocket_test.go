package session

import (
	"fmt"
	"strings"
	"testing"
)

// wsOpened is a WebSocket from the start, and wsJoined the same with the main namespace
// joined: the session is s1, the socket s2.
const (
	wsOpened = `
		ws> UPGRADE
		ws< 101
		ws< ` + wsPacket + `
	`
	wsJoined = wsOpened + `
		ws> 40
		ws< 40{"sid":"s2"}
	`
)

// TestWebSocket: the opening handshake, frames and their faults.
func TestWebSocket(t *testing.T) { playAll(t, webSocketTranscripts()) }

func webSocketTranscripts() map[string]transcript {
	return map[string]transcript{
		"opening handshake": {rows: "T01 T02 T03 H05", source: "RFC 6455, section 1.3", script: `
			ws> UPGRADE | Sec-WebSocket-Protocol: chat, superchat | Sec-WebSocket-Extensions: permessage-deflate | Cookie: a=b
			ws< 101
			ws~ Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
			ws~ Upgrade: websocket
			ws~ Connection: Upgrade
			ws~ Sec-WebSocket-Protocol: chat
			ws~ !Sec-WebSocket-Extensions
			ws~ !Content-Length
			ws~ !Set-Cookie
			ws< ` + wsPacket + `
			x> UPGRADE
			x< 101
			x~ !Sec-WebSocket-Protocol
			x< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"in one connection with requests before": {rows: "T01 F17", script: `
			ws>+ PUT nobody
			ws> UPGRADE | Connection: keep-alive, Upgrade
			? 1 nobody
			ws< 400 {"code":1,"message":"Session ID unknown"}
			ws< 101
			ws< ` + wsPacket + `
		`},
		"bad opening handshakes": {rows: "F22 H08", source: "RFC 6455, section 4.2.1", script: `
			a> UPGRADE | Sec-WebSocket-Key: short
			a< 400
			a< fin
			b> UPGRADE | -Sec-WebSocket-Key
			b< 400
			b< fin
			c> UPGRADE | Sec-WebSocket-Version: 8
			c< 426
			c~ Sec-WebSocket-Version: 13
			c< fin
			d> UPGRADE | HTTP/1.0
			? 3 TRANSPORT_HANDSHAKE_ERROR
			d< 400 {"code":3,"message":"Bad request"}
			d< fin
			e> UPGRADE | Content-Length: 2
			e< 400
			e< fin
			f> raw POST /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n
			? 2 POST
			f< 400 Bad handshake method
			f< fin
			g> UPGRADE | Upgrade: websocket2
			? 3 TRANSPORT_HANDSHAKE_ERROR
			g< 400 Bad request
			g< fin
			h> UPGRADE | -Upgrade
			? 3 TRANSPORT_HANDSHAKE_ERROR
			h< 400 {"code":3,"message":"Bad request"}
			i> UPGRADE | -Connection
			? 3 TRANSPORT_HANDSHAKE_ERROR
			i< 400 {"code":3,"message":"Bad request"}
			j> UPGRADE | +Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
			j< 400
			j< fin
		`},
		"a body that comes with the opening handshake": {rows: "F22", script: `
			e> raw GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 2\r\n\r\n40
			e< 400
			e< fin
		`},
		"hostile fields": {rows: "F23 T02", script: `
			a> UPGRADE | Sec-WebSocket-Protocol: {,*3000}x | Sec-WebSocket-Extensions: {a;b=",*500}
			a< 101
			a~ Sec-WebSocket-Protocol: x
			a< ` + wsPacket + `
			b> UPGRADE | Sec-WebSocket-Protocol: a b\tc
			b< 101
			b~ !Sec-WebSocket-Protocol
			b< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			c> UPGRADE | Origin: {x*7000}
			c< 101
			c< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
		`},
		"frames behind the request": {rows: "F32", source: "in order, in one segment", script: `
			ws>+ UPGRADE
			ws>+ 40
			ws>+ 42["echo",1]
			ws> 42["e",2]
			ws< 101
			ws< ` + wsPacket + `
			ws< 40{"sid":"s2"}
			ws< 42["echo",1]
			= s2 ["e",2]
		`},
		"messages": {rows: "T05 K01", script: wsJoined + `
			ws> 42["echo","é €"]
			ws< 42["echo","é €"]
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> bin 00ff10
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< bin 00ff10
			ws> 451-["bin",{"_placeholder":true,"num":0}]
			ws> bAQIDBA==
			= s2 ["bin",{"_placeholder":true,"num":0}] 01020304
		`},
		"attachments as text": {rows: "H35", source: "for clients with forceBase64", script: `
			ws> UPGRADE /socket.io/?EIO=4&transport=websocket&b64=1
			ws< 101
			ws< ` + wsPacket + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> bAQID
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< bAQID
			. attach s2 ff00 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< b/wA=
			a> OPEN
			a< 200 0{"sid":"s3","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a> POST s3 40
			a< 200 ok
			. attach s4 ff 451-["b",{"_placeholder":true,"num":0}]
			x> UPGRADE /socket.io/?EIO=4&transport=websocket&sid=s3&b64=1
			x< 101
			x> 5
			x< 40{"sid":"s4"}
			x< 451-["b",{"_placeholder":true,"num":0}]
			x< b/w==
			b> UPGRADE /socket.io/?EIO=4&transport=websocket&b64=
			b< 101
			b< 0{"sid":"s5","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b> 40
			b< 40{"sid":"s6"}
			. attach s6 ff 451-["b",{"_placeholder":true,"num":0}]
			b< 451-["b",{"_placeholder":true,"num":0}]
			b< bin ff
		`},
		"fragments": {rows: "T05 F25 F31", source: "RFC 6455, section 5.4", script: wsJoined + `
			ws> first 42["echo","\xc3
			ws> ping in between
			ws< pong in between
			ws> more \xa9
			ws> more
			ws> last "]
			ws< 42["echo","é"]
		`},
		"pings of the frame layer": {rows: "T05 F31", source: "RFC 6455, section 5.5.2", script: wsJoined + `
			ws> ping hello
			ws< pong hello
			ws> ping
			ws< pong
			ws> pong nobody asked
			ws> ping {x*125}
			ws< pong {x*125}
		`},
		"pongs in their places": {rows: "F54", source: "RFC 6455, section 5.5.3", script: wsJoined + `
			ws>+ ping 1
			ws>+ ping 2
			ws>+ 42["echo"]
			ws> ping 3
			ws< pong 1
			ws< pong 2
			ws< 42["echo"]
			ws< pong 3
		`},
		"one pong for the last of too many pings": {rows: "F54", source: "RFC 6455, section 5.5.3", uncut: "the turns are the point", script: wsJoined +
			strings.Repeat("\nws>+ ping 1", maxPongs) + `
			ws>+ ping 2
			ws>+ 42["echo"]
			ws> ping 3
			` + strings.Repeat("\nws< pong 1", maxPongs) + `
			ws< 42["echo"]
			ws< pong 3
			ws> ping 4
			ws< pong 4
		`},
		"no pong behind our close frame": {rows: "F54", uncut: "the turns are the point", script: wsJoined +
			strings.Repeat("\nws>+ ping 1", maxPongs+1) + `
			ws> close 1000
			` + strings.Repeat("\nws< pong 1", maxPongs) + `
			ws< close 1000
			ws< end
			! s2 transport close
			! s1 transport close
		`},
		"a flood of pings that nobody reads the pongs of": {rows: "F54", uncut: "the turns are the point", script: wsJoined + `
			. window ws 0
			ws> raw {\x89\x81\x00\x00\x00\x00x*5000}
			ws> raw {\x89\x81\x00\x00\x00\x00y*5000}
			. window ws all
			` + strings.Repeat("\nws< pong x", maxPongs+1) + strings.Repeat("\nws< pong y", maxPongs+1) + `
		`},
		"exactly the limit": {rows: "T04 F30", set: limit100, script: wsLimited + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> 42["{x*94}"]
			= s2 ["{x*94}"]
			ws> first 42["{x*47}
			ws> last {x*47}"]
			= s2 ["{x*94}"]
		`},
		"one byte more": {rows: "T04 F30", set: limit100, script: wsLimited + `
			ws> 42["{x*95}"]
			ws< close 1009 message too big
			ws< fin
			! s1 transport error: websocket: message too big, limit: payload (100)
		`},
		"a length that is only announced": {rows: "F29", set: limit100, script: wsLimited + `
			ws> hex 81fe0065
			ws< close 1009 message too big
			ws< fin
			! s1 transport error: websocket: message too big, limit: payload (100)
			+ 1s
			ws< end
		`},
		"a length past all numbers": {rows: "F29", script: wsOpened + `
			ws> hex 82ff ffffffffffffffff 00000000
			ws< close 1002 length of 2^63 or more
			ws< fin
			! s1 transport error: websocket: length of 2^63 or more
		`},
		"a length just under": {rows: "F29", script: wsOpened + `
			ws> hex 82ff 7fffffffffffffff 00000000
			ws< close 1009 message too big
			ws< fin
			! s1 transport error: websocket: message too big, limit: payload (1000000)
		`},
		"fragments over the limit": {rows: "F29", set: limit100, script: wsLimited + `
			ws> first {x*60}
			ws> more {x*40}
			ws> more y
			ws< close 1009 message too big
			ws< fin
			! s1 transport error: websocket: message too big, limit: payload (100)
		`},
		"too many fragments": {rows: "F53", set: func(c *Config) { c.Frames.MaxFragments = 3 }, script: wsOpened + `
			ws> first 4
			ws> more 2
			ws> more [
			ws> more "
			ws< close 1008 too many fragments
			ws< fin
			! s1 transport error: websocket: too many fragments, limit: fragments (3)
		`},
		"fragments without end": {rows: "F48", source: "RFC 6455, section 5.4: no message, and so no pong, comes between the fragments of another", script: wsOpened + `
			ws> first 4
			+ 25s
			ws< 2
			ws> more 2
			+ 19.9s
			ws> more [
			+ 100ms
			! s1 ping timeout
			ws< close
		`},
		"empty fragments": {rows: "F53", script: wsOpened + `
			ws> first 4
			ws> raw {\x00\x80\x00\x00\x00\x00*64}
			ws> more
			ws< close 1008 too many fragments
			ws< fin
			! s1 transport error: websocket: too many fragments, limit: fragments (16384)
		`},
		"a longer length than need be": {rows: "F31", script: wsJoined + `
			ws> hex 81fe0008 00000000 3432 5b22 6565 225d
			= s2 ["ee"]
			ws> hex 81ff0000000000000008 00000000 3432 5b22 6565 225d
			= s2 ["ee"]
		`},
	}
}

func limit100(c *Config) { c.MaxPayload, c.Frames.MaxMessage = 100, 100 }

const wsLimited = `
	ws> UPGRADE
	ws< 101
	ws< 0{"sid":"s1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}
`

// TestBrokenFrames: each of these is answered with its status, behind what was said
// before, and ends the session; a peer that stays silent is cut off after a second. On
// a WebSocket that probes it ends that alone.
func TestBrokenFrames(t *testing.T) { playAll(t, brokenFramesTranscripts()) }

func brokenFramesTranscripts() map[string]transcript {
	all := make(map[string]transcript)
	for _, bc := range []struct{ name, rows, frame, status, text string }{
		{"unmasked", "F24", `unmasked 42["e"]`, "1002", "frame masked wrongly"},
		{"RSV1", "F24 F33", "hex c1 80 00000000", "1002", "reserved bit set"},
		{"RSV2", "F24", "hex a1 80 00000000", "1002", "reserved bit set"},
		{"RSV3", "F24", "hex 91 80 00000000", "1002", "reserved bit set"},
		{"opcode 3", "F24", "hex 83 80 00000000", "1002", "reserved opcode"},
		{"opcode 11", "F24", "hex 8b 80 00000000", "1002", "reserved opcode"},
		{"not UTF-8", "F25 T05", "texthex 3432 ff", "1007", "invalid UTF-8"},
		{"overlong UTF-8", "F25", "texthex 34 c0af", "1007", "invalid UTF-8"},
		{"surrogate", "F25", "texthex 34 eda080", "1007", "invalid UTF-8"},
		{"long ping", "F26", "ping {x*126}", "1002", "control frame too long or fragmented"},
		{"fragmented ping", "F26", "pingpart x", "1002", "control frame too long or fragmented"},
		{"continuation first", "F28", "last x", "1002", "continuation out of order"},
		{"one byte of a status", "F27", "closehex 03", "1002", "invalid close frame"},
		{"reason that is not UTF-8", "F27", "closehex 03e8 ff", "1007", "invalid UTF-8"},
	} {
		all[bc.name] = transcript{rows: bc.rows, script: wsJoined + `
			ws>+ 42["echo"]
			ws>+ ` + bc.frame + `
			ws> 42["e","never"]
			ws< 42["echo"]
			ws< close ` + bc.status + ` ` + bc.text + `
			ws< fin
			! s2 transport error: websocket: ` + bc.text + `
			! s1 transport error: websocket: ` + bc.text + `
			+ 1s
			ws< end
		`}
		all[bc.name+", probing"] = transcript{rows: bc.rows + " F85", script: opened + `
			ws> UPGRADE s1
			ws< 101
			ws> ` + bc.frame + `
			ws< close ` + bc.status + ` ` + bc.text + `
			ws< fin
			a> POST s1 40
			a< 200 ok
			a> fin
			+ 1s
			ws< end
		`}
	}
	all["message inside a message"] = transcript{rows: "F28", script: wsOpened + `
		ws> first 4
		ws> 42["e"]
		ws< close 1002 continuation out of order
		ws< fin
		! s1 transport error: websocket: continuation out of order
	`}
	all["split character that is none"] = transcript{rows: "F25", script: wsOpened + `
		ws> first 4\xc3
		ws> last (
		ws< close 1007 invalid UTF-8
		ws< fin
		! s1 transport error: websocket: invalid UTF-8
	`}
	return all
}

// TestCloseCodes: a legal status is echoed, any other is a breach of the protocol.
func TestCloseCodes(t *testing.T) { playAll(t, closeCodesTranscripts()) }

func closeCodesTranscripts() map[string]transcript {
	all := make(map[string]transcript)
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		all[fmt.Sprint(code)] = transcript{rows: "F27 L12", source: "RFC 6455, section 7.4", script: wsOpened + strings.ReplaceAll(`
			ws> close CODE bye
			ws< close CODE
			ws< end
			! s1 transport close
		`, "CODE", fmt.Sprint(code))}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535} {
		all[fmt.Sprint(code)] = transcript{rows: "F27", source: "RFC 6455, section 7.4", script: wsOpened + strings.ReplaceAll(`
			ws> close CODE
			ws< close 1002 invalid close frame
			ws< fin
			! s1 transport error: websocket: invalid close frame
		`, "CODE", fmt.Sprint(code))}
	}
	all["none"] = transcript{rows: "F27 L12", script: wsJoined + `
		ws>+ 42["echo"]
		ws>+ close
		ws> 42["e","never"]
		ws< 42["echo"]
		ws< close
		ws< end
		! s2 transport close
		! s1 transport close
	`}
	return all
}
