package msgpack

import (
	"bytes"
	"unicode/utf8"
)

// MaxDepth is how many arrays and maps may be open at once in the data of a packet that
// is read, its outermost one included. There is no such bound on writing.
const MaxDepth = 512

// maxAckID is the last integer up to which JavaScript counts without a gap, 2^53-1.
const maxAckID = 1<<53 - 1

// The types of packets: those of the default encoding but for the two binary ones, for
// which there is no need.
const (
	typeAck = 3
	typeMax = 4
)

// A Packet is one packet, its data in the default encoding.
type Packet struct {
	Type      int    // 0 CONNECT, 1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR
	Namespace []byte // with its slash
	ID        int64  // of the acknowledgement, or -1 for none
	Data      []byte // JSON text with placeholders, empty if there is none

	// Attachments are the buffers in Data, in the order of their placeholders.
	Attachments [][]byte
}

// AppendPacket appends p to dst, and returns dst as it was with an error. The members
// stand in the order in which the reference server has them. Nothing but the text of the
// data is checked, and that as far as [Encoder.Append] reads it.
//
// Errors: [ErrJSON].
func (e *Encoder) AppendPacket(dst []byte, p *Packet) ([]byte, error) {
	n := 2
	if len(p.Data) > 0 {
		n++
	}
	if p.ID >= 0 {
		n++
	}
	out := append(dst, fixmap|byte(n))
	if p.ID >= 0 && p.Type == typeAck {
		out = appendID(out, p.ID)
	}
	out = append(append(out, "\xa4type"...), byte(p.Type))
	if len(p.Data) > 0 {
		var err error
		if out, err = e.Append(append(out, "\xa4data"...), p.Data, p.Attachments); err != nil {
			return dst, err
		}
	}
	if p.ID >= 0 && p.Type != typeAck {
		out = appendID(out, p.ID)
	}
	return appendString(append(out, "\xa3nsp"...), p.Namespace), nil
}

func appendID(dst []byte, id int64) []byte {
	return appendUint(append(dst, "\xa2id"...), uint64(id))
}

// Packet reads the packet that message is, whole. All of p is views: Namespace and
// Attachments of message, Data of memory that the decoder uses again for the next packet.
// Members that a packet does not have are skipped. That the data is what the type asks
// for is not looked at.
//
// Time is linear in len(message). So is memory, which is used again and not allocated by
// what a message announces: the text is at most 6 times as long as the message, and an
// attachment, of which there may be maxBuffers, costs 24 bytes and a placeholder.
//
// Errors: [ErrSyntax], [ErrShort], [ErrDepth], [ErrKey], [ErrBuffers]; [ErrType],
// [ErrNamespace], [ErrAckID], in this order, of a message that is MessagePack.
//
// Source: socket.io-msgpack-parser 3, which allows any string to be a namespace; here it
// begins with a slash and has no comma, as the default encoding wants it.
func (d *Decoder) Packet(message []byte, maxBuffers int) (p Packet, err error) {
	d.empty()
	d.max = maxBuffers
	// What is wrong in a packet is told only if the message can be read at all.
	typ, nsp, id := number{}, []byte(nil), number{undefined: true}
	n, i, ok := mapLen(message, 0)
	if !ok {
		if i, err = skip(message, 0); err == nil && i < len(message) {
			err = ErrSyntax
		}
		if err == nil {
			err = ErrType
		}
		return Packet{}, err
	}
	for range n {
		var name []byte
		if name, i, err = d.name(message, i); err != nil {
			return Packet{}, err
		}
		from := i
		if string(name) != "data" {
			if i, err = skip(message, i); err != nil {
				return Packet{}, err
			}
		}
		switch string(name) {
		case "type":
			typ = numberAt(message, from)
		case "nsp":
			nsp, _, _ = stringAt(message, from)
		case "id":
			id = numberAt(message, from)
		case "data":
			d.empty()
			if i, err = d.value(message, i); err != nil {
				return Packet{}, err
			}
		}
	}
	switch {
	case i != len(message):
		return Packet{}, ErrSyntax
	case !typ.integer || typ.v < 0 || typ.v > typeMax:
		return Packet{}, ErrType
	case len(nsp) == 0 || nsp[0] != '/' || bytes.IndexByte(nsp, ',') >= 0 || !utf8.Valid(nsp):
		return Packet{}, ErrNamespace
	case !id.undefined && (!id.integer || id.v < 0 || id.v > maxAckID):
		return Packet{}, ErrAckID
	}
	p = Packet{Type: int(typ.v), Namespace: nsp, ID: -1, Data: d.text, Attachments: d.buffers}
	if !id.undefined {
		p.ID = int64(id.v)
	}
	return p, nil
}
