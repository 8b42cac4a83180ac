package websocket

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

var testMask = [4]byte{0x37, 0xfa, 0x21, 0x3d} // that of the RFC's examples

// masked is a final frame of a client.
func masked(op Opcode, payload string) []byte {
	return AppendMasked(nil, op, []byte(payload), testMask)
}

// fragmented is a client's message in fragments of size bytes.
func fragmented(op Opcode, payload string, size int) (wire []byte) {
	for first := true; first || payload != ""; first = false {
		if !first {
			op = Continuation
		}
		p := payload[:min(size, len(payload))]
		payload = payload[len(p):]
		wire = AppendMaskedFragment(wire, op, payload == "", []byte(p), testMask)
	}
	return wire
}

// unhex reads bytes as people write them, "81 05 48".
func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// feed plays the caller of a Reader: it hands in the pieces of a stream one
// after another, each behind what was not taken before, and returns what came
// out, up to the first error. On the way it holds Next to all it says about its
// input and its results.
func feed(t testing.TB, config *Config, pieces ...[]byte) (found []Message, err error) {
	t.Helper()
	r := Reader{Config: config}
	var carry []byte
	for _, piece := range pieces {
		carry = append(carry, piece...)
		for {
			b := bytes.Clone(carry)
			m, n, err := r.Next(b)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) {
					t.Fatalf("Next returns an error of type %T", err)
				}
				if n != 0 || m.Data != nil || m.Opcode != 0 || m.Compressed {
					t.Fatalf("Next returns %+v, %d with error %v", m, n, err)
				}
				if r.open != nil {
					t.Fatalf("the Reader keeps its fragments after %v", err)
				}
				return found, err
			}
			need := Need(carry)
			if n == 0 {
				if !bytes.Equal(b, carry) {
					t.Fatalf("Next took nothing, and changed %x to %x", carry, b)
				}
				if need > 0 && need <= len(carry) {
					t.Fatalf("Next waits with %d bytes, Need says %d", len(carry), need)
				}
				break
			}
			if n != need {
				t.Fatalf("Next took %d bytes, Need said %d", n, need)
			}
			if !bytes.Equal(b[n:], carry[n:]) {
				t.Fatalf("Next changed what is behind the frame: %x to %x", carry[n:], b[n:])
			}
			if m.Opcode == Continuation {
				if m.Data != nil || m.Compressed || r.open == nil {
					t.Fatalf("Next returns %+v for a fragment", m)
				}
				checkBuffer(t, &r)
			} else {
				if cap(m.Data) != len(m.Data) {
					t.Fatalf("Data has room for %d bytes more", cap(m.Data)-len(m.Data))
				}
				m.Data = bytes.Clone(m.Data)
				found = append(found, m)
			}
			carry = carry[n:]
		}
	}
	return found, nil
}

// checkBuffer holds the buffer of a fragmented message to its bounds.
func checkBuffer(t testing.TB, r *Reader) {
	t.Helper()
	have, room := len(r.open.data), cap(r.open.data)
	if room > max(minFragments, 2*have) || room > r.maxMessage() {
		t.Fatalf("buffer of %d bytes for %d, of at most %d", room, have, r.maxMessage())
	}
}

// sameMessages compares what two feeds have found; a nil and an empty payload
// are the same.
func sameMessages(a, b []Message) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Opcode != b[i].Opcode || a[i].Compressed != b[i].Compressed || !bytes.Equal(a[i].Data, b[i].Data) {
			return false
		}
	}
	return true
}

// bytewise cuts b into pieces of one byte.
func bytewise(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// show is what was found, for a failure's message.
func show(found []Message) string {
	var s strings.Builder
	for _, m := range found {
		fmt.Fprintf(&s, "[%v %q compressed=%v]", m.Opcode, m.Data, m.Compressed)
	}
	return s.String()
}
