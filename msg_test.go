package sio

import (
	"bytes"
	"testing"

	"github.com/e6a90ca8/sio/codec/socketio"
)

// A message is a view of memory that is used again when its handler returns; what was
// decoded from it is the handler's to keep.
func TestDecodedBuffersOutliveTheMessage(t *testing.T) {
	for _, tc := range []struct{ name, data string }{
		{"plain", `["e",{"_placeholder":true,"num":0},{"in":[{"_placeholder":true,"num":1}]}]`},
		{"escaped", `["e",{"\u005fplaceholder":true,"num":0},{"in":[{"_place\u0068older":true,"num":1}]}]`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			parts := [][]byte{{1, 2, 3}, {4, 5}}
			m := Msg{data: []byte(tc.data), args: new(socketio.Args), first: 1, parts: parts, id: -1}
			if err := m.args.Parse(m.data); err != nil {
				t.Fatal(err)
			}
			var one []byte
			var two struct{ In []Binary }
			if err := m.Decode(0, &one); err != nil {
				t.Fatal(err)
			}
			if err := m.Decode(1, &two); err != nil {
				t.Fatal(err)
			}
			args, err := m.Args()
			if err != nil {
				t.Fatal(err)
			}
			if view, ok := m.Binary(0); !ok || &view[0] != &parts[0][0] {
				t.Error("Binary is no view of the message")
			}
			clear(parts[0])
			clear(parts[1])
			nested := args[1].(map[string]any)["in"].([]any)[0]
			for i, got := range [][]byte{one, two.In[0], args[0].([]byte), nested.([]byte)} {
				if want := [][]byte{{1, 2, 3}, {4, 5}, {1, 2, 3}, {4, 5}}[i]; !bytes.Equal(got, want) {
					t.Errorf("buffer %d is %v once the message was used again, want %v", i, got, want)
				}
			}
		})
	}
}
