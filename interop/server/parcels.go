package main

import (
	"encoding/json"
	"errors"

	"github.com/e6a90ca8/sio"
)

// parcels is the encoding of ../js/lib/parcels.mjs: a JSON object as text, in which
// {"$":n} stands for the n-th of the binary messages behind it.
type parcels struct{}

type parcel struct {
	Type    int    `json:"type"`
	Nsp     string `json:"nsp"`
	ID      *int64 `json:"id,omitempty"`
	Data    any    `json:"data,omitempty"`
	Buffers int    `json:"buffers,omitempty"`
}

// Encode implements [sio.Parser].
func (parcels) Encode(p *sio.ParsedPacket) ([]any, error) {
	list := []any{nil}
	q := parcel{Type: int(p.Type), Nsp: p.Namespace, Data: apart(p.Data, &list)}
	if p.ID >= 0 {
		q.ID = &p.ID
	}
	q.Buffers = len(list) - 1
	text, err := json.Marshal(q)
	list[0] = string(text)
	return list, err
}

// apart is v with its buffers put into the list.
func apart(v any, list *[]any) any {
	switch v := v.(type) {
	case []byte:
		*list = append(*list, v)
		return map[string]int{"$": len(*list) - 2}
	case []any:
		for i := range v {
			v[i] = apart(v[i], list)
		}
	case map[string]any:
		for k := range v {
			v[k] = apart(v[k], list)
		}
	}
	return v
}

// Decoder implements [sio.Parser].
func (parcels) Decoder() sio.Decoder { return new(unpacker) }

// An unpacker is the state of one connection.
type unpacker struct {
	packet  *parcel
	buffers [][]byte
}

var errParcel = errors.New("no parcel")

// Add implements [sio.Decoder].
func (u *unpacker) Add(message any) (*sio.ParsedPacket, error) {
	switch m := message.(type) {
	case string:
		if u.packet != nil {
			return nil, errParcel
		}
		u.packet = new(parcel)
		if err := json.Unmarshal([]byte(m), u.packet); err != nil || u.packet.Buffers > 100 {
			return nil, errParcel
		}
	case []byte:
		if u.packet == nil {
			return nil, errParcel
		}
		u.buffers = append(u.buffers, append([]byte{}, m...))
	}
	if len(u.buffers) < u.packet.Buffers {
		return nil, nil
	}
	q := u.packet
	data, err := u.together(q.Data)
	u.Close()
	p := &sio.ParsedPacket{Type: sio.PacketType(q.Type), Namespace: q.Nsp, ID: -1, Data: data}
	if q.ID != nil {
		p.ID = *q.ID
	}
	return p, err
}

// together is what apart was given.
func (u *unpacker) together(v any) (_ any, err error) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			if v[i], err = u.together(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		if n, ok := v["$"].(float64); ok {
			if n < 0 || int(n) >= len(u.buffers) {
				return nil, errParcel
			}
			return u.buffers[int(n)], nil
		}
		for k := range v {
			if v[k], err = u.together(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// Close implements [sio.Decoder].
func (u *unpacker) Close() { *u = unpacker{} }
