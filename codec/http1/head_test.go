package http1

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

// feed gives the pieces to ParseHead as a connection would: each time what has
// come so far, at a new address, with the bytes of the time before overwritten.
// It stops at a result or an error.
func feed(lim *Limits, pieces ...[]byte) (h Head, n int, err error) {
	var p Progress
	var have []byte
	for _, piece := range pieces {
		next := append(bytes.Clone(have), piece...)
		for i := range have {
			have[i] = '!'
		}
		have = next
		if h, n, err = ParseHead(have, &p, lim); n > 0 || err != nil {
			break
		}
	}
	if p.at != 0 && (n > 0 || err != nil) {
		panic("Progress is not back to zero")
	}
	return h, n, err
}

// outcome is a result of ParseHead as one comparable text.
func outcome(h Head, n int, err error) string {
	if n == 0 {
		if !reflect.DeepEqual(h, Head{}) {
			return fmt.Sprintf("a Head without a length: %+v", h)
		}
		return fmt.Sprintf("none, %v", err)
	}
	return fmt.Sprintf("%d bytes\n%s%q, %v", n, text(h), h.Raw, err)
}

// everyCut calls f with wire whole, in two pieces at every place, and byte by
// byte. f reports whether to go on.
func everyCut(wire []byte, f func(how string, pieces ...[]byte) bool) {
	if !f("whole", wire) {
		return
	}
	for i := 1; i < len(wire); i++ {
		if !f(fmt.Sprintf("cut at %d", i), wire[:i], wire[i:]) {
			return
		}
	}
	bytewise := make([][]byte, len(wire))
	for i := range wire {
		bytewise[i] = wire[i : i+1]
	}
	f("byte by byte", bytewise...)
}

func TestParseHead(t *testing.T) {
	for _, tc := range headCases {
		t.Run(tc.name, func(t *testing.T) {
			everyCut([]byte(tc.wire), func(how string, pieces ...[]byte) bool {
				h, n, err := feed(nil, pieces...)
				if err != nil || n != len(tc.wire) || string(h.Raw) != tc.wire {
					t.Errorf("%s: %d bytes, %v; want %d", how, n, err, len(tc.wire))
				} else if got := text(h); got != tc.want {
					t.Errorf("%s:\n%s\nwant\n%s", how, got, tc.want)
				}
				return !t.Failed()
			})
		})
	}
}

func TestParseHeadRefuses(t *testing.T) {
	for _, tc := range badHeads {
		t.Run(tc.name, func(t *testing.T) {
			wire := []byte(tc.wire)
			if len(wire) > 4<<10 { // enough of it to be refused; every cut is quadratic
				h, n, err := feed(nil, wire)
				if n != 0 || !errors.Is(err, tc.want) {
					t.Errorf("%s, want %v", outcome(h, n, err), tc.want)
				}
				return
			}
			everyCut(wire, func(how string, pieces ...[]byte) bool {
				h, n, err := feed(nil, pieces...)
				if n != 0 || !errors.Is(err, tc.want) {
					t.Errorf("%s: %s, want %v", how, outcome(h, n, err), tc.want)
				}
				return !t.Failed()
			})
		})
	}
}

// TestParseHeadIsSpecific keeps the cases of TestParseHeadRefuses honest: what
// they are built from is accepted.
func TestParseHeadIsSpecific(t *testing.T) {
	wire := []byte(with("X: a"))
	if h, n, err := feed(nil, wire); err != nil || n != len(wire) || h.ContentLength != -1 {
		t.Error(outcome(h, n, err))
	}
}

// TestParseHeadRefusesEarly checks that nothing is waited for that cannot make
// the head good: the last byte of each prefix is the first one that is refused.
func TestParseHeadRefusesEarly(t *testing.T) {
	for _, tc := range []struct {
		name   string
		prefix string
		want   error
	}{
		{"TLS hello", "\x16", ErrRequestLine},
		{"high byte", "\xff", ErrRequestLine},
		{"empty line first", "\r", ErrRequestLine},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n", ErrVersion},
		{"SSH", "SSH-2.0-OpenSSH_9.6\r", ErrRequestLine},
		{"memcached", "stats\r", ErrRequestLine},
		{"Redis", "PING\r", ErrRequestLine},
		{"text without a blank", strings.Repeat("A", maxMethod+1), ErrRequestLine},
		{"binary behind a method", "GET \x00", ErrRequestLine},
		{"another protocol", "GET / HTTPS", ErrRequestLine},
		{"endless target", "GET /" + strings.Repeat("a", DefaultTarget), ErrTargetTooLong},
		{"endless header", "GET / HTTP/1.1\r\nX: " + strings.Repeat("a", DefaultHeadBytes-len("GET / HTTP/1.1\r\nX: ")), ErrHeadTooLarge},
		{"endless headers", "GET / HTTP/1.1\r\n" + strings.Repeat("X:\r\n", DefaultFields+1), ErrTooManyFields},
		{"bare LF", "GET / HTTP/1.1\r\nHost: a\n", ErrLineEnding},
		{"bare LF in the request line", "GET / HTTP/1.1\n", ErrLineEnding},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := []byte(tc.prefix)
			last := len(wire) - 1
			if h, n, err := feed(nil, wire[:last]); n != 0 || err != nil {
				t.Errorf("one byte before: %s", outcome(h, n, err))
			}
			if h, n, err := feed(nil, wire[:last], wire[last:]); !errors.Is(err, tc.want) {
				t.Errorf("%s, want %v", outcome(h, n, err), tc.want)
			}
			if h, n, err := feed(nil, wire); !errors.Is(err, tc.want) {
				t.Errorf("whole: %s, want %v", outcome(h, n, err), tc.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	head := func(target, value, fields int) string {
		return "GET /" + strings.Repeat("t", target-1) + " HTTP/1.1\r\nHost: a\r\n" +
			strings.Repeat("X:\r\n", fields-2) + "V:" + strings.Repeat("v", value) + "\r\n\r\n"
	}
	const target, value, fields = 40, 50, 7
	size := len(head(target, value, fields))
	exact := Limits{HeadBytes: size, Fields: fields, Target: target}

	for _, tc := range []struct {
		name string
		wire string
		lim  *Limits
		want error
	}{
		{"all at the limit", head(target, value, fields), &exact, nil},
		{"target", head(target+1, value, fields), &exact, ErrTargetTooLong},
		{"head", head(target, value+1, fields), &exact, ErrHeadTooLarge},
		{"fields", head(target, value-len("X:\r\n"), fields+1), &exact, ErrTooManyFields},
		{"default target", head(DefaultTarget, 1, 2), nil, nil},
		{"default target, one more", head(DefaultTarget+1, 1, 2), &Limits{}, ErrTargetTooLong},
		{"default fields", head(1, 1, DefaultFields), &Limits{HeadBytes: -1, Fields: -1, Target: -1}, nil},
		{"default fields, one more", head(1, 1, DefaultFields+1), nil, ErrTooManyFields},
		{"default head", head(1, DefaultHeadBytes-len(head(1, 0, 2)), 2), nil, nil},
		{"default head, one more", head(1, DefaultHeadBytes-len(head(1, 0, 2))+1, 2), nil, ErrHeadTooLarge},
		{"greatest head", head(1, MaxHeadBytes-len(head(1, 0, 2)), 2), &Limits{HeadBytes: math.MaxInt}, nil},
		{"greatest head, one more", head(1, MaxHeadBytes-len(head(1, 0, 2))+1, 2), &Limits{HeadBytes: math.MaxInt}, ErrHeadTooLarge},
		{"target wider than the head", head(60, 1, 2), &Limits{HeadBytes: 50, Target: math.MaxInt}, ErrHeadTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wire := []byte(tc.wire)
			for _, pieces := range [][][]byte{{wire}, {wire[:len(wire)/2], wire[len(wire)/2:]}, {append(wire, "GET / HTTP/1.1\r\n"...)}} {
				_, n, err := feed(tc.lim, pieces...)
				if !errors.Is(err, tc.want) || tc.want == nil && n != len(tc.wire) {
					t.Errorf("in %d: %d bytes of %d, %v; want %v", len(pieces), n, len(tc.wire), err, tc.want)
				}
			}
		})
	}
}

// TestLimitsLowered checks heads that have grown past a limit lowered meanwhile.
func TestLimitsLowered(t *testing.T) {
	wire := []byte("GET /long/target HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
	for _, tc := range []struct {
		lim  Limits
		want error
	}{
		{Limits{Target: 11}, ErrTargetTooLong},
		{Limits{Fields: 1}, ErrTooManyFields},
	} {
		for cut := range wire {
			var p Progress
			if _, n, err := ParseHead(wire[:cut], &p, nil); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			if _, _, err := ParseHead(wire, &p, &tc.lim); !errors.Is(err, tc.want) {
				t.Errorf("cut at %d: %v, want %v", cut, err, tc.want)
			}
		}
	}
	for size := 1; size < len(wire); size++ {
		for cut := range wire {
			var p Progress
			if _, n, err := ParseHead(wire[:cut], &p, nil); n != 0 || err != nil {
				t.Fatal(n, err)
			}
			if _, n, err := ParseHead(wire, &p, &Limits{HeadBytes: size}); n != 0 || err != ErrHeadTooLarge && err != ErrTargetTooLong {
				t.Errorf("cut at %d, then %d bytes allowed: %d, %v", cut, size, n, err)
			}
		}
	}
}

func TestShorterHeadStartsOver(t *testing.T) {
	var p Progress
	if _, n, err := ParseHead([]byte("POST /elsewhere HTTP/1.1\r\nHost: ab"), &p, nil); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	wire := []byte("GET / HTTP/1.0\r\n\r\n")
	if h, n, err := ParseHead(wire, &p, nil); n != len(wire) || err != nil || string(h.Method) != "GET" {
		t.Error(outcome(h, n, err))
	}
}

// TestPipelined parses heads one behind the other from one slice, with one
// Progress, and checks that a head is cut off from what follows it.
func TestPipelined(t *testing.T) {
	var wire []byte
	for _, tc := range headCases {
		wire = append(wire, tc.wire...)
	}
	var p Progress
	for _, tc := range headCases {
		h, n, err := ParseHead(wire, &p, nil)
		if err != nil || n != len(tc.wire) || text(h) != tc.want {
			t.Fatalf("%s: %s", tc.name, outcome(h, n, err))
		}
		for _, view := range [][]byte{h.Raw, h.Method, h.Target, h.Host, h.Query, h.UserAgent} {
			_ = append(view, "overwritten"...)
		}
		wire = wire[n:]
	}
	if len(wire) != 0 {
		t.Errorf("%d bytes left", len(wire))
	}
}

// TestLinear checks the promise on heads that come byte by byte: the work for
// each new byte is bounded. What Progress says need not be looked at again is
// overwritten with what would be refused, and nobody notices.
func TestLinear(t *testing.T) {
	wire := []byte(head8K())
	carry := make([]byte, 0, len(wire))
	var p Progress
	for i, c := range wire[:len(wire)-1] {
		carry = append(carry, c)
		if c == '\n' { // the request line is read once more when it is whole
			copy(carry, wire)
		}
		if _, n, err := ParseHead(carry, &p, nil); n != 0 || err != nil {
			t.Fatal(i, n, err)
		}
		if again := len(carry) - int(p.at); again > maxMethod+len("HTTP/1.1\r\n") {
			t.Fatalf("after %d bytes, %d would be looked at again", len(carry), again)
		}
		// The method is looked at until the request line is whole, and a line
		// feed looks two bytes back.
		for j := len("GET "); j < int(p.at)-2; j++ {
			carry[j] = '\n'
		}
	}
}

// head8K is a head near the limits.
func head8K() string {
	return "GET /?" + strings.Repeat("a=b&", 1500) + " HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: "+strings.Repeat("y", 60)+"\r\n", 30) + "\r\n"
}

func TestField(t *testing.T) {
	raw := []byte(crlf("GET / HTTP/1.1\nHost: a\nX-Two: \t b c \nx-two: d\nEmpty:\nCookie: io=1; x:y\n\n"))
	h, _, err := ParseHead(raw, new(Progress), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, want string }{
		{"host", "a"}, {"HOST", "a"}, {"X-TWO", "b c"}, {"Empty", ""}, {"cookie", "io=1; x:y"},
	} {
		if got := h.Field(tc.name); got == nil || string(got) != tc.want {
			t.Errorf("Field(%q) = %q, want %q", tc.name, got, tc.want)
		}
	}
	for _, name := range []string{"", "hos", "hostx", "GET / HTTP/1.1", "a"} {
		if got := h.Field(name); got != nil {
			t.Errorf("Field(%q) = %q, want nil", name, got)
		}
	}

	var got []string
	for name, value := range Fields(h.Raw) {
		got = append(got, string(name)+"="+string(value))
	}
	want := []string{"Host=a", "X-Two=b c", "x-two=d", "Empty=", "Cookie=io=1; x:y"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Fields: %q, want %q", got, want)
	}
	for range Fields(h.Raw) {
		break // stopping early is no fault
	}
}

// TestFieldsOfOtherBytes checks that what is no head yields nothing and does
// not crash.
func TestFieldsOfOtherBytes(t *testing.T) {
	for _, raw := range []string{"", "x", "\n", "\r\n", "GET / HTTP/1.1\r\n", "a\n:b\r\n", "a\nb\n", "a\nb:c", "a\nb:c\n"} {
		for name, value := range Fields([]byte(raw)) {
			t.Errorf("Fields(%q) yields %q: %q", raw, name, value)
		}
		if got := Field([]byte(raw), "b"); got != nil {
			t.Errorf("Field(%q) = %q", raw, got)
		}
	}
}

func TestPersistence(t *testing.T) {
	for _, tc := range []struct {
		wire string
		want Connection
	}{
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ConnectionDefault},
		{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", ConnectionClose},
		{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", ConnectionKeepAlive},
		{"GET / HTTP/1.0\r\n\r\n", ConnectionClose},
		{"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", ConnectionClose},
	} {
		h, _, err := ParseHead([]byte(tc.wire), new(Progress), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Persistence(); got != tc.want {
			t.Errorf("%q: %d, want %d", tc.wire, got, tc.want)
		}
	}
}
