// Package socketio reads and writes Socket.IO packets as bytes: the head of a
// packet, the JSON array behind it, and the placeholders that stand for binary
// attachments.
//
// A packet is one Engine.IO message, without the type byte of Engine.IO:
//
//	<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]
//
// [Parse] reads what stands before the JSON. [Packet.Check] holds the JSON to
// the rules of the packet's type and splits an array into [Args], whose elements
// stay raw text: turning them into values is the work of others. [AppendHead]
// and [AppendString] write.
//
// # Cost
//
// Reading is one pass over the bytes, without recursion and without allocation;
// what comes back are views of the input. They live as long as the input does,
// and are cut so that an append to one of them copies.
//
// # Text
//
// All syntax is checked here, the validity of UTF-8 is not: the bytes of a
// string that are not UTF-8 pass through [Parse], [Args.Parse] and [Valid] as
// they are. A WebSocket text message was checked by its frame layer; whoever
// reads a polling body calls utf8.Valid on it first. [Unquote] and
// [AppendString] write valid UTF-8 whatever they are given.
//
// # Use
//
// Nothing here keeps state between calls, except [Args], which belongs to one
// goroutine at a time. Everything else may be called from any goroutine.
//
// # Sources
//
// Socket.IO protocol 5, and for the JSON RFC 8259. Where the reference server
// is laxer than its document, the place says whether we follow it.
package socketio
