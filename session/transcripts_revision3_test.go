package session

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// TestRevision3: clients of before 2020.
func TestRevision3(t *testing.T) { playAll(t, revision3Transcripts()) }

func allow3(c *Config) { c.AllowEIO3 = true }

const (
	poll3 = `?EIO=3&transport=polling&sid=s1`
	ws3   = `/socket.io/?EIO=3&transport=websocket`

	opened3 = `
		a> GET ?EIO=3&transport=polling
		a< 200 118:` + openPacket + `
		a> GET ` + poll3 + `
		a< 200 2:40
	`
	openedWS3 = `
		ws> UPGRADE ` + ws3 + `
		ws< 101
		ws< ` + wsPacket + `
		ws< 40
	`
)

// text3 is a payload of packets, as scripts spell it.
func text3(packets ...string) (s string) {
	for _, p := range packets {
		s += strconv.Itoa(len(utf16.Encode([]rune(p)))) + ":" + p
	}
	return s
}

// bin3 is a binary payload of packets. Those that begin with a "#" are attachments, in
// hexadecimal.
func bin3(packets ...string) (s string) {
	for _, p := range packets {
		mark, data := byte(0), []byte(p)
		if text, ok := strings.CutPrefix(p, "#"); ok {
			b, _ := hex.DecodeString(text)
			mark, data = 1, append([]byte{4}, b...)
		}
		s += fmt.Sprintf(`\x%02x`, mark)
		for _, digit := range strconv.Itoa(len(data)) {
			s += fmt.Sprintf(`\x%02x`, digit-'0')
		}
		s += `\xff`
		for _, c := range data {
			s += fmt.Sprintf(`\x%02x`, c)
		}
	}
	return s
}

func revision3Transcripts() map[string]transcript {
	all := map[string]transcript{
		"handshake": {rows: "H37 H24 C01 C11", script: `
			a> GET ?EIO=3&transport=polling
			a< 200 118:` + openPacket + `
			a~ Content-Type: text/plain; charset=UTF-8
			a~ cache-control: no-store
			a> GET ` + poll3 + `
			a< 200 2:40
			a> GET ` + poll3 + `
			. turn emit s1 42["a"] ; emit s1 42["b"]
			a< 200 7:42["a"]7:42["b"]
			. is s1 open polling
		`},
		"no EIO, and others than 4, are 3": {rows: "H37", source: "Swift before 16 sends none", script: `
			a> GET ?transport=polling
			a< 200 118:` + openPacket + `
			a> GET ?transport=polling&sid=s1
			a< 200 2:40
			a> GET ?EIO=44&transport=polling&sid=s1
			. emit s1 42["a"]
			a< 200 7:42["a"]
			b> GET ?EIO=04&transport=polling
			b< 200 118:0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws> UPGRADE /socket.io/?transport=websocket
			ws< 101
			ws< 0{"sid":"s3","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			ws< 40
		`},
		"nothing else changes": {rows: "H20 H37 C01", script: joined + `
			a> OPTIONS ?EIO=4&transport=polling
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> OPTIONS ?EIO=3&transport=polling
			? 2 OPTIONS
			a< 400 {"code":2,"message":"Bad handshake method"}
			a> GET s1
			. emit s2 42["a"]
			a< 200 42["a"]
			a> POST s1 40 | Content-Type: application/octet-stream
			a< 400
			! s2 transport error: binary request body in protocol 4
			! s1 transport error: binary request body in protocol 4
		`},
		"a request of the other revision": {rows: "H12 H17 H37", script: opened3 + `
			a> GET ?EIO=4&transport=polling&sid=s1
			? 3 PROTOCOL_MISMATCH 4 3
			a< 400 {"code":3,"message":"Bad request"}
			a> POST ?EIO=4&transport=polling&sid=s1 42["e"]
			? 3 PROTOCOL_MISMATCH 4 3
			a< 400 {"code":3,"message":"Bad request"}
			ws> UPGRADE s1
			? 3 PROTOCOL_MISMATCH 4 3
			ws< 400 Bad request
			ws< fin
			b> OPEN
			b< 200 0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b> GET ?EIO=3&transport=polling&sid=s2
			? 3 PROTOCOL_MISMATCH 3 4
			b< 400 {"code":3,"message":"Bad request"}
			b> POST ?transport=polling&sid=s2 40
			b< 200 ok
			a> POST ` + poll3 + ` 7:42["e"]
			a< 200 ok
			= s1 ["e"]
		`},
		"text over polling": {rows: "H37 S01", script: opened3 + `
			a> POST ` + poll3 + ` ` + text3(`42["echo","é€"]`, `42["echo","😀"]`, `420["echo"]`) + `
			a< 200 ok
			a~ Content-Type: text/html
			a> GET ` + poll3 + `
			a< 200 ` + text3(`42["echo","é€"]`, `42["echo","😀"]`, `430[]`) + `
			a~ Content-Type: text/plain; charset=UTF-8
			. cast / 42["ö😀"]
			. large s1 42["x"]
			a> GET ` + poll3 + `
			a< 200 ` + text3(`42["ö😀"]`, `42["x"]`) + `
		`},
		"binary over polling": {rows: "H24 H37 H33 S02", script: opened3 + `
			a> POST ` + poll3 + ` ` + bin3(`451-["echo",{"_placeholder":true,"num":0},"é"]`, `#01020304`) + ` | Content-Type: application/octet-stream
			a< 200 ok
			. emit s1 42["é"]
			a> GET ` + poll3 + `
			a< 200 ` + bin3(`451-["echo",{"_placeholder":true,"num":0},"é"]`, `#01020304`, `42["é"]`) + `
			a~ Content-Type: application/octet-stream
			a> POST ` + poll3 + ` ` + text3(`451-["bin",{"_placeholder":true,"num":0},"é"]`, `b4AQIDBA==`) + `
			a< 200 ok
			= s1 ["bin",{"_placeholder":true,"num":0},"é"] 01020304
			a> GET ` + poll3 + `
			. emit s1 42["é"]
			a< 200 7:42["é"]
			a~ Content-Type: text/plain; charset=UTF-8
		`},
		"b64 over polling": {rows: "H35 H37", script: `
			a> GET ?EIO=3&transport=polling&b64=1
			a< 200 118:` + openPacket + `
			a> GET ` + poll3 + `
			a< 200 2:40
			a> POST ` + poll3 + ` ` + bin3(`451-["echo",{"_placeholder":true,"num":0}]`, `#0102`) + ` | Content-Type: application/octet-stream
			a< 200 ok
			a> GET ` + poll3 + `
			a< 200 ` + text3(`451-["echo",{"_placeholder":true,"num":0}]`, `b4AQI=`) + `
			a~ Content-Type: text/plain; charset=UTF-8
			b> GET ?EIO=3&transport=polling&b64=
			b< 200 118:0{"sid":"s2","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b> GET ?EIO=3&transport=polling&sid=s2&b64=1
			b< 200 2:40
			. attach s2 ff 451-["b",{"_placeholder":true,"num":0}]
			b> GET ?EIO=3&transport=polling&sid=s2&b64=1
			b< 200 ` + bin3(`451-["b",{"_placeholder":true,"num":0}]`, `#ff`) + `
		`},
		"payloads that are none": {rows: "H34 H37", script: opened3 + `
			b> GET ` + poll3 + `
			a> POST ` + poll3 + ` 7:42["e"]3:42
			= s1 ["e"]
			a< 400
			b< 200 1:1
			! s1 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"empty bodies": {rows: "H34 H37", script: opened3 + `
			a> POST ` + poll3 + ` 0:
			a< 200 ok
			a> POST ` + poll3 + ` | Content-Type: application/octet-stream
			a< 200 ok
			a> POST ` + poll3 + `
			a< 400
			! s1 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"the client closes": {rows: "H37", script: opened3 + `
			b> GET ` + poll3 + `
			a> POST ` + poll3 + ` 1:1
			b< 200 1:6
			a< 200 ok
			! s1 transport close
			! s1 transport close
		`},
		"the server closes": {rows: "H37", script: opened3 + `
			. emit s1 42["last"]
			. shut s1
			! s1 forced close
			a> GET ` + poll3 + `
			a< 200 10:42["last"]
			a> GET ` + poll3 + `
			a< 200 1:61:1
			! s1 forced close
		`},
		"compressed": {rows: "H24 H37", set: func(c *Config) { c.AllowEIO3, c.CompressFrom = true, 40 }, script: opened3 + `
			. attach s1 0102 451-["b",{"_placeholder":true,"num":0}]
			a> GET ` + poll3 + ` | Accept-Encoding: gzip
			a< 200 gzip:` + bin3(`451-["b",{"_placeholder":true,"num":0}]`, `#0102`) + `
			a~ Content-Type: application/octet-stream
			a~ Content-Encoding: gzip
		`},
		"a packet longer than is copied": {rows: "H37", script: opened3 + `
			. large s1 42["{é*9000}{x*9000}"]
			a> GET ` + poll3 + `
			a< 200 18006:42["{é*9000}{x*9000}"]
		`},
		"websocket": {rows: "H37 C01 K01", script: openedWS3 + `
			ws> 42["echo","é😀"]
			ws< 42["echo","é😀"]
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> bin 040102
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< bin 040102
			ws> 451-["bin",{"_placeholder":true,"num":0}]
			ws> b4AQI=
			= s1 ["bin",{"_placeholder":true,"num":0}] 0102
			. ask s1 7
			ws> 461-7[{"_placeholder":true,"num":0}]
			ws> bin 04ff
			= s1 ack 7 [{"_placeholder":true,"num":0}] ff
			ws> 41
			! s1 client namespace disconnect
			ws> 1
			ws< close
			! s1 transport close
		`},
		"b64 on a websocket": {rows: "H35 H37", script: `
			ws> UPGRADE ` + ws3 + `&b64=true
			ws< 101
			ws< ` + wsPacket + `
			ws< 40
			ws> 451-["echo",{"_placeholder":true,"num":0}]
			ws> b4AQI=
			ws< 451-["echo",{"_placeholder":true,"num":0}]
			ws< b4AQI=
		`},
		"binary without a type": {rows: "H37", script: openedWS3 + `
			ws> bin 090102
			ws< close
			! s1 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"base64 of revision 4": {rows: "H37", script: openedWS3 + `
			ws> bAQI=
			ws< close
			! s1 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"upgrade": {rows: "L05 L06 L08 H37", script: opened3 + `
			a> GET ` + poll3 + `
			ws> UPGRADE ` + ws3 + `&sid=s1
			ws< 101
			ws> 2probe
			ws< 3probe
			a< 200 1:6
			. attach s1 0102 451-["b",{"_placeholder":true,"num":0}]
			. is s1 open polling
			ws> 5
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< bin 040102
			. is s1 open websocket
			ws> 2
			ws< 3
			x> UPGRADE ` + ws3 + `&sid=s1
			x< 101
			x< close
		`},
		"upgrade with b64 of its own": {rows: "L05 H35 H37", script: opened3 + `
			ws> UPGRADE ` + ws3 + `&sid=s1&b64=1
			ws< 101
			ws> 5
			. attach s1 0102 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< b4AQI=
			x> UPGRADE s1
			? 3 PROTOCOL_MISMATCH 4 3
			x< 400 Bad request
			x< fin
		`},
		"a probe of bytes": {rows: "L08 H37", script: opened3 + `
			ws> UPGRADE ` + ws3 + `&sid=s1
			ws< 101
			ws> bin 0270726f6265
			ws< close
			a> GET ` + poll3 + `
			. emit s1 42["a"]
			a< 200 7:42["a"]
		`},
		"the client pings": {rows: "L02", script: openedWS3 + `
			+ 44s
			ws> 2
			ws< 3
			+ 44s
			ws> 2more
			ws< 3
			+ 44s
			ws> bin 02
			ws< 3
			+ 45s
			ws< close
			! s1 ping timeout
			! s1 ping timeout
		`},
		"the client pings over polling": {rows: "L02", script: opened3 + `
			a> GET ` + poll3 + `
			+ 44s
			b> POST ` + poll3 + ` 1:2
			b< 200 ok
			a< 200 1:3
			a> GET ` + poll3 + `
			+ 45s
			a< 200 1:1
			! s1 ping timeout
			! s1 ping timeout
		`},
		"other packets are no ping": {rows: "L02", script: openedWS3 + `
			+ 44s
			ws> 42["e"]
			= s1 ["e"]
			+ 1s
			ws< close
			! s1 ping timeout
			! s1 ping timeout
		`},
		"pings go on behind an upgrade": {rows: "L02 L05", source: "the reference server forgets the timeout there", script: opened3 + `
			ws> UPGRADE ` + ws3 + `&sid=s1
			ws< 101
			ws> 5
			a> fin
			+ 44s
			ws> 2
			ws< 3
			+ 45s
			ws< close
			! s1 ping timeout
			! s1 ping timeout
		`},
		"slow handlers are not the client's fault": {rows: "L02", script: openedWS3 + `
			. full s1
			ws> 2
			ws| paused
			+ 100s
			. empty s1
			ws| reading
			ws< 3
			+ 44s
			ws> 2
			ws< 3
		`},
		"a pong": {rows: "L03", script: openedWS3 + `
			ws> 3
			ws< close
			! s1 transport error: invalid heartbeat direction
			! s1 transport error: invalid heartbeat direction
		`},
		"a pong over polling": {rows: "L03", script: opened3 + `
			b> GET ` + poll3 + `
			a> POST ` + poll3 + ` 1:3
			a< 400
			b< 200 1:1
			! s1 transport error: invalid heartbeat direction
			! s1 transport error: invalid heartbeat direction
		`},
		"no ping from the server": {rows: "L02 L03", script: openedWS3 + `
			+ 30s
			ws> 2
			ws< 3
			+ 30s
			ws> 2
			ws< 3
			+ 30s
		`},
		"namespaces": {rows: "C01 C02 C10 C11", script: openedWS3 + `
			ws> 40/chat?token=a%20b&x=1&x=2&é=%22&#f
			= /chat#s1 auth {"token":"a b","x":"2","é":"\""}
			ws< 40/chat,
			ws> 42/chat,["echo",1]
			ws< 42/chat,["echo",1]
			ws> 42/chat?token=z,["echo",2]
			ws< 42/chat,["echo",2]
			ws> 42["echo",3]
			ws< 42["echo",3]
			ws> 41/chat
			! /chat#s1 client namespace disconnect
			ws> 40/none?a=b
			ws< 44/none,{"message":"Invalid namespace"}
			ws> 40/chat
			ws< 40/chat,
			. disconnect /chat#s1
			ws< 41/chat,
			! /chat#s1 server namespace disconnect
			ws> 40/chat?,{"pay":"load"}
			ws< 40/chat,
		`},
		"namespaces are joined once": {rows: "C01", script: openedWS3 + `
			ws> 40
			ws< close
			! s1 forced server close: packet not allowed in this state
			! s1 forced close: packet not allowed in this state
		`},
		"a query beyond all bounds": {rows: "C10", script: openedWS3 + `
			ws> 40/chat?{x*8192}
			ws< close
			= s1 failed: limit: namespace query (8192)
			! s1 forced close: limit: namespace query (8192)
			! s1 forced close: limit: namespace query (8192)
		`},
		"refused": {rows: "C01 C02", script: `
			. delay
			ws> UPGRADE ` + ws3 + `
			ws< 101
			ws< ` + wsPacket + `
			. deny / "not today"
			ws< 44"not today"
			ws> 40
			. grant /
			ws< 40
		`},
		"nobody is let in": {rows: "C01", script: `
			. delay
			ws> UPGRADE ` + ws3 + `
			ws< 101
			ws< ` + wsPacket + `
			. deny / "no"
			ws< 44"no"
			+ 44s
			ws> 2
			ws< 3
			+ 1s
			ws< close
			! s1 forced close: limit: connect timeout (45000000000)
		`},
		"late decisions": {rows: "H37 C01", script: `
			. admit later
			a> GET ?EIO=3&transport=polling
			. decide yes
			a< 200 118:` + openPacket + `
			a> GET ` + poll3 + `
			a< 200 2:40
			. admit id mine
			b> GET ?EIO=3&transport=polling
			b< 200 102:0{"sid":"mine","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			b> GET ?EIO=3&transport=polling&sid=mine
			b< 200 2:40
			. emit mine 42["a"]
			b> POST ?EIO=3&transport=polling&sid=mine 7:40/chat
			b< 200 ok
			. emit /chat#mine 42/chat,["b"]
			b> GET ?EIO=3&transport=polling&sid=mine
			b< 200 7:42["a"]8:40/chat,13:42/chat,["b"]
		`},
		"handlers behind, in the middle of a payload": {rows: "H37", script: opened3 + `
			. full s1
			a> POST ` + poll3 + ` ` + bin3(`42["e"]`, `42["f"]`) + ` | Content-Type: application/octet-stream
			. empty s1
			= s1 ["e"]
			= s1 ["f"]
			a< 200 ok
			. full s1
			a> POST ` + poll3 + ` 7:42["g"]0:7:42["h"]
			. empty s1
			= s1 ["g"]
			= s1 ["h"]
			a< 200 ok
		`},
		"a stream takes over only from revision 4": {rows: "H37", set: func(c *Config) {
			c.AllowEIO3, c.Transports = true, Set(Polling, WebTransport)
		}, script: `
			a> GET ?EIO=3&transport=polling
			a< 200 121:0{"sid":"s1","upgrades":["webtransport"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			a> GET ` + poll3 + `
			a< 200 2:40
			. stream st s1
			st< fin
			. stream t
			t< 0{"sid":"s2","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}
			t> 40
			t< 40{"sid":"s3"}
		`},
		"two posts at once": {rows: "H28 H37", script: opened3 + `
			a> raw POST /socket.io/` + poll3 + ` HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n
			b> POST ?EIO=4&transport=polling&sid=s1 42["e"]
			? 3 PROTOCOL_MISMATCH 4 3
			b< 400 {"code":3,"message":"Bad request"}
			b> POST ` + poll3 + ` 7:42["e"] | Connection: close
			b< 400
			b< fin
			a< 400
			a< fin
			! s1 transport error: two requests of one kind at once
			! s1 transport error: two requests of one kind at once
		`},
	}
	all["on another loop"] = transcript{rows: "H24 H37", hosts: 2, script: `
		. loop b 1
		. loop c 1
		` + opened3 + `
		b> POST ` + poll3 + ` ` + bin3(`451-["echo",{"_placeholder":true,"num":0}]`, `#0102`) + ` | Content-Type: application/octet-stream
		b< 200 ok
		c> GET ` + poll3 + `
		c< 200 ` + bin3(`451-["echo",{"_placeholder":true,"num":0}]`, `#0102`) + `
		c~ Content-Type: application/octet-stream
		c> GET ` + poll3 + `
		. emit s1 42["é"]
		c< 200 7:42["é"]
		c~ Content-Type: text/plain; charset=UTF-8
		c> GET ?EIO=4&transport=polling&sid=s1
		? 3 PROTOCOL_MISMATCH 4 3
		c< 400 {"code":3,"message":"Bad request"}
		c> POST ` + poll3 + ` 1:2
		c< 200 ok
	`}
	for name, tr := range all {
		if tr.set == nil {
			tr.set = allow3
			all[name] = tr
		}
	}
	return all
}
