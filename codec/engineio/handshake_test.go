package engineio

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAppendHandshake(t *testing.T) {
	for _, tc := range []struct {
		name string
		h    Handshake
		want string
	}{
		// From the protocol document, "Handshake".
		{"of the document", Handshake{
			SID:          "lv_VI97HAXpY6yYWAAAC",
			Upgrades:     []string{"websocket"},
			PingInterval: 25 * time.Second,
			PingTimeout:  20 * time.Second,
			MaxPayload:   1_000_000,
		}, `{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`},

		// Ours.
		{"no upgrades are an array", Handshake{SID: "a"}, `{"sid":"a","upgrades":[],"pingInterval":0,"pingTimeout":0,"maxPayload":0}`},
		{"two upgrades", Handshake{SID: "a", Upgrades: []string{"websocket", "webtransport"}, PingInterval: 300 * time.Millisecond, PingTimeout: 1999 * time.Microsecond, MaxPayload: 1},
			`{"sid":"a","upgrades":["websocket","webtransport"],"pingInterval":300,"pingTimeout":1,"maxPayload":1}`},
		{"strings of an application", Handshake{SID: "\"\\/\b\f\n\r\t\x00\x1e\x1f\x7f\u20ac\U0001f600\u2028\xff"},
			`{"sid":"\"\\/\b\f\n\r\t\u0000\u001e\u001f` + "\x7f\u20ac\U0001f600\u2028\ufffd" + `","upgrades":[],"pingInterval":0,"pingTimeout":0,"maxPayload":0}`},
	} {
		if got := AppendHandshake([]byte{byte(Open)}, &tc.h); string(got) != "0"+tc.want {
			t.Errorf("%s\n got %s\nwant 0%s", tc.name, got, tc.want)
		}
	}
}

func TestParseHandshake(t *testing.T) {
	for _, tc := range []struct {
		name string
		json string
		want Handshake
	}{
		{"of the document", `{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`,
			Handshake{SID: "lv_VI97HAXpY6yYWAAAC", Upgrades: []string{"websocket"}, PingInterval: 25 * time.Second, PingTimeout: 20 * time.Second, MaxPayload: 1_000_000}},
		{"other order, blanks, unknown keys", ` { "pingTimeout" : 1, "future" : {"a":[1]}, "upgrades" : [ ], "sid" : "\u0061" } `,
			Handshake{SID: "a", Upgrades: []string{}, PingTimeout: time.Millisecond}},
		{"sid alone", `{"sid":"a"}`, Handshake{SID: "a"}},
		{"longest time", `{"sid":"a","pingInterval":9223372036854}`, Handshake{SID: "a", PingInterval: 9223372036854 * time.Millisecond}},
	} {
		got, err := ParseHandshake([]byte(tc.json))
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: ParseHandshake(%s)\n got %+v, %v\nwant %+v", tc.name, tc.json, got, err, tc.want)
		}
	}
}

func TestParseHandshakeRefuses(t *testing.T) {
	for _, tc := range []struct{ name, json string }{
		{"empty", ``},
		{"type digit", `0{"sid":"a"}`},
		{"null", `null`},
		{"array", `[]`},
		{"cut", `{"sid":"a"`},
		{"no sid", `{"pingInterval":1}`},
		{"empty sid", `{"sid":""}`},
		{"sid not a string", `{"sid":1}`},
		{"upgrades not an array", `{"sid":"a","upgrades":"websocket"}`},
		{"negative interval", `{"sid":"a","pingInterval":-1}`},
		{"negative timeout", `{"sid":"a","pingTimeout":-1}`},
		{"interval past a Duration", `{"sid":"a","pingInterval":9223372036855}`},
		{"timeout past 64 bits", `{"sid":"a","pingTimeout":9223372036854775808}`},
		{"negative maxPayload", `{"sid":"a","maxPayload":-1}`},
		{"fraction", `{"sid":"a","maxPayload":0.5}`},
	} {
		if h, err := ParseHandshake([]byte(tc.json)); !errors.Is(err, ErrHandshake) || !reflect.DeepEqual(h, Handshake{}) {
			t.Errorf("%s: ParseHandshake(%s) = %+v, %v; want error %v", tc.name, tc.json, h, err, ErrHandshake)
		}
	}
}

// FuzzHandshake holds AppendHandshake to JSON that encoding/json reads back the
// same, whatever the strings are, and ParseHandshake to no panic on anything.
func FuzzHandshake(f *testing.F) {
	f.Add("lv_VI97HAXpY6yYWAAAC", "websocket", int64(25_000), int64(20_000), 1_000_000, []byte(`{"sid":"a"}`))
	f.Add("\"\\\x00\x1e\u20ac\u2028\xff", "", int64(0), int64(math.MaxInt64), 0, []byte(`{"sid":"a","pingInterval":-1}`))

	f.Fuzz(func(t *testing.T, sid, upgrade string, interval, timeout int64, payload int, wire []byte) {
		if h, err := ParseHandshake(wire); err != nil && !reflect.DeepEqual(h, Handshake{}) {
			t.Fatalf("ParseHandshake(%q) = %+v, %v", wire, h, err)
		}

		const most = math.MaxInt64 / int64(time.Millisecond)
		h := Handshake{
			SID:          sid,
			Upgrades:     []string{upgrade},
			PingInterval: time.Duration(interval&math.MaxInt64%most) * time.Millisecond,
			PingTimeout:  time.Duration(timeout&math.MaxInt64%most) * time.Millisecond,
			MaxPayload:   payload & math.MaxInt,
		}
		b := AppendHandshake(nil, &h)
		if !json.Valid(b) || !utf8.Valid(b) {
			t.Fatalf("AppendHandshake(%+v) = %q", h, b)
		}
		// What is not UTF-8 comes back as U+FFFD, byte by byte.
		h.SID, h.Upgrades[0] = string([]rune(sid)), string([]rune(upgrade))
		got, err := ParseHandshake(b)
		if sid == "" {
			if !errors.Is(err, ErrHandshake) {
				t.Fatalf("ParseHandshake(%q): %v", b, err)
			}
			return
		}
		if err != nil || !reflect.DeepEqual(got, h) {
			t.Fatalf("round trip\nfirst  %+v\nsecond %+v, %v", h, got, err)
		}
	})
}
