// Package msgpack reads and writes Socket.IO packets as MessagePack, the encoding of
// clients that are made with socket.io-msgpack-parser. A packet is one binary message,
// a map with the members type, data, id and nsp; the data holds buffers where they
// belong, and no placeholders.
//
// [Encoder.AppendPacket] makes such a message of a packet in the default encoding, JSON
// text and attachments, and [Decoder.Packet] the other way round. Both go from bytes to
// bytes: no value of Go is made of what stands in the data, and there is no recursion.
//
// # What becomes of what
//
// The two encodings can say different things. From JSON text, as notepack.io, the library
// behind the parser, encodes what JSON.parse makes of the text:
//
//	a placeholder                 bin
//	a number without fraction     the shortest integer; float 64 if none can hold it
//	another number                float 64
//	a string                      str; half a surrogate pair becomes U+FFFD
//	a member that stands twice    both, in their order: readers take the last
//
// From MessagePack, as JSON.stringify writes what notepack.io makes of it:
//
//	bin, ext of type 0            a placeholder, and an attachment
//	fixext 1 of type 0            undefined: null, or no member
//	fixext 8 of type 0            a date, its ISO text; null if there is no such date
//	another ext                   an array of its type and its bytes
//	an integer                    all of its digits
//	NaN, the infinities           null
//	str that is not UTF-8         U+FFFD for each byte that is none
//
// An object that has the members of a placeholder is one, as in the default encoding.
//
// # Sources
//
// The MessagePack specification; socket.io-msgpack-parser 3 and notepack.io 2.2, whose
// bytes testdata/vectors.json has.
package msgpack
