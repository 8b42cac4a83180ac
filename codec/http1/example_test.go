package http1_test

import (
	"fmt"

	"github.com/e6a90ca8/sio/codec/http1"
)

// A connection keeps what it cannot use yet, and hands it in again with what
// has come since.
func Example() {
	var (
		carry    []byte // bytes that belong to no whole head or body yet
		progress http1.Progress
		body     http1.Body
		content  []byte
		inBody   bool
	)
	for _, read := range []string{
		"POST /socket.io/?EIO=4&sid=abc HTTP/1.1\r\nHost: a\r\nTransfer-Enc",
		"oding: chunked\r\n\r\n2\r\n40\r",
		"\n0\r\n\r\nGET /socket.io/?EIO=4&sid=abc HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		carry = append(carry, read...)
		for {
			if !inBody {
				head, n, err := http1.ParseHead(carry, &progress, nil)
				if err != nil {
					fmt.Println(err)
					return
				}
				if n == 0 {
					break
				}
				sid, _ := http1.QueryValue(nil, head.Query, "sid")
				fmt.Printf("%s %s for %s\n", head.Method, head.Path, sid)
				if body, err = http1.NewBody(&head, 1_000_000); err != nil {
					fmt.Println(err)
					return
				}
				carry, inBody = carry[n:], true
			}
			var n int
			var done bool
			var err error
			if content, n, done, err = body.Next(content, carry); err != nil {
				fmt.Println(err)
				return
			}
			carry = carry[n:]
			if !done {
				break
			}
			fmt.Printf("body %q\n", content)
			content, inBody = content[:0], false
		}
	}
	// Output:
	// POST /socket.io/ for abc
	// body "40"
	// GET /socket.io/ for abc
	// body ""
}
