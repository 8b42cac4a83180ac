// Package http1 is the server's half of HTTP/1.1 on byte slices: request heads,
// request bodies, response heads, and the small grammars inside their fields.
//
// # Shape
//
// Nothing here reads, waits, locks or keeps. Bytes come in as a slice, results
// are views of it or are appended to a slice of the caller's; what has to be
// remembered between two reads is a [Progress] for a head and a [Body] for a
// body, both a few words without pointers that the caller owns. No function
// writes to its input. Every function may be called from any goroutine, as long
// as its arguments are not shared.
//
// # Strictness
//
// A server that reads a request differently from the proxy before it can be
// made to answer a hidden one. So where the RFC allows a recipient to be
// lenient, this package refuses: lines end in CRLF and nothing else, a length is
// given once and one way, a version is 1.0 or 1.1, a blank stands only where the
// grammar puts one. An error means that the connection is out of step: answer
// with its [Error] status, close, and drop what else has come.
//
// What is accepted is read as net/http reads it, so that a request can be handed
// on to a net/http server. FuzzHead and FuzzBody hold the package to that and
// list the exceptions.
//
// # Sources
//
// RFC 9112 (HTTP/1.1), RFC 9110 (HTTP semantics), RFC 3986 (URI), RFC 6455
// section 4 (WebSocket opening handshake) and the WHATWG URL standard for
// queries. Comments name the section.
package http1
