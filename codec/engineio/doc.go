// Package engineio holds the packets of Engine.IO protocol 4, and of 3, as bytes:
// single packets, payloads of HTTP long-polling, their dress as JSONP, and the body
// of the open packet. It does no I/O, reads no clock and starts no goroutine.
//
// # On the wire
//
// A packet is a type digit and its data, "4hello". A binary message has no digit:
// on WebSocket it is a binary frame as it is, in text it is 'b' and the data in
// base64, "bAQIDBA==". A payload is packets in text, joined by 0x1e.
//
// # Protocol 3
//
// Clients of before 2020 speak protocol 3, which has another form of payloads, and of
// binary messages on WebSocket. Functions for it have a 3 in their name, or say so; all
// other things are as in protocol 4.
//
// # Concurrency
//
// The functions keep no state and may be called from any goroutine. A [Payload]
// belongs to one.
//
// # Source
//
// Engine.IO protocols 4 and 3; comments name their sections. Where the reference server
// does more than its document, we follow the server and say so at the place.
package engineio
