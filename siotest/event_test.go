package siotest_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/e6a90ca8/sio/siotest"
)

func TestEvent(t *testing.T) {
	type pair struct {
		Name string `json:"name"`
		Data []byte `json:"data"`
	}
	c := siotest.Dial(t, newEcho(t), "/")
	emit(t, c, "echo", 7, pair{"n", []byte("abc")}, []byte("de"), nil)
	e := c.Next()
	if e.Name() != "echo" || e.Len() != 4 || e.WantsAck() {
		t.Errorf("name %q, %d arguments, wants an answer: %t", e.Name(), e.Len(), e.WantsAck())
	}
	if got, want := e.String(), `echo(7, {"name":"n","data":{"_placeholder":true,"num":0}}, <2 bytes: 6465>, null)`; got != want {
		t.Errorf("String() = %s\nwant %s", got, want)
	}
	for i, want := range []string{`7`, `{"name":"n","data":{"_placeholder":true,"num":0}}`, `{"_placeholder":true,"num":1}`, `null`} {
		if got := string(e.Raw(i)); got != want {
			t.Errorf("Raw(%d) = %s, want %s", i, got, want)
		}
	}
	for i := -1; i <= 4; i++ {
		b, ok := e.Binary(i)
		if want := i == 2; ok != want || ok && string(b) != "de" {
			t.Errorf("Binary(%d) = %q, %t", i, b, ok)
		}
	}
	if e.Raw(-1) != nil || e.Raw(4) != nil {
		t.Error("an argument that is not there has text")
	}

	var n int
	var p pair
	if err := e.Decode(0, &n); err != nil || n != 7 {
		t.Errorf("argument 0 decodes to %d, %v", n, err)
	}
	if err := e.Decode(1, &p); err != nil || p.Name != "n" || string(p.Data) != "abc" {
		t.Errorf("argument 1 decodes to %+v, %v", p, err)
	}
	if err := e.Decode(1, &n); err == nil {
		t.Error("an object was decoded to a number")
	}
	if err := e.Decode(4, &n); err == nil || err.Error() != "siotest: "+e.String()+" has no argument 4" {
		t.Errorf("argument 4: %v", err)
	}
	args, err := e.Args()
	if err != nil || len(args) != 4 || args[0] != 7. || args[3] != nil {
		t.Errorf("Args() = %v, %v", args, err)
	}
	if b, ok := args[2].([]byte); !ok || !bytes.Equal(b, []byte("de")) {
		t.Errorf("argument 2 is %v", args[2])
	}

	for _, tc := range []struct {
		args []any
		want bool
	}{
		{[]any{7, pair{"n", []byte("abc")}, []byte("de"), nil}, true},
		{[]any{7., map[string]any{"data": []byte("abc"), "name": "n"}, []byte("de"), json.RawMessage(" null ")}, true},
		{[]any{uint8(7), &pair{"n", []byte("abc")}, []byte("de"), (*int)(nil)}, true},
		{[]any{7, pair{"n", []byte("abd")}, []byte("de"), nil}, false},
		{[]any{7, pair{"n", []byte("abc")}, "de", nil}, false},
		{[]any{7, pair{"n", []byte("abc")}, []byte("de")}, false},
		{[]any{7, pair{"n", []byte("abc")}, []byte("de"), nil, nil}, false},
		{[]any{"7", pair{"n", []byte("abc")}, []byte("de"), nil}, false},
		{[]any{}, false},
		{[]any{func() {}}, false},
	} {
		if got := e.Is(tc.args...); got != tc.want {
			t.Errorf("Is(%v) = %t", tc.args, got)
		}
	}

	// A name that has to be unescaped, and a namespace with a long name.
	emit(t, c, "echo")
	if e := c.Next(); e.String() != "echo()" || !e.Is() {
		t.Errorf("got %v", e)
	}
}

func TestEventNames(t *testing.T) {
	srv := newEcho(t)
	c := siotest.Dial(t, srv, "/")
	for _, name := range []string{"", "a b", `q"\` + "\n\u2028\x00", "ä", "\U0001f600"} {
		emit(t, socket(t, srv, c), name, 1)
		if e := c.Next(); e.Name() != name || !e.Is(1) {
			t.Errorf("event %q came as %q", name, e.Name())
		}
	}
}
