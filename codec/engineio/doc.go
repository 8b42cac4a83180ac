// Package engineio holds the packets of Engine.IO protocol 4 as bytes: single
// packets, payloads of HTTP long-polling, and the body of the open packet. It
// does no I/O, reads no clock and starts no goroutine.
//
// # On the wire
//
// A packet is a type digit and its data, "4hello". A binary message has no digit:
// on WebSocket it is a binary frame as it is, in text it is 'b' and the data in
// base64, "bAQIDBA==". A payload is packets in text, joined by 0x1e.
//
// # Concurrency
//
// The functions keep no state and may be called from any goroutine. A [Payload]
// belongs to one.
//
// # Source
//
// Engine.IO protocol 4; comments name its sections. Where the reference server
// does more than its document, we follow the server and say so at the place.
package engineio
