package json_test

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/e6a90ca8/sio/codec/json"
)

// A picture leaves the text on the way out and is back in its field on the way in.
func Example() {
	const mark = `{"_placeholder":true,"num":`
	codec := json.Codec{
		AppendPlaceholder: func(dst []byte, num int) []byte {
			return append(strconv.AppendInt(append(dst, mark...), int64(num), 10), '}')
		},
		Placeholder: func(object []byte) (int, bool) {
			digits, ok := bytes.CutPrefix(object, []byte(mark))
			if !ok {
				return 0, false
			}
			num, err := json.Int(digits[:len(digits)-1])
			return int(num), err == nil
		},
	}
	type upload struct {
		Name    string `json:"name"`
		Picture []byte `json:"picture"`
	}

	var bin json.Attachments
	text, err := codec.Append(nil, upload{"cat.png", []byte{0x89, 'P', 'N', 'G'}}, &bin)
	fmt.Printf("%s %v\n", text, err)
	fmt.Printf("%q\n", bin.Chunks)

	var got upload
	err = codec.Decode(text, &got, bin.Chunks)
	fmt.Printf("%+q %v\n", got, err)
	// Output:
	// {"name":"cat.png","picture":{"_placeholder":true,"num":0}} <nil>
	// ["\x89PNG"]
	// {"cat.png" "\x89PNG"} <nil>
}
