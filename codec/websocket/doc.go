// Package websocket holds the framing of the WebSocket protocol on byte slices:
// frame headers, masking, messages out of a stream, the body of a close frame
// and the accept key of the opening handshake. It does no I/O, reads no clock
// and starts no goroutine.
//
// # Reading
//
// A [Reader] turns the bytes of one direction of one connection into messages
// and control frames. The caller owns the bytes: it hands in what it has and
// keeps what was not taken. A frame is taken whole or not at all, so between two
// calls a Reader remembers nothing but the message it is in the middle of, and
// an idle one is two words.
//
// What can be told to be wrong from a header is refused by its header, before
// its payload has come, and lengths are never believed: no buffer is sized by
// what a peer announces.
//
// # Writing
//
// The Append functions extend a slice and return it, as [append] does. Frames of
// a server are not masked and so are the same for every receiver: one encoding
// can be shared by a whole broadcast.
//
// # Compression
//
// Of permessage-deflate there is what needs no state: [AcceptDeflate] agrees with a client
// that neither side remembers a message, [AppendDeflated] compresses one, [Inflate] undoes
// that, within a bound.
//
// # Concurrency
//
// A Reader belongs to one goroutine at a time. A [Config] is read by many
// Readers and must not change once one uses it. The functions keep no state but
// pools of memory, and may be called by any goroutine.
//
// # Source
//
// RFC 6455, and RFC 7692 for compression and RSV1. Comments name their sections.
package websocket
