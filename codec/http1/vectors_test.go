package http1

import (
	"fmt"
	"strings"
	"testing"
)

// crlf turns the line feeds of a raw string into CRLF.
func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// text describes what h says beyond what every head has, one fact a line. An
// absent field is left out, an empty one is shown.
func text(h Head) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s 1.%d\n", h.Method, h.Target, h.Minor)
	for _, f := range []struct {
		name  string
		value []byte
	}{
		{"path", h.Path}, {"query", h.Query}, {"host", h.Host}, {"origin", h.Origin},
		{"type", h.ContentType}, {"encoding", h.AcceptEncoding}, {"agent", h.UserAgent},
		{"none-match", h.IfNoneMatch}, {"upgrade", h.Upgrade}, {"key", h.WebSocketKey},
		{"version", h.WebSocketVersion}, {"protocol", h.WebSocketProtocol},
		{"extensions", h.WebSocketExtensions},
	} {
		if f.value != nil {
			fmt.Fprintf(&b, "%s=%s\n", f.name, f.value)
		}
	}
	if h.ContentLength >= 0 {
		fmt.Fprintf(&b, "length=%d\n", h.ContentLength)
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"chunked", h.Chunked}, {"expect-100", h.Expect100}, {"keep-alive", h.KeepAlive},
		{"connection-upgrade", h.ConnectionUpgrade}, {"upgrade-websocket", h.UpgradeWebSocket},
	} {
		if f.set {
			b.WriteString(f.name + "\n")
		}
	}
	return b.String()
}

// headCases pairs heads with what they say, as text writes it. Tests, fuzz
// seeds and benchmarks draw on it.
var headCases = []struct {
	name string
	wire string
	want string
}{
	// As clients send them.
	{"browser, poll", browserPoll, `GET /socket.io/?EIO=4&transport=polling&t=PqZx1aB&sid=Jk2Xw9cN0oUvAAAB 1.1
path=/socket.io/
query=EIO=4&transport=polling&t=PqZx1aB&sid=Jk2Xw9cN0oUvAAAB
host=play.example.com:3000
origin=https://play.example.com
encoding=gzip, deflate, br, zstd
agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36
keep-alive
`},
	{"node client, POST", nodePost, `POST /socket.io/?EIO=4&transport=polling&t=PqZx1aC&sid=Jk2Xw9cN0oUvAAAB 1.1
path=/socket.io/
query=EIO=4&transport=polling&t=PqZx1aC&sid=Jk2Xw9cN0oUvAAAB
host=localhost:3000
type=text/plain;charset=UTF-8
agent=node-XMLHttpRequest
length=2
keep-alive
`},
	{"node client, upgrade", nodeUpgrade, `GET /socket.io/?EIO=4&transport=websocket&sid=Jk2Xw9cN0oUvAAAB 1.1
path=/socket.io/
query=EIO=4&transport=websocket&sid=Jk2Xw9cN0oUvAAAB
host=localhost:3000
upgrade=websocket
key=w4v7O6xFTi36lq3RNcgctw==
version=13
extensions=permessage-deflate; client_max_window_bits
keep-alive
connection-upgrade
upgrade-websocket
`},
	{"RFC 6455, section 1.2", crlf(`GET /chat HTTP/1.1
Host: server.example.com
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Origin: http://example.com
Sec-WebSocket-Protocol: chat, superchat
Sec-WebSocket-Version: 13

`), `GET /chat 1.1
path=/chat
host=server.example.com
origin=http://example.com
upgrade=websocket
key=dGhlIHNhbXBsZSBub25jZQ==
version=13
protocol=chat, superchat
keep-alive
connection-upgrade
upgrade-websocket
`},
	{"preflight", crlf(`OPTIONS /socket.io/?EIO=4 HTTP/1.1
Host: a
Origin: https://b
Access-Control-Request-Method: POST

`), "OPTIONS /socket.io/?EIO=4 1.1\npath=/socket.io/\nquery=EIO=4\nhost=a\norigin=https://b\nkeep-alive\n"},

	// Versions and persistence.
	{"1.0 without a field", "GET / HTTP/1.0\r\n\r\n", "GET / 1.0\npath=/\n"},
	{"1.0, keep-alive", crlf("GET / HTTP/1.0\nConnection: Keep-Alive\n\n"), "GET / 1.0\npath=/\nkeep-alive\n"},
	{"1.0, keep-alive and close", crlf("GET / HTTP/1.0\nConnection: keep-alive, close\n\n"), "GET / 1.0\npath=/\n"},
	{"1.0 ignores upgrade and expect", crlf("GET / HTTP/1.0\nConnection: upgrade\nUpgrade: websocket\nExpect: magic\n\n"), "GET / 1.0\npath=/\n"},
	{"close among others", crlf("GET / HTTP/1.1\nHost: a\nConnection: TE,\t CLOSE ,x\n\n"), "GET / 1.1\npath=/\nhost=a\n"},
	{"lists over several lines", crlf("GET / HTTP/1.1\nHost: a\nConnection: foo\nUpgrade: h2c\nConnection: upgrade\nUpgrade: WebSocket\n\n"),
		"GET / 1.1\npath=/\nhost=a\nupgrade=h2c\nkeep-alive\nconnection-upgrade\nupgrade-websocket\n"},
	{"upgrade to nothing", crlf("GET / HTTP/1.1\nHost: a\nConnection: upgrade\n\n"), "GET / 1.1\npath=/\nhost=a\nkeep-alive\n"},
	{"upgrade to an empty list", crlf("GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade:\n\n"), "GET / 1.1\npath=/\nhost=a\nupgrade=\nkeep-alive\n"},
	{"upgrade behind an empty line", crlf("GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade:\nUpgrade: h2c\n\n"),
		"GET / 1.1\npath=/\nhost=a\nupgrade=h2c\nkeep-alive\nconnection-upgrade\n"},
	{"upgrade to a version is not websocket", crlf("GET / HTTP/1.1\nHost: a\nUpgrade: websocket/13\n\n"), "GET / 1.1\npath=/\nhost=a\nupgrade=websocket/13\nkeep-alive\n"},

	// Targets.
	{"absolute-form", crlf("GET http://h.example:80/p?q HTTP/1.1\nHost: other\n\n"), "GET http://h.example:80/p?q 1.1\npath=/p\nquery=q\nhost=h.example:80\nkeep-alive\n"},
	{"absolute-form, no path", crlf("GET HTTPS://h HTTP/1.1\nHost: h\n\n"), "GET HTTPS://h 1.1\npath=/\nhost=h\nkeep-alive\n"},
	{"absolute-form, query only", crlf("GET http://h?a=/ HTTP/1.1\nHost: h\n\n"), "GET http://h?a=/ 1.1\npath=/\nquery=a=/\nhost=h\nkeep-alive\n"},
	{"asterisk-form", crlf("OPTIONS * HTTP/1.1\nHost: a\n\n"), "OPTIONS * 1.1\npath=*\nhost=a\nkeep-alive\n"},
	{"authority-form", crlf("CONNECT h.example:443 HTTP/1.1\nHost: h.example:443\n\n"), "CONNECT h.example:443 1.1\nhost=h.example:443\n"},
	{"path stays raw", crlf("GET //socket.io/%2e%2E/..;/ HTTP/1.1\nHost: a\n\n"), "GET //socket.io/%2e%2E/..;/ 1.1\npath=//socket.io/%2e%2E/..;/\nhost=a\nkeep-alive\n"},
	{"two question marks", crlf("GET /?a?b=%zz| HTTP/1.1\nHost: a\n\n"), "GET /?a?b=%zz| 1.1\npath=/\nquery=a?b=%zz|\nhost=a\nkeep-alive\n"},
	{"empty query", crlf("GET /? HTTP/1.1\nHost: a\n\n"), "GET /? 1.1\npath=/\nquery=\nhost=a\nkeep-alive\n"},
	{"lower-case method", crlf("get / HTTP/1.1\nHost: a\n\n"), "get / 1.1\npath=/\nhost=a\nkeep-alive\n"},

	// Fields.
	{"values are trimmed, may be empty", crlf("GET / HTTP/1.1\nhOST: \t a \t\nOrigin:\nUser-Agent: \t\nX:y\n\n"), "GET / 1.1\npath=/\nhost=a\norigin=\nagent=\nkeep-alive\n"},
	{"tabs and high bytes in a value", crlf("GET / HTTP/1.1\nHost: a\nUser-Agent: a\tb\t\tc\td\te\tf \xff\xe9 g\n\n"), "GET / 1.1\npath=/\nhost=a\nagent=a\tb\t\tc\td\te\tf \xff\xe9 g\nkeep-alive\n"},
	{"first of several", crlf("GET / HTTP/1.1\nHost: a\nContent-Type: b\nContent-Type: c\nIf-None-Match: \"d\"\nSec-WebSocket-Protocol: e\nSec-WebSocket-Protocol: f\n\n"),
		"GET / 1.1\npath=/\nhost=a\ntype=b\nnone-match=\"d\"\nprotocol=e\nkeep-alive\n"},
	{"a name that begins as a known one", crlf("GET / HTTP/1.1\nHost: a\nSec-WebSocket-Extensionsx: b\nHostx: c\nConten-Length: 1\n\n"), "GET / 1.1\npath=/\nhost=a\nkeep-alive\n"},

	// Bodies.
	{"length with zeros", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 007\n\n"), "POST / 1.1\npath=/\nhost=a\nlength=7\nkeep-alive\n"},
	{"greatest length", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 9223372036854775807\n\n"), "POST / 1.1\npath=/\nhost=a\nlength=9223372036854775807\nkeep-alive\n"},
	{"chunked", crlf("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: Chunked\n\n"), "POST / 1.1\npath=/\nhost=a\nchunked\nkeep-alive\n"},
	{"expectation", crlf("POST / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-Continue\n\n"), "POST / 1.1\npath=/\nhost=a\nlength=5\nexpect-100\nkeep-alive\n"},
}

var (
	browserPoll = crlf(`GET /socket.io/?EIO=4&transport=polling&t=PqZx1aB&sid=Jk2Xw9cN0oUvAAAB HTTP/1.1
Host: play.example.com:3000
Connection: keep-alive
sec-ch-ua: "Not/A)Brand";v="8", "Chromium";v="126", "Google Chrome";v="126"
Accept: */*
sec-ch-ua-mobile: ?0
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36
sec-ch-ua-platform: "Linux"
Origin: https://play.example.com
Sec-Fetch-Site: same-site
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: https://play.example.com/
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-GB,en;q=0.9

`)
	nodePost = crlf(`POST /socket.io/?EIO=4&transport=polling&t=PqZx1aC&sid=Jk2Xw9cN0oUvAAAB HTTP/1.1
User-Agent: node-XMLHttpRequest
Accept: */*
Content-type: text/plain;charset=UTF-8
Host: localhost:3000
Content-Length: 2
Connection: keep-alive

`)
	nodeUpgrade = crlf(`GET /socket.io/?EIO=4&transport=websocket&sid=Jk2Xw9cN0oUvAAAB HTTP/1.1
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: w4v7O6xFTi36lq3RNcgctw==
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
Host: localhost:3000

`)
)

// with is a well-formed POST of HTTP/1.1 with more field lines.
func with(lines string) string {
	return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n"
}

// badHeads pairs heads with the error that refuses them. A case that needs more
// than its bytes to be refused would hang, so each holds a whole head, or
// enough to be refused before.
var badHeads = []struct {
	name string
	wire string
	want error
}{
	// Not HTTP.
	{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ErrRequestLine},
	{"NUL", "\x00", ErrRequestLine},
	{"empty line first", "\r\nGET / HTTP/1.1\r\n", ErrRequestLine},
	{"bare LF first", "\nGET / HTTP/1.1\r\n", ErrRequestLine},
	{"SSH", "SSH-2.0-OpenSSH_9.6\r\n", ErrRequestLine},
	{"text without a blank", strings.Repeat("A", maxMethod+1), ErrRequestLine},
	{"HTTP/0.9", "GET /\r\n", ErrRequestLine},
	{"no method", " / HTTP/1.1\r\n", ErrRequestLine},
	{"method that is no token", "G(T / HTTP/1.1\r\n", ErrRequestLine},
	{"two blanks", "GET  / HTTP/1.1\r\n", ErrRequestLine},
	{"two blanks before the version", "GET /  HTTP/1.1\r\n", ErrRequestLine},
	{"tab for blank", "GET\t/ HTTP/1.1\r\n", ErrRequestLine},
	{"blank in the target", "GET /a b HTTP/1.1\r\n", ErrRequestLine},
	{"blank behind the version", "GET / HTTP/1.1 \r\n", ErrRequestLine},
	{"control byte in the target", "GET /a\x01 HTTP/1.1\r\n", ErrRequestLine},
	{"DEL in the target", "GET /a\x7f HTTP/1.1\r\n", ErrRequestLine},
	{"fragment", "GET /a#b HTTP/1.1\r\n", ErrRequestLine},

	// Versions.
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ErrVersion},
	{"HTTP/2.0", "GET / HTTP/2.0\r\n", ErrVersion},
	{"HTTP/9.9", "GET / HTTP/9.9\r\n", ErrVersion},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n", ErrVersion},
	{"HTTP/0.9 in words", "GET / HTTP/0.9\r\n", ErrVersion},
	{"lower-case version", "GET / http/1.1\r\n", ErrRequestLine},
	{"version of two digits", "GET / HTTP/1.10\r\n", ErrRequestLine},
	{"version without minor", "GET / HTTP/1\r\n", ErrRequestLine},
	{"another protocol", "GET / HTPT/1.1\r\n", ErrRequestLine},

	// Targets.
	{"relative", "GET a HTTP/1.1\r\n", ErrTarget},
	{"asterisk with GET", "GET * HTTP/1.1\r\n", ErrTarget},
	{"other scheme", "GET ftp://h/ HTTP/1.1\r\n", ErrTarget},
	{"scheme without authority", "GET http:/p HTTP/1.1\r\n", ErrTarget},
	{"empty authority", "GET http:///p HTTP/1.1\r\n", ErrTarget},
	{"user information", "GET http://u:p@h/ HTTP/1.1\r\n", ErrTarget},
	{"port that is none", "GET http://h:x/ HTTP/1.1\r\n", ErrTarget},
	{"CONNECT to a path", "CONNECT /socket.io/ HTTP/1.1\r\n", ErrTarget},
	{"CONNECT without port", "CONNECT h HTTP/1.1\r\n", ErrTarget},
	{"bad escape in the path", "GET /%zz HTTP/1.1\r\n", ErrTarget},
	{"cut escape in the path", "GET /%4?a HTTP/1.1\r\n", ErrTarget},
	{"target too long", "GET /" + strings.Repeat("a", DefaultTarget) + " HTTP/1.1\r\n", ErrTargetTooLong},

	// Lines.
	{"LF ends the request line", "GET / HTTP/1.1\nHost: a\n\n", ErrLineEnding},
	{"LF ends a field line", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", ErrLineEnding},
	{"LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n", ErrLineEnding},
	{"LF at once", "GET / HTTP/1.1\r\n\nHost: a\r\n\r\n", ErrLineEnding},
	{"CR in the request line", "GET /\r HTTP/1.1\r\n", ErrRequestLine},
	{"CR in a value", with("X: a\rb"), ErrLineEnding},
	{"CR before a name", with("\rX: a"), ErrLineEnding},
	{"CR in a name", with("X\r: a"), ErrLineEnding},
	{"CR CR LF", with("X: a\r"), ErrLineEnding},

	// Field syntax.
	{"folded by a blank", with("X: a\r\n b"), ErrField},
	{"folded by a tab", with("X: a\r\n\tb"), ErrField},
	{"blank before the first name", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", ErrField},
	{"blank before the colon", with("Content-Length : 5"), ErrField},
	{"tab before the colon", with("Transfer-Encoding\t: chunked"), ErrField},
	{"no colon", with("Content-Length 5"), ErrField},
	{"name only", with("X"), ErrField},
	{"empty name", with(": a"), ErrField},
	{"blank in a name", with("X Y: a"), ErrField},
	{"bracket in a name", with("X[]: a"), ErrField},
	{"high byte in a name", with("X\xe9: a"), ErrField},
	{"NUL in a name", with("X\x00: a"), ErrField},
	{"NUL in a value", with("X: a\x00b"), ErrField},
	{"DEL in a value", with("X: a\x7f"), ErrField},
	{"control byte in Origin", with("Origin: http://\x01b"), ErrField},
	{"VT in a long value", with("X: 0123456789abcdef\v0123456789"), ErrField},

	// Fields that come once.
	{"two Origins", with("Origin: http://b\r\nOrigin: http://c"), ErrDuplicateField},
	{"two keys", with("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: a"), ErrDuplicateField},
	{"two versions", with("Sec-WebSocket-Version: 13\r\nsec-websocket-version: 8"), ErrDuplicateField},

	// Host.
	{"no Host", "GET / HTTP/1.1\r\n\r\n", ErrHost},
	{"no Host, absolute-form", "GET http://h/ HTTP/1.1\r\n\r\n", ErrHost},
	{"two Hosts", with("Host: a"), ErrHost},
	{"two Hosts on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", ErrHost},
	{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", ErrHost},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", ErrHost},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", ErrHost},
	{"Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ErrHost},
	{"two Hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", ErrHost},
	{"malformed Host beside absolute-form", "GET http://h/ HTTP/1.1\r\nHost: a/b\r\n\r\n", ErrHost},

	// Content-Length.
	{"length twice, differing", with("Content-Length: 5\r\nContent-Length: 6"), ErrContentLength},
	{"length twice, the same", with("Content-Length: 5\r\nContent-Length: 5"), ErrContentLength},
	{"length listed", with("Content-Length: 5, 5"), ErrContentLength},
	{"length with plus", with("Content-Length: +5"), ErrContentLength},
	{"length with minus", with("Content-Length: -5"), ErrContentLength},
	{"length in hex", with("Content-Length: 0x5"), ErrContentLength},
	{"length with underscore", with("Content-Length: 1_0"), ErrContentLength},
	{"length with fraction", with("Content-Length: 5.0"), ErrContentLength},
	{"length with exponent", with("Content-Length: 1e3"), ErrContentLength},
	{"length with a blank inside", with("Content-Length: 1 0"), ErrContentLength},
	{"length blank", with("Content-Length: "), ErrContentLength},
	{"length of 2^63", with("Content-Length: 9223372036854775808"), ErrContentLength},
	{"length of 2^64+5", with("Content-Length: 18446744073709551621"), ErrContentLength},

	// Transfer-Encoding.
	{"CL, TE", with("Content-Length: 5\r\nTransfer-Encoding: chunked"), ErrLengthConflict},
	{"TE, CL", with("Transfer-Encoding: chunked\r\nContent-Length: 5"), ErrLengthConflict},
	{"CL of 0, TE", with("Content-Length: 0\r\nTransfer-Encoding: chunked"), ErrLengthConflict},
	{"TE twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), ErrTransferEncoding},
	{"TE twice, one other", with("Transfer-Encoding: chunked\r\nTransfer-encoding: identity"), ErrTransferEncoding},
	{"TE on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", ErrTransferEncoding},
	{"TE on 1.0, unknown", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", ErrTransferEncoding},
	{"TE empty", with("Transfer-Encoding: "), ErrTransferEncoding},
	{"TE quoted", with(`Transfer-Encoding: "chunked"`), ErrTransferEncoding},
	{"TE with parameter", with("Transfer-Encoding: chunked;a=b"), ErrTransferEncoding},
	{"TE with VT", with("Transfer-Encoding: \vchunked"), ErrField},
	{"TE with VT behind", with("Transfer-Encoding: chunked\v"), ErrField},
	{"TE chunked twice", with("Transfer-Encoding: chunked, chunked"), ErrTransferEncoding},
	{"TE chunked first", with("Transfer-Encoding: chunked, identity"), ErrTransferEncoding},
	{"TE with empty element", with("Transfer-Encoding: chunked,"), ErrTransferEncoding},
	{"TE xchunked", with("Transfer-Encoding: xchunked"), ErrTransferCoding},
	{"TE gzip, chunked", with("Transfer-Encoding: gzip, chunked"), ErrTransferCoding},
	{"TE identity", with("Transfer-Encoding: identity"), ErrTransferCoding},

	// Others.
	{"unknown expectation", with("Expect: magic"), ErrExpectation},
	{"one expectation known, one not", with("Expect: 100-continue\r\nExpect: magic"), ErrExpectation},
	{"header of 1 MiB", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", DefaultHeadBytes), ErrHeadTooLarge},
	{"10 000 headers", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: a\r\n", 10_000), ErrTooManyFields},
	{"1 500 empty headers and an upgrade", nodeUpgrade[:len(nodeUpgrade)-2] + strings.Repeat(":\r\n", 1500) + "\r\n", ErrTooManyFields},
}

func TestErrorsSayWhatToAnswer(t *testing.T) {
	for _, tc := range []struct {
		err  *Error
		want int
	}{
		{ErrRequestLine, 400}, {ErrTarget, 400}, {ErrTargetTooLong, 414}, {ErrVersion, 505},
		{ErrHeadTooLarge, 431}, {ErrTooManyFields, 431}, {ErrLineEnding, 400}, {ErrField, 400},
		{ErrDuplicateField, 400}, {ErrHost, 400}, {ErrContentLength, 400}, {ErrTransferEncoding, 400},
		{ErrTransferCoding, 501}, {ErrLengthConflict, 400}, {ErrExpectation, 417},
		{ErrBodyTooLarge, 413}, {ErrChunk, 400}, {ErrTrailer, 400},
	} {
		if tc.err.Status != tc.want || !strings.HasSuffix(tc.err.Error(), tc.err.Text) {
			t.Errorf("%v: status %d, want %d", tc.err, tc.err.Status, tc.want)
		}
	}
}
