package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// cutAt cuts b after each of the given lengths, as far as they go; a length of 0
// gives an empty piece.
func cutAt(b, lengths []byte) [][]byte {
	var pieces [][]byte
	for _, n := range lengths {
		if len(b) == 0 {
			break
		}
		n := min(int(n), len(b))
		pieces = append(pieces, b[:n])
		b = b[n:]
	}
	return append(pieces, b)
}

// FuzzHead holds ParseHead to four promises on any input: it does not panic; it
// does not write to its input; in pieces it finds the same as in one; and what
// it accepts, net/http accepts too and reads in the same way. The exceptions
// stand in refusedByNetHTTP and readAsNetHTTP.
func FuzzHead(f *testing.F) {
	for _, tc := range headCases {
		f.Add([]byte(tc.wire), []byte{1, 20, 3})
	}
	for _, tc := range badHeads {
		f.Add([]byte(tc.wire), []byte{17, 1, 0, 1})
	}
	lim := &Limits{HeadBytes: 2000, Fields: 20, Target: 200} // so that fuzzing meets them
	f.Fuzz(func(t *testing.T, wire, cuts []byte) {
		before := bytes.Clone(wire)
		h, n, err := ParseHead(wire, new(Progress), lim)
		if !bytes.Equal(wire, before) {
			t.Fatalf("ParseHead wrote to its input: %q became %q", before, wire)
		}
		whole := outcome(h, n, err)
		if inPieces := outcome(feed(lim, cutAt(wire, cuts)...)); inPieces != whole {
			t.Fatalf("whole: %s\nin pieces: %s", whole, inPieces)
		}
		if n == 0 {
			return
		}
		if n > 2000 || len(h.Target) > 200 {
			t.Fatalf("past the limits: %s", whole)
		}
		readAsNetHTTP(t, h)
	})
}

// refusedByNetHTTP reports whether net/http is known to refuse h. It refuses a
// chunked request that announces framing fields as trailers; trailers are
// nothing but dropped here.
func refusedByNetHTTP(h Head, err error) bool {
	return h.Chunked && h.Field("Trailer") != nil && strings.Contains(err.Error(), "bad trailer key")
}

func readAsNetHTTP(t *testing.T, h Head) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(h.Raw)))
	if err != nil {
		if !refusedByNetHTTP(h, err) {
			t.Fatalf("net/http: %v\n%q", err, h.Raw)
		}
		return
	}
	if r.Method != string(h.Method) || r.RequestURI != string(h.Target) || r.Host != string(h.Host) || r.ProtoMinor != int(h.Minor) {
		t.Errorf("net/http: %q %q %q %d\n%s", r.Method, r.RequestURI, r.Host, r.ProtoMinor, text(h))
	}
	if chunked := len(r.TransferEncoding) > 0; chunked != h.Chunked || !chunked && r.ContentLength != max(h.ContentLength, 0) {
		t.Errorf("net/http: length %d, %q\n%s", r.ContentLength, r.TransferEncoding, text(h))
	}
	// CONNECT is closed here on top of what net/http says.
	if r.Close == h.KeepAlive && r.Method != "CONNECT" {
		t.Errorf("net/http: close %t\n%s", r.Close, text(h))
	}

	// An origin without a path is "/" here and "" there.
	if path := string(h.Path); r.Method != "CONNECT" && path != r.URL.EscapedPath() && !(path == "/" && r.URL.Path == "") {
		if decoded, err := url.PathUnescape(path); err != nil || decoded != r.URL.Path {
			t.Errorf("net/http: path %q\n%s", r.URL.Path, text(h))
		}
	}
	if r.Method != "CONNECT" && r.URL.RawQuery != string(h.Query) {
		t.Errorf("net/http: query %q\n%s", r.URL.RawQuery, text(h))
	}

	fields := http.Header{}
	for name, value := range Fields(h.Raw) {
		fields.Add(string(name), string(value))
	}
	// What net/http takes out, and the Cache-Control that it puts beside Pragma.
	for _, name := range []string{"Host", "Transfer-Encoding", "Trailer", "Cache-Control"} {
		fields.Del(name)
		r.Header.Del(name)
	}
	if !reflect.DeepEqual(r.Header, fields) {
		t.Errorf("net/http: %q\nFields: %q", r.Header, fields)
	}
	for name, values := range fields {
		if got := h.Field(name); got == nil || string(got) != values[0] {
			t.Errorf("Field(%q) = %q, want %q", name, got, values[0])
		}
	}
}

// FuzzBody holds Body to five promises on any input: it does not panic or write
// to its input; in pieces it finds the same as in one; it does not pass its
// limit; what it takes for a whole chunked body, net/http takes for one of the
// same content and end; and what net/http takes for one, it does not wait for.
func FuzzBody(f *testing.F) {
	for _, tc := range bodyCases {
		f.Add([]byte(tc.wire+tc.rest), []byte{1, 2, 3}, int32(tc.length), uint16(1000))
	}
	for _, tc := range badBodies {
		f.Add([]byte(tc.wire), []byte{2, 0, 1}, int32(-1), uint16(10))
	}
	f.Fuzz(func(t *testing.T, wire, cuts []byte, length int32, limit uint16) {
		h := Head{Chunked: length < 0, ContentLength: max(int64(length), -1)}
		b, err := NewBody(&h, int64(limit))
		if err != nil {
			if h.Chunked || int64(length) <= int64(limit) {
				t.Fatalf("NewBody(%d, %d): %v", length, limit, err)
			}
			return
		}
		split, view := b, b

		before := bytes.Clone(wire)
		out, rest, done, err := decode(&b, nil, wire)
		if !bytes.Equal(wire, before) {
			t.Fatalf("Next wrote to its input: %q became %q", before, wire)
		}
		if len(out) > int(limit) {
			t.Fatalf("%d bytes from a limit of %d", len(out), limit)
		}
		if view, ok := view.Whole(wire); ok && (!done || !bytes.Equal(view, out)) {
			t.Fatalf("Whole: %q, Next: %q, %t", view, out, done)
		}

		outPieces, restPieces, donePieces, errPieces := decode(&split, nil, cutAt(wire, cuts)...)
		if !bytes.Equal(out, outPieces) || done != donePieces || err != errPieces || done && !bytes.Equal(rest, restPieces) || b != split {
			t.Fatalf("whole: %q, rest %q, %t, %v\nin pieces: %q, rest %q, %t, %v", out, rest, done, err, outPieces, restPieces, donePieces, errPieces)
		}
		if !h.Chunked {
			if want := min(len(wire), int(length)); !bytes.Equal(out, wire[:want]) || done != (want == int(length)) || err != nil {
				t.Fatalf("%d bytes of %q: %q, %t, %v", length, wire, out, done, err)
			}
			return
		}

		stream := bufio.NewReader(io.MultiReader(strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"), bytes.NewReader(wire)))
		r, errHTTP := http.ReadRequest(stream)
		if errHTTP != nil {
			t.Fatal(errHTTP)
		}
		outHTTP, errHTTP := io.ReadAll(r.Body)
		switch {
		case done && errHTTP != nil:
			// net/http has a budget for extensions and leading zeros that ours,
			// the limit, can be wider than.
			if !strings.Contains(errHTTP.Error(), "too much non-data") {
				t.Fatalf("done with %q, net/http: %v", out, errHTTP)
			}
		case done:
			restHTTP, _ := io.ReadAll(stream)
			if !bytes.Equal(out, outHTTP) || !bytes.Equal(rest, restHTTP) {
				t.Fatalf("%q, rest %q\nnet/http: %q, rest %q", out, rest, outHTTP, restHTTP)
			}
		case err == nil && errHTTP == nil:
			t.Fatalf("waits for more behind %q, net/http is done with %q", wire, outHTTP)
		}
	})
}

// FuzzQuery holds the query functions to three promises: they do not panic or
// write to their input, what url.QueryEscape makes comes back, and queries
// that net/url takes are read as it reads them.
func FuzzQuery(f *testing.F) {
	for _, tc := range queryCases {
		f.Add(tc.query, tc.key, tc.want)
	}
	f.Fuzz(func(t *testing.T, query, key, value string) {
		pair := query + "&" + url.QueryEscape(key) + "=" + url.QueryEscape(value)
		wire := []byte(pair)
		if got, ok := QueryValue(nil, wire, key); !ok || string(got) != value {
			t.Errorf("QueryValue(%q, %q) = %q, %t; want %q", wire, key, got, ok, value)
		}
		last := map[string]string{}
		for k, v := range QueryPairs(wire) {
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				t.Errorf("QueryPairs(%q) yields %q, %q", wire, k, v)
			}
			last[k] = v
		}
		if got := last[strings.ToValidUTF8(key, "\uFFFD")]; got != strings.ToValidUTF8(value, "\uFFFD") {
			t.Errorf("QueryPairs(%q) ends with %q = %q", wire, key, got)
		}
		if string(wire) != pair {
			t.Fatalf("the query became %q, was %q", wire, pair)
		}

		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		for k, v := range values {
			if got, ok := QueryValue(nil, []byte(query), k); !ok || string(got) != v[len(v)-1] {
				t.Errorf("QueryValue(%q, %q) = %q, %t; net/url: %q", query, k, got, ok, v)
			}
		}
		if _, ok := QueryValue(nil, []byte(query), key); ok != values.Has(key) {
			t.Errorf("QueryValue(%q, %q): %t", query, key, ok)
		}
	})
}

// FuzzList compares the list functions with plainer ones.
func FuzzList(f *testing.F) {
	f.Add("keep-alive, Upgrade", "upgrade")
	f.Add(" ,\t,gzip;q=0.5,*;q=0", "gzip")
	f.Add("chat, superchat", "superchat")
	f.Fuzz(func(t *testing.T, list, token string) {
		elements := strings.Split(list, ",")
		for i, e := range elements {
			elements[i] = strings.Trim(e, " \t")
		}
		ascii := !strings.ContainsFunc(list+token, func(r rune) bool { return r >= utf8.RuneSelf })
		want := slices.ContainsFunc(elements, func(e string) bool { return strings.EqualFold(e, token) })
		if got := ListHasToken([]byte(list), token); got != want && ascii && token != "" {
			t.Errorf("ListHasToken(%q, %q) = %t", list, token, got)
		}
		if got := FirstToken([]byte(list)); got != nil && (!ValidFieldName(string(got)) || !slices.Contains(elements, string(got))) {
			t.Errorf("FirstToken(%q) = %q", list, got)
		}
		named := strings.Contains(list, "*") || strings.Contains(strings.ToLower(list), strings.ToLower(token))
		if PreferredEncoding([]byte(list), token) == 0 && !named && ascii {
			t.Errorf("PreferredEncoding(%q, %q)", list, token)
		}
	})
}
