package session

import (
	"strings"
	"testing"
)

// TestClientFiles: the official client's bundle, below the engine's path.
func TestClientFiles(t *testing.T) { playAll(t, clientTranscripts()) }

// served is a bundle of which the esm files are missing. Each file is its name and coding.
func served(c *Config) {
	c.Client = &ClientFiles{Base: "/socket.io/", Load: func(name, coding string) *ClientFile {
		if strings.Contains(name, "esm") {
			return nil
		}
		body := []byte(name + " as " + coding)
		switch coding {
		case "gzip":
			body = compress(body, gzipped)
		case "deflate":
			body = compress(body, deflated)
		}
		return &ClientFile{Body: body, ETag: `"4.8.4"`}
	}}
}

func clientTranscripts() map[string]transcript {
	return map[string]transcript{
		"not served": {rows: "O01", script: `
			a> GET /socket.io/socket.io.js
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
		`},
		"served": {rows: "O01 O02", set: served, script: `
			a> GET /socket.io/socket.io.js
			. offloaded
			a< 200 socket.io.js as identity
			a~ Content-Type: application/javascript; charset=utf-8
			a~ Cache-Control: public, max-age=0
			a~ ETag: "4.8.4"
			a~ Vary: Accept-Encoding
			a~ !Content-Encoding
			a~ !Access-Control-Allow-Origin
			a~ !Set-Cookie
			a> GET /socket.io/socket.io.js?buster=1&transport=polling
			a< 200 socket.io.js as identity
			a> HEAD /socket.io/socket.io.js
			a< 200
			a~ Content-Length: 24
			a~ Content-Type: application/javascript; charset=utf-8
			a> GET /socket.io/socket.io.js.map
			. offloaded
			a< 200 socket.io.js.map as identity
			a~ Content-Type: application/json; charset=utf-8
			a> GET /socket.io/socket.io.min.js
			. offloaded
			a< 200 socket.io.min.js as identity
			a> HEAD /socket.io/socket.io.msgpack.min.js.map | Connection: close
			. offloaded
			a< 200
			a~ Content-Length: 40
			a~ Connection: close
			a< fin
		`},
		"codings": {rows: "O02", source: "as the client likes them; of equals the first that it names", set: served, script: `
			a> GET /socket.io/socket.io.js | Accept-Encoding: gzip, deflate, br
			. offloaded
			a< 200 gzip:socket.io.js as gzip
			a~ Content-Encoding: gzip
			a~ ETag: "4.8.4"
			a> GET /socket.io/socket.io.js | Accept-Encoding: br;q=1, gzip;q=0.8
			. offloaded
			a< 200 br:socket.io.js as br
			a> GET /socket.io/socket.io.js | Accept-Encoding: deflate
			. offloaded
			a< 200 deflate:socket.io.js as deflate
			a> GET /socket.io/socket.io.js | Accept-Encoding: identity
			. offloaded
			a< 200 socket.io.js as identity
			a> GET /socket.io/socket.io.js | Accept-Encoding: *
			a< 200 br:socket.io.js as br
		`},
		"conditions": {rows: "O02", set: served, script: `
			a> GET /socket.io/socket.io.js | If-None-Match: "4.8.4"
			. offloaded
			a< 304
			a~ ETag: "4.8.4"
			a~ Cache-Control: public, max-age=0
			a~ !Content-Type
			a~ !Content-Length
			a> GET /socket.io/socket.io.js | If-None-Match: W/"4.8.4"
			a< 304
			a> HEAD /socket.io/socket.io.js | If-None-Match: "x", W/"4.8.4"
			a< 304
			a> GET /socket.io/socket.io.js | If-None-Match: "4.8.3"
			a< 200 socket.io.js as identity
			a> GET /socket.io/socket.io.js | If-None-Match: 4.8.4
			a< 200 socket.io.js as identity
		`},
		"names that are no file's": {rows: "O01", source: "they are the engine's requests", set: served, script: `
			a> GET /socket.io/socket.io.esm.min.js
			. offloaded
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET /socket.io/socket.io.esm.min.js?EIO=4&transport=polling
			. offloaded
			a< 200 ` + openPacket + `
			a> POST s1 40
			a< 200 ok
			a> GET /socket.io/socket.io.esm.min.js?EIO=4&transport=polling&sid=s1
			. offloaded
			a< 200 40{"sid":"s2"}
			a> HEAD /socket.io/socket.io.esm.min.js?EIO=4&transport=polling
			. offloaded
			? 2 HEAD
			a< 400
			a> GET /socket.io/other.js
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET /socket.io/x/socket.io.js
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> GET /socket.io/socket%2eio.js
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a> POST /socket.io/socket.io.js
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			b> UPGRADE /socket.io/socket.io.js
			? 0
			b< 400 Transport unknown
			b< fin
			c> GET /socket.io.js
			c< 404
			c< fin
		`},
		"for other sites": {rows: "O02 H19", set: func(c *Config) {
			served(c)
			c.CORS = &CORS{Origins: []string{listed}, Methods: methods, Status: 204}
			c.Cookie = &Cookie{Name: "io"}
			c.Hooks = &Hooks{Headers: func(_ *Conn, _ []byte, _ bool, add func(name, value string)) { add("X-App", "1") }}
		}, script: `
			a> GET /socket.io/socket.io.js | Origin: ` + listed + `
			. offloaded
			a< 200 socket.io.js as identity
			a~ Access-Control-Allow-Origin: ` + listed + `
			a~ Vary: Origin, Accept-Encoding
			a~ !Set-Cookie
			a~ !X-App
			a> GET /socket.io/socket.io.js | Origin: ` + listed + ` | If-None-Match: "4.8.4"
			a< 304
			a~ Access-Control-Allow-Origin: ` + listed + `
			a> OPTIONS /socket.io/socket.io.js | Origin: ` + listed + `
			a< 204
			a~ Access-Control-Allow-Origin: ` + listed + `
			a> GET /socket.io/socket.io.esm.min.js | Origin: ` + listed + `
			. offloaded
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
			a~ Access-Control-Allow-Origin: ` + listed + `
		`},
		"pipelined": {rows: "O01", source: "a request behind one that waits for its file waits too", set: served, script: `
			a>+ GET /socket.io/socket.io.js
			a> GET /socket.io/socket.io.min.js
			. offloaded
			a< 200 socket.io.js as identity
			. offloaded
			a< 200 socket.io.min.js as identity
		`},
		"the client goes meanwhile": {rows: "O01", set: served, script: `
			a> GET /socket.io/socket.io.js
			a> fin
			. offloaded
			b> GET /socket.io/socket.io.js
			b< 200 socket.io.js as identity
		`},
		"nobody is free to load it": {rows: "O01", set: served, script: `
			. busy
			a> GET /socket.io/socket.io.js
			a< 503
			a~ Retry-After: 5
			a~ Retry-After: 5
			a< fin
		`},
		"a file system that panics": {rows: "O01", source: "the request is answered all the same", set: func(c *Config) {
			c.Client = &ClientFiles{Base: "/socket.io/", Load: func(string, string) *ClientFile { panic("broken") }}
		}, script: `
			a> GET /socket.io/socket.io.js
			. offloadedpanics
			? 0
			a< 400 {"code":0,"message":"Transport unknown"}
		`},
	}
}

// TestHasETag (O02): lists, weak tags, and what is neither.
func TestHasETag(t *testing.T) {
	for list, want := range map[string]bool{
		`"v"`: true, `W/"v"`: true, `*`: true, `"a", "v"`: true, `"a",W/"v" , "b"`: true, `"a""v"`: true, `, "v"`: true,
		``: false, `v`: false, `"v`: false, `"w"`: false, `"a, v"`: false, `"*"`: false, `w/"v"`: false, `W/`: false,
		`"a", v`: false, `""`: false, `"`: false, `W/W/"v"`: false,
	} {
		if hasETag([]byte(list), `"v"`) != want {
			t.Errorf("hasETag(%s) is not %v", list, want)
		}
	}
}

// FuzzHasETag: a tag is found where it stands as a whole, and nothing else is.
func FuzzHasETag(f *testing.F) {
	f.Add(`"a", W/"v"`)
	f.Add(`*`)
	f.Add(`"unfinished`)
	f.Fuzz(func(t *testing.T, list string) {
		if has := hasETag([]byte(list), `"v"`); has && list != "*" && !strings.Contains(list, `"v"`) {
			t.Errorf("%q has the tag", list)
		}
		if prefix := `"x", `; hasETag([]byte(prefix+list), `"v"`) != hasETag([]byte(list), `"v"`) && list != "*" {
			t.Errorf("%q has the tag only with or without another in front", list)
		}
	})
}
