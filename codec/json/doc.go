// Package json turns Go values into the JSON text of event arguments and back,
// and takes binary out of the values on the way out and puts it back on the way
// in.
//
// # Binary
//
// A byte slice anywhere in a value does not become text. It is collected in
// [Attachments], and a placeholder stands in the text where it was; the decoder
// puts the attachment back where it finds the placeholder. What a placeholder
// looks like is Socket.IO's business and not known here: [Codec] has a hook for
// each direction. A byte slice type with its own MarshalJSON or MarshalText,
// such as [encoding/json.RawMessage], is not binary; neither is an array of
// bytes, nor a nil slice, which is null.
//
// # The text
//
// It is the text that encoding/json writes with SetEscapeHTML(false) and without
// the newline, with these differences:
//
//   - NaN and the infinities are null, as JSON.stringify has them; encoding/json
//     refuses them.
//   - With [Sonic], keys of maps come in the map's order. In the parts that sonic
//     writes, the output of a MarshalJSON keeps its spaces, U+2028 and U+2029 are
//     not escaped, and \b and \f are written \u0008 and \u000c.
//   - A value nested deeper than [MaxEncodeDepth] is refused, and so is every
//     cyclic one.
//
// The text is always valid UTF-8 and holds no raw control characters inside its
// strings, whatever the value held and whatever wrote it: an invalid byte becomes
// \ufffd and a control character its escape. Browsers fail a WebSocket that
// carries the first (RFC 6455, 8.1), and a raw 0x1e would cut an Engine.IO
// polling payload in two.
//
// # Reading
//
// Types and struct tags mean what they mean to encoding/json. Text nested deeper
// than [MaxDecodeDepth] and text with raw control characters in its strings is
// refused before a value is touched. A member that no field takes is skipped, by
// sonic without a look at the escapes in its strings. Text is expected to be valid
// UTF-8: the layer that reads frames has checked it.
//
// # Engines
//
// An [Engine] does the work wherever there is no binary: [Sonic] compiles code per
// type, [Std] is encoding/json. [Pretouch] has that code made ahead of time.
// What a type can hold is worked out once per type and kept for the life of the
// process.
//
// # Goroutines
//
// Everything here may be used from any goroutine. Nothing starts one.
//
// # Sources
//
// RFC 8259 (JSON), Socket.IO protocol 5, "Packet encoding" (placeholders,
// attachments in document order), ECMA-262 JSON.stringify (null for what has no
// JSON form).
package json
