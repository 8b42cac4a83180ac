package socketio

// wireCases pairs packets with their wire form, in the spelling that Append
// makes. Tests, fuzz seeds and benchmarks draw on it. A Packet here names only
// what differs from an empty packet: no Namespace means "/".
var wireCases = []struct {
	name string
	wire string
	want Packet
}{
	// Socket.IO protocol 5, "Packet encoding" and "Sample session".
	{"connect", `0`, Packet{Type: Connect, ID: -1}},
	{"connect, granted", `0{"sid":"wZX3oN0bSVIhsaknAAAI"}`, Packet{Type: Connect, ID: -1, Data: []byte(`{"sid":"wZX3oN0bSVIhsaknAAAI"}`)}},
	{"connect to /admin", `0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}`, Packet{Type: Connect, Namespace: []byte("/admin"), ID: -1, Data: []byte(`{"sid":"oSO0OpakMV_3jnilAAAA"}`)}},
	{"connect error", `4{"message":"Not authorized"}`, Packet{Type: ConnectError, ID: -1, Data: []byte(`{"message":"Not authorized"}`)}},
	{"event", `2["foo"]`, Packet{Type: Event, ID: -1, Data: []byte(`["foo"]`)}},
	{"event in /admin", `2/admin,["bar"]`, Packet{Type: Event, Namespace: []byte("/admin"), ID: -1, Data: []byte(`["bar"]`)}},
	{"binary event", `51-["baz",{"_placeholder":true,"num":0}]`, Packet{Type: BinaryEvent, Attachments: 1, ID: -1, Data: []byte(`["baz",{"_placeholder":true,"num":0}]`)}},
	{"binary event in /admin", `52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, Packet{Type: BinaryEvent, Attachments: 2, Namespace: []byte("/admin"), ID: -1, Data: []byte(`["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)}},
	{"event with ack id", `212["foo"]`, Packet{Type: Event, ID: 12, Data: []byte(`["foo"]`)}},
	{"ack in /admin", `3/admin,13["bar"]`, Packet{Type: Ack, Namespace: []byte("/admin"), ID: 13, Data: []byte(`["bar"]`)}},
	{"binary ack in /admin", `61-/admin,15["bar",{"_placeholder":true,"num":0}]`, Packet{Type: BinaryAck, Attachments: 1, Namespace: []byte("/admin"), ID: 15, Data: []byte(`["bar",{"_placeholder":true,"num":0}]`)}},
	{"disconnect from /admin", `1/admin,`, Packet{Type: Disconnect, Namespace: []byte("/admin"), ID: -1}},

	// The protocol's test suite.
	{"suite: auth", `0{"token":"123"}`, Packet{Type: Connect, ID: -1, Data: []byte(`{"token":"123"}`)}},
	{"suite: connect to /custom", `0/custom,`, Packet{Type: Connect, Namespace: []byte("/custom"), ID: -1}},
	{"suite: unknown namespace", `4/random,{"message":"Invalid namespace"}`, Packet{Type: ConnectError, Namespace: []byte("/random"), ID: -1, Data: []byte(`{"message":"Invalid namespace"}`)}},
	{"suite: disconnect", `1`, Packet{Type: Disconnect, ID: -1}},
	{"suite: message", `2["message",1,"2",{"3":[true]}]`, Packet{Type: Event, ID: -1, Data: []byte(`["message",1,"2",{"3":[true]}]`)}},
	{"suite: message with ack", `2456["message-with-ack",1,"2",{"3":[false]}]`, Packet{Type: Event, ID: 456, Data: []byte(`["message-with-ack",1,"2",{"3":[false]}]`)}},
	{"suite: ack", `3456[1,"2",{"3":[false]}]`, Packet{Type: Ack, ID: 456, Data: []byte(`[1,"2",{"3":[false]}]`)}},
	{"suite: binary with ack", `52-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, Packet{Type: BinaryEvent, Attachments: 2, ID: 789, Data: []byte(`["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)}},

	// The reference parser's tests.
	{"reference: integer as name", `2[1,"a",{}]`, Packet{Type: Event, ID: -1, Data: []byte(`[1,"a",{}]`)}},
	{"reference: event with ack in /test", `2/test,1["a",1,{}]`, Packet{Type: Event, Namespace: []byte("/test"), ID: 1, Data: []byte(`["a",1,{}]`)}},
	{"reference: connect error as string", `4"Unauthorized"`, Packet{Type: ConnectError, ID: -1, Data: []byte(`"Unauthorized"`)}},
	{"reference: nested binary", `51-/cool,23["a",{"b":["c",{"_placeholder":true,"num":0}]}]`, Packet{Type: BinaryEvent, Attachments: 1, Namespace: []byte("/cool"), ID: 23, Data: []byte(`["a",{"b":["c",{"_placeholder":true,"num":0}]}]`)}},
	{"reference: binary ack", `61-/back,127["a",{"_placeholder":true,"num":0},{}]`, Packet{Type: BinaryAck, Attachments: 1, Namespace: []byte("/back"), ID: 127, Data: []byte(`["a",{"_placeholder":true,"num":0},{}]`)}},
	{"reference: deep binary", `52-/deep,999["a",{"a":"hi","b":{"why":{"_placeholder":true,"num":0}},"c":{"a":"bye","b":{"a":{"_placeholder":true,"num":1}}}}]`, Packet{Type: BinaryEvent, Attachments: 2, Namespace: []byte("/deep"), ID: 999, Data: []byte(`["a",{"a":"hi","b":{"why":{"_placeholder":true,"num":0}},"c":{"a":"bye","b":{"a":{"_placeholder":true,"num":1}}}}]`)}},
	{"reference: binary beside null", `51-600["a",{"a":"b","c":4,"e":{"g":null},"h":{"_placeholder":true,"num":0}}]`, Packet{Type: BinaryEvent, Attachments: 1, ID: 600, Data: []byte(`["a",{"a":"b","c":4,"e":{"g":null},"h":{"_placeholder":true,"num":0}}]`)}},

	// Ours.
	{"ack id 0 is an id", `20["foo"]`, Packet{Type: Event, ID: 0, Data: []byte(`["foo"]`)}},
	{"largest ack id", `39007199254740991[]`, Packet{Type: Ack, ID: MaxAckID, Data: []byte(`[]`)}},
	{"ack without arguments", `312[]`, Packet{Type: Ack, ID: 12, Data: []byte(`[]`)}},
	{"ack without id", `3["a"]`, Packet{Type: Ack, ID: -1, Data: []byte(`["a"]`)}},
	{"ack id of a type that has none", `07`, Packet{Type: Connect, ID: 7}},
	{"ten attachments", `610-[` + tenPlaceholders + `]`, Packet{Type: BinaryAck, Attachments: 10, ID: -1, Data: []byte(`[` + tenPlaceholders + `]`)}},
	{"namespace with a query", `0/chat?token=a/b{"x":1},`, Packet{Type: Connect, Namespace: []byte(`/chat?token=a/b{"x":1}`), ID: -1}},
	{"namespace of two slashes", `2//,["a"]`, Packet{Type: Event, Namespace: []byte("//"), ID: -1, Data: []byte(`["a"]`)}},
	{"namespace beyond ASCII", `2/zoë,["a"]`, Packet{Type: Event, Namespace: []byte("/zoë"), ID: -1, Data: []byte(`["a"]`)}},
	{"event called error", `2["error"]`, Packet{Type: Event, ID: -1, Data: []byte(`["error"]`)}},
	{"event called __proto__", `2["__proto__"]`, Packet{Type: Event, ID: -1, Data: []byte(`["__proto__"]`)}},
	{"event called toString", `2["toString"]`, Packet{Type: Event, ID: -1, Data: []byte(`["toString"]`)}},
	{"event called on", `2["on"]`, Packet{Type: Event, ID: -1, Data: []byte(`["on"]`)}},
	{"reserved name in other case", `2["Connect"]`, Packet{Type: Event, ID: -1, Data: []byte(`["Connect"]`)}},
	{"empty name", `2[""]`, Packet{Type: Event, ID: -1, Data: []byte(`[""]`)}},
	{"negative fraction as name", `2[-1.5e3]`, Packet{Type: Event, ID: -1, Data: []byte(`[-1.5e3]`)}},
	{"placeholder in an event without attachments", `2["a",{"_placeholder":true,"num":7}]`, Packet{Type: Event, ID: -1, Data: []byte(`["a",{"_placeholder":true,"num":7}]`)}},
}

const tenPlaceholders = `{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},` +
	`{"_placeholder":true,"num":2},{"_placeholder":true,"num":3},{"_placeholder":true,"num":4},` +
	`{"_placeholder":true,"num":5},{"_placeholder":true,"num":6},{"_placeholder":true,"num":7},` +
	`{"_placeholder":true,"num":8},{"_placeholder":true,"num":9}`

// refusedCases are packets that Parse, or Check after it, refuses.
var refusedCases = []struct {
	name string
	wire string
	want error
}{
	{"nothing", ``, ErrType},
	{"type past the last", `7`, ErrType},
	{"type before the first", `/`, ErrType},
	{"type 9, reference", `999`, ErrType},
	{"letters, suite", `abc`, ErrType},
	{"blank before the type", ` 2["a"]`, ErrType},
	{"type as a byte", "\x02[\"a\"]", ErrType},
	{"full-width digit", `２["a"]`, ErrType},

	{"no count, reference", `5`, ErrAttachments},
	{"count without dash at the end, reference", `51`, ErrAttachments},
	{"count without dash", `51["a"]`, ErrAttachments},
	{"letter as count, reference", `5a-`, ErrAttachments},
	{"fraction, reference", `51.23-`, ErrAttachments},
	{"empty count", `5-["a"]`, ErrAttachments},
	{"no count before the payload", `5["a"]`, ErrAttachments},
	{"count 0", `50-["a"]`, ErrAttachments},
	{"count 0 for an ack", `60-1[]`, ErrAttachments},
	{"leading zero", `501-["a",{"_placeholder":true,"num":0}]`, ErrAttachments},
	{"many zeros", `5000000000000000000000-["a"]`, ErrAttachments},
	{"minus", `5-1-["a"]`, ErrAttachments},
	{"plus", `5+1-["a"]`, ErrAttachments},
	{"blank before the count", `5 1-["a"]`, ErrAttachments},
	{"blank after the count", `51 -["a"]`, ErrAttachments},
	{"only a blank", `5 -["a"]`, ErrAttachments},
	{"exponent", `51e0-["a"]`, ErrAttachments},
	{"hexadecimal", `50x1-["a"]`, ErrAttachments},
	{"whole number with a point", `51.0-["a"]`, ErrAttachments},
	{"Infinity", `5Infinity-["a"]`, ErrAttachments},
	{"NaN", `5NaN-["a"]`, ErrAttachments},
	{"absurd count without dash", `599999999999999999999999999999["a"]`, ErrAttachments},
	{"eleven attachments", `511-["a"]`, ErrTooManyAttachments},
	{"absurd count", `5999999999-["a"]`, ErrTooManyAttachments},
	{"count past 64 bits", `599999999999999999999999999999-["a"]`, ErrTooManyAttachments},
	{"count that is 1 modulo 2^64", `518446744073709551617-["a"]`, ErrTooManyAttachments},

	{"ack id past 2^53-1", `29007199254740992["a"]`, ErrAckID},
	{"ack id of 19 digits", `21234567890123456789["a"]`, ErrAckID},
	{"ack id that is 1 modulo 2^64", `218446744073709551617["a"]`, ErrAckID},
	{"ack id of an ack", `3/admin,99999999999999999[]`, ErrAckID},

	{"letters before the payload, suite", `2abc["message-with-ack",1,"2",{"3":[false]}]`, ErrPayload},
	{"negative ack id", `2-1["a"]`, ErrPayload},
	{"ack id with a sign", `2+1["a"]`, ErrPayload},
	{"ack id with a fraction", `21.5["a"]`, ErrPayload},
	{"ack id with an exponent", `21e3["a"]`, ErrPayload},
	{"blank as ack id", `2 ["a"]`, ErrPayload},
	{"blank after the ack id", `21 ["a"]`, ErrPayload},
	{"blank after the namespace", `2/admin, ["a"]`, ErrPayload},
	{"comma without namespace", `2,["a"]`, ErrPayload},
	{"second namespace", `2/,/x`, ErrPayload},
	{"namespace after the ack id", `212/admin,["a"]`, ErrPayload},
	{"namespace before the count", `5/admin,1-["a"]`, ErrAttachments},
	{"event that is all namespace", `2/admin["a"]`, ErrPayload},

	{"event without payload", `2`, ErrPayload},
	{"event without payload in /admin", `2/admin,`, ErrPayload},
	{"event with only an ack id", `212`, ErrPayload},
	{"ack without payload", `312`, ErrPayload},
	{"connect error without payload", `4`, ErrPayload},
	{"binary event without payload", `51-`, ErrPayload},
	{"binary ack without payload", `61-12`, ErrPayload},
	{"connect error with an array, reference", `442["some","data"]`, ErrPayload},
	{"connect error, cut, reference", `442["some","data"`, ErrPayload},
	{"connect error with a number", `4 1`, ErrPayload},
	{"connect error with a bad object", `4{1}`, ErrPayload},
	{"connect with a string, reference", `0/admin,"invalid"`, ErrPayload},
	{"connect with an array, reference", `0[]`, ErrPayload},
	{"connect with null", `0null`, ErrPayload},
	{"connect with a cut object", `0{"token":`, ErrPayload},
	{"connect with two objects", `0{}{}`, ErrPayload},
	{"disconnect with an object, reference", `1/admin,{}`, ErrPayload},
	{"disconnect with letters", `1abc`, ErrPayload},
	{"event with a cut string, reference", `2/admin,"invalid`, ErrPayload},
	{"event with an object, reference", `2/admin,{}`, ErrPayload},
	{"event with an object, suite", `2{}`, ErrPayload},
	{"event with a string", `2"a"`, ErrPayload},
	{"event with null", `2null`, ErrPayload},
	{"ack with an object", `31{}`, ErrPayload},
	{"binary ack with an object", `61-1{"_placeholder":true,"num":0}`, ErrPayload},

	{"empty event", `2[]`, ErrPayload},
	{"object as name, reference", `2[{"toString":"foo"}]`, ErrPayload},
	{"true as name, reference", `2[true,"foo"]`, ErrPayload},
	{"null as name, reference", `2[null,"bar"]`, ErrPayload},
	{"array as name", `2[["a"]]`, ErrPayload},
	{"placeholder as name", `51-[{"_placeholder":true,"num":0}]`, ErrPayload},
	{"reserved: connect, reference", `2["connect"]`, ErrReserved},
	{"reserved: connect_error", `2["connect_error"]`, ErrReserved},
	{"reserved: disconnect, reference", `2["disconnect","123"]`, ErrReserved},
	{"reserved: disconnecting", `2["disconnecting"]`, ErrReserved},
	{"reserved: newListener", `2["newListener"]`, ErrReserved},
	{"reserved: removeListener", `2["removeListener"]`, ErrReserved},
	{"reserved in a binary event", `51-["connect",{"_placeholder":true,"num":0}]`, ErrReserved},
	{"reserved, one escape", `2["\u0063onnect"]`, ErrReserved},
	{"reserved, all escapes", `2["\u0072\u0065\u006d\u006F\u0076\u0065\u004c\u0069\u0073\u0074\u0065\u006e\u0065\u0072"]`, ErrReserved},

	{"cut array", `2["a"`, ErrPayload},
	{"cut string", `2["a`, ErrPayload},
	{"comma at the end", `2["a",]`, ErrPayload},
	{"two arrays", `2["a"]["b"]`, ErrPayload},
	{"bytes after the array", `2["a"]x`, ErrPayload},
	{"wrong bracket", `2["a"}`, ErrPayload},
	{"single quotes", `2['a']`, ErrPayload},
	{"undefined", `2["a",undefined]`, ErrPayload},
	{"raw control character", "2[\"a\x01\"]", ErrPayload},
	{"bad escape", `2["a\x41"]`, ErrPayload},
	{"NUL after the array", "2[\"a\"]\x00", ErrPayload},
	{"byte order mark", "2\xef\xbb\xbf[\"a\"]", ErrPayload},

	{"placeholder number as string, reference", `51-["hello",{"_placeholder":true,"num":"splice"}]`, ErrPlaceholder},
	{"placeholder out of range, reference", `51-["hello",{"_placeholder":true,"num":1}]`, ErrPlaceholder},
	{"attachment that nothing names, reference accepts", `51-["hello"]`, ErrPlaceholder},
	{"second attachment that nothing names", `52-["hello",{"_placeholder":true,"num":0}]`, ErrPlaceholder},
	{"binary ack, out of range", `62-1[{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]`, ErrPlaceholder},
}
