// Package bare is what servers without a protocol behind them have in common: heads
// and frames, hard-coded. It believes what it reads: only a yardstick may use it.
package bare

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"strconv"

	"golang.org/x/sys/unix"
)

// What the servers answer without looking further.
const (
	switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
	Refused   = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 34\r\n\r\n" + `{"code":3,"message":"Bad request"}`
)

// Heads of the events that are answered by themselves.
var (
	Echo      = []byte(`42["echo",`)
	Object    = []byte(`42["object",`)
	Broadcast = []byte(`42["broadcast",`)
)

// PingFrame is a heartbeat.
var PingFrame = []byte{0x81, 1, '2'}

// Handshake is what follows the sid in the open packet.
func Handshake(interval, timeout int64) string {
	return `","upgrades":[],"pingInterval":` + strconv.FormatInt(interval, 10) +
		`,"pingTimeout":` + strconv.FormatInt(timeout, 10) + `,"maxPayload":1000000}`
}

// AppendUpgrade answers the opening handshake with the open packet behind.
func AppendUpgrade(dst, head []byte, handshake string) []byte {
	h := sha1.New()
	h.Write(Field(head, "Sec-WebSocket-Key: "))
	h.Write([]byte("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	var sum [20]byte
	dst = append(dst, switching...)
	dst = base64.StdEncoding.AppendEncode(dst, h.Sum(sum[:0]))
	dst = append(dst, "\r\n\r\n"...)
	return AppendText(dst, `0{"sid":"`, []byte(NewID()), []byte(handshake))
}

// AppendConnect answers a CONNECT packet: "/" is there, other namespaces are not.
func AppendConnect(dst, packet []byte) []byte {
	if len(packet) > 2 && packet[2] == '/' {
		nsp, _, _ := bytes.Cut(packet[2:], []byte(","))
		return AppendText(dst, "44", nsp, []byte(`,{"message":"Invalid namespace"}`))
	}
	return AppendText(dst, `40{"sid":"`, []byte(NewID()), []byte(`"}`))
}

// AppendAck answers the event in packet, whose id has so many digits, with what
// args holds of an array: its elements and the closing bracket.
func AppendAck(dst, packet []byte, digits int, args []byte) []byte {
	dst = AppendHeader(dst, 0x81, 2+digits+1+len(args))
	dst = append(append(dst, "43"...), packet[2:2+digits]...)
	return append(append(dst, '['), args...)
}

// BroadcastFrame is the event broadcast with payload, which is JSON with what closes
// the array behind it.
func BroadcastFrame(dst, payload []byte) []byte {
	dst = AppendHeader(dst, 0x81, len(Broadcast)+len(payload))
	return append(append(dst, Broadcast...), payload...)
}

// AppendText appends a text frame of three parts.
func AppendText(dst []byte, a string, b, c []byte) []byte {
	dst = AppendHeader(dst, 0x81, len(a)+len(b)+len(c))
	return append(append(append(dst, a...), b...), c...)
}

// AppendHeader appends the header of an unmasked frame.
func AppendHeader(dst []byte, first byte, size int) []byte {
	switch {
	case size < 126:
		return append(dst, first, byte(size))
	case size < 1<<16:
		return append(dst, first, 126, byte(size>>8), byte(size))
	}
	return binary.BigEndian.AppendUint64(append(dst, first, 127), uint64(size))
}

// Frame is the frame at the start of b, unmasked in place: its first byte, its
// payload, and its length with the header. n is 0 if it is not whole yet, negative if
// it is longer than any may be.
func Frame(b []byte) (first byte, payload []byte, n int) {
	if len(b) < 6 {
		return 0, nil, 0
	}
	size, head := int(b[1]&0x7f), 6
	switch size {
	case 126:
		size, head = int(binary.BigEndian.Uint16(b[2:])), 8
	case 127:
		if len(b) < 14 {
			return 0, nil, 0
		}
		size, head = int(binary.BigEndian.Uint64(b[2:])), 14
		if size < 0 || size > 1_000_000 {
			return 0, nil, -1
		}
	}
	if len(b) < head+size {
		return 0, nil, 0
	}
	payload = b[head : head+size]
	unmask(payload, b[head-4:head])
	return b[0], payload, head + size
}

func unmask(b, key []byte) {
	word := uint64(binary.LittleEndian.Uint32(key))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}

// Field is the value of a header line, spelled exactly so.
func Field(head []byte, name string) []byte {
	at := bytes.Index(head, []byte(name))
	if at < 0 {
		return nil
	}
	value := head[at+len(name):]
	return value[:max(0, bytes.IndexByte(value, '\r'))]
}

// NewID is a session or socket id: 20 characters.
func NewID() string {
	var b [15]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Number reads the digits at the start of b.
func Number(b []byte) (n, digits int) {
	for digits < len(b) && b[digits]-'0' < 10 {
		n = n*10 + int(b[digits]-'0')
		digits++
	}
	return n, digits
}

// Element is the JSON string at the start of b without its quotes, and what
// follows the one byte behind it. Escapes are not understood.
func Element(b []byte) (text, rest []byte) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil
	}
	end := bytes.IndexByte(b[1:], '"')
	if end < 0 || len(b) < end+3 {
		return nil, nil
	}
	return b[1 : 1+end], b[end+3:]
}

// RaiseLimit raises the limit on descriptors to its hard bound and returns how
// many connections fit under it.
func RaiseLimit() (int64, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, err
	}
	r.Cur = r.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, err
	}
	return int64(min(r.Cur, 1<<30)) - 100, nil
}
