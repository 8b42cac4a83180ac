package session

import "testing"

// TestJSONP: polling by scripts and forms, in both revisions.
func TestJSONP(t *testing.T) { playAll(t, jsonpTranscripts()) }

func jsonpTranscripts() map[string]transcript {
	return map[string]transcript{
		"revision 4": {rows: "H36", script: `
			a> GET ?EIO=4&transport=polling&j=0x1
			a< 200 ___eio[01]("0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			a~ Content-Type: text/plain; charset=UTF-8
			a~ cache-control: no-store
			a~ !X-XSS-Protection
			a> POST s1 d=40
			a< 200 ok
			a~ Content-Type: text/html
			a> GET s1
			a< 200 ___eio[01]("40{\"sid\":\"s2\"}");
			. emit s2 42["é\xe2\x80\xa8\xe2\x80\xa9</script>"]
			. emit s2 42["a\b"]
			a> GET s1 | User-Agent: Mozilla/4.0 (compatible;MSIE 6.0; Windows NT 5.1)
			a< 200 ___eio[01]("42[\"é\u2028\u2029</script>\"]\u001e42[\"a\\b\"]");
			a~ X-XSS-Protection: 0
			. attach s2 0102 451-["b",{"_placeholder":true,"num":0}]
			a> GET s1
			a< 200 ___eio[01]("451-[\"b\",{\"_placeholder\":true,\"num\":0}]\u001ebAQI=");
		`},
		"revision 3": {rows: "H36 H37", set: allow3, script: `
			a> GET ?EIO=3&transport=polling&j=0
			a< 200 ___eio[0]("118:0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			a> GET ` + poll3 + `&j=0
			a< 200 ___eio[0]("2:40");
			a> POST ` + poll3 + ` d=42%3A451-%5B%22echo%22%2C%7B%22_placeholder%22%3Atrue%2C%22num%22%3A0%7D%5D6%3Ab4AQI%3D
			a< 200 ok
			a> GET ` + poll3 + `
			a< 200 ___eio[0]("42:451-[\"echo\",{\"_placeholder\":true,\"num\":0}]6:b4AQI=");
			a~ Content-Type: text/plain; charset=UTF-8
			a> GET ` + poll3 + `
			. emit s1 42["é😀"]
			a< 200 ___eio[0]("9:42[\"é😀\"]");
			ws> UPGRADE ` + ws3 + `&sid=s1
			ws< 101
			ws> 5
			. attach s1 0102 451-["b",{"_placeholder":true,"num":0}]
			ws< 451-["b",{"_placeholder":true,"num":0}]
			ws< bin 040102
		`},
		"no digits": {rows: "H36", script: `
			a> GET ?EIO=4&transport=polling&j=
			a< 200 ___eio[]("0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			b> GET ?EIO=4&transport=polling&j=];alert(1)//
			b< 200 ___eio[1]("0{\"sid\":\"s2\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
		`},
		"only the first request asks for it": {rows: "H36", script: joined + `
			a> POST ?EIO=4&transport=polling&sid=s1&j=1 42["echo"]
			a< 200 ok
			a> GET ?EIO=4&transport=polling&sid=s1&j=1
			a< 200 42["echo"]
		`},
		"forms": {rows: "H36", script: `
			a> GET ?EIO=4&transport=polling&j=1
			a< 200 ___eio[1]("0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			a> POST s1 x=1&d=40&y=2 | Content-Type: application/x-www-form-urlencoded
			a< 200 ok
			a> GET s1
			a< 200 ___eio[1]("40{\"sid\":\"s2\"}");
			a> POST s1 d=42["e",+"%C3%A9",%20"%5c%5cn%5C%5Cu00e9",\n%31]
			a< 200 ok
			= s2 ["e", "é", "\x5cn\\u00e9",\x0a1]
		`},
		"nothing in the form": {rows: "H36", script: `
			a> GET ?EIO=4&transport=polling&j=1
			a< 200 ___eio[1]("0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			a> POST s1 40
			a< 200 ok
			a> POST s1
			a< 200 ok
			a> POST s1 d=40
			a< 200 ok
			a> POST s1 d=
			a< 400
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"compressed": {rows: "H36", set: func(c *Config) { c.CompressFrom = 200 }, script: `
			a> GET ?EIO=4&transport=polling&j=1 | Accept-Encoding: gzip
			a< 200 ___eio[1]("0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
			a> POST s1 d=40
			a< 200 ok
			. emit s2 42["{x*180}"]
			a> GET s1 | Accept-Encoding: deflate
			a< 200 deflate:___eio[1]("40{\"sid\":\"s2\"}\u001e42[\"{x*180}\"]");
			a~ Content-Encoding: deflate
		`},
		"on another loop": {rows: "H36 H37", hosts: 2, set: func(c *Config) { c.AllowEIO3, c.MaxPayload = true, 100_000 }, script: `
			. loop b 1
			a> GET ?EIO=3&transport=polling&j=7
			a< 200 ___eio[7]("117:0{\"sid\":\"s1\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":100000}");
			b> GET ` + poll3 + `
			b< 200 ___eio[7]("2:40");
			b> POST ` + poll3 + ` d=10%3A42["echo"]
			b< 200 ok
			b> GET ` + poll3 + `
			b< 200 ___eio[7]("10:42[\"echo\"]");
		`},
	}
}
