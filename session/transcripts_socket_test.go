package session

import (
	"maps"
	"strings"
	"testing"
)

// TestNamespaces: CONNECT and its answers, several namespaces on one connection.
func TestNamespaces(t *testing.T) { playAll(t, namespacesTranscripts()) }

func namespacesTranscripts() map[string]transcript {
	return map[string]transcript{
		"connect": {rows: "C01 C11", source: "Socket.IO protocol 5, Connection to a namespace", script: wsOpened + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> 40/chat,{"token":"é"}
			= s3 auth {"token":"é"}
			ws< 40/chat,{"sid":"s3"}
		`},
		"in the body of the first POST": {rows: "C01 C05", script: opened + `
			a> POST s1 40\x1e40/chat,{}\x1e42["echo"]\x1e42/chat,["echo"]
			= s3 auth {}
			a< 200 ok
			a> GET s1
			a< 200 40{"sid":"s2"}\x1e40/chat,{"sid":"s3"}\x1e42["echo"]\x1e42/chat,["echo"]
		`},
		"unknown namespace": {rows: "C02", script: wsOpened + `
			ws> 40/nope,{"a":1}
			ws< 44/nope,{"message":"Invalid namespace"}
			ws> 40/nope,
			ws< 44/nope,{"message":"Invalid namespace"}
			ws> 40/chat
			ws< 40/chat,{"sid":"s2"}
		`},
		"the application decides later": {rows: "C01 C02 C12 C13", source: "what it sends meanwhile goes before the answer", script: wsOpened + `
			. delay
			ws> 40
			ws> 40/chat,
			. emit s2 42["early"]
			ws< 42["early"]
			. cast / 42["not a member yet"]
			. grant /
			ws< 40{"sid":"s2"}
			. cast / 42["member"]
			ws< 42["member"]
			. deny /chat {"message":"no","data":{"code":1}}
			ws< 44/chat,{"message":"no","data":{"code":1}}
			. emit s3 42/chat,["never"]
			ws> 40/chat,
			. grant /chat
			ws< 40/chat,{"sid":"s4"}
		`},
		"the client has left meanwhile": {rows: "C13 F69", script: wsOpened + `
			. delay
			ws> 40
			ws> fin
			! s2 withdrawn: transport close
			! s1 transport close
			. emit s2 42["never"]
			. volatile s2 42["never"]
			. grant / refused
		`},
		"the session has been closed meanwhile": {rows: "C13", script: opened + `
			. delay
			a> POST s1 40
			a< 200 ok
			. close s1 forced close
			! s2 withdrawn: forced close
			! s1 forced close
			. volatile s2 42["never"]
			. deny / {"message":"no"}
		`},
		"the session closes meanwhile": {rows: "C13", script: opened + `
			. delay
			a> POST s1 40
			a< 200 ok
			. shut s1
			! s2 withdrawn: forced close
			. grant / refused
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
		`},
		"one leaves, others stay": {rows: "C05 K11", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			ws> 41/chat,
			! s3 client namespace disconnect
			ws> 42["echo"]
			ws< 42["echo"]
			ws> 40/chat,
			ws< 40/chat,{"sid":"s4"}
			. disconnect s2
			ws< 41
			! s2 server namespace disconnect
			ws> 42/chat,["echo"]
			ws< 42/chat,["echo"]
			. disconnect s2
			. emit s2 42["never"]
		`},
		"disconnect all": {rows: "C05 K12", source: "each namespace is told, then the transport closes", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			. disconnect s2 all
			ws< 41/chat,
			ws< 41
			ws< close
			! s3 server namespace disconnect
			! s2 server namespace disconnect
			! s1 forced close
		`},
		"disconnect all, by polling": {rows: "K12 L11", script: joined + `
			. disconnect s2 all
			! s2 server namespace disconnect
			a> GET s1
			a< 200 41
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
		`},
		"rooms are left behind the handlers of the end": {rows: "R05 S12", script: wsJoined + `
			. join s2 news
			. join s2 sports
			ws> 451-["e",{"_placeholder":true,"num":0}]
			ws> fin
			! s2 transport close
			! s1 transport close
		`},
	}
}

// TestStates: packets that their state forbids end the session, all of it.
func TestStates(t *testing.T) { playAll(t, statesTranscripts()) }

func statesTranscripts() map[string]transcript {
	all := make(map[string]transcript)
	for name, packet := range map[string]string{
		"connect twice":                    "40",
		"event for a namespace not joined": `42/chat,["e"]`,
		"event for an unknown namespace":   `42/nope,["e"]`,
		"ack for a namespace not joined":   `43/chat,1[]`,
		"disconnect from what was not":     `41/chat,`,
		"connect_error from a client":      `44"x"`,
		"connect_error in another form":    `44{"message":"x"}`,
		"connect_error for what was not":   `44/chat,"x"`,
	} {
		all[name] = transcript{rows: "C03 F36 K11", script: wsJoined + `
			ws>+ 42["echo"]
			ws>+ ` + packet + `
			ws> 42["e","never"]
			ws< 42["echo"]
			ws< close
			! s2 forced server close: packet not allowed in this state
			! s1 forced close: packet not allowed in this state
		`}
		all[name+", by polling"] = transcript{rows: "C03 F36", script: joined + `
			a> POST s1 ` + packet + `
			a< 200 ok
			! s2 forced server close: packet not allowed in this state
			a> GET s1
			a< 200 6\x1e1
			! s1 forced close
		`}
	}
	all["event before connect"] = transcript{rows: "C03 F36", script: wsOpened + `
		ws> 42["e"]
		ws< close
		! s1 forced close: packet not allowed in this state
	`}
	all["event before the answer"] = transcript{rows: "C03", script: wsOpened + `
		. delay
		ws> 40
		ws> 42["e"]
		ws< close
		! s2 withdrawn: forced server close: packet not allowed in this state
		! s1 forced close: packet not allowed in this state
	`}
	all["connect before the answer"] = transcript{rows: "C03", script: wsOpened + `
		. delay
		ws> 40
		ws> 40
		ws< close
		! s2 withdrawn: forced server close: packet not allowed in this state
		! s1 forced close: packet not allowed in this state
	`}
	all["event behind disconnect"] = transcript{rows: "C03 K09", script: wsJoined + `
		ws>+ 41
		ws> 42["e"]
		! s2 client namespace disconnect
		ws< close
		! s1 forced close: packet not allowed in this state
	`}
	return all
}

// TestPackets: what is not a Socket.IO packet ends the session; its sockets hear of the
// error first.
func TestPackets(t *testing.T) { playAll(t, packetsTranscripts()) }

func packetsTranscripts() map[string]transcript {
	const (
		badType    = "socketio: unknown packet type"
		badPayload = "socketio: invalid payload"
		badCount   = "socketio: illegal attachment count"
		tooMany    = "socketio: too many attachments, limit: attachments (10)"
		badPlaces  = "socketio: illegal attachments"
		badID      = "socketio: acknowledgement id out of range"
		reserved   = badPayload + ": reserved event name"
		tooDeep    = badPayload + ": nested deeper than 512, limit: depth (512)"
	)
	rows := map[string]string{
		badType: "S01 S04 S07 F35", badPayload: "S06 S07 F35 F40", badCount: "S04 F38", tooMany: "S03 F38",
		badPlaces: "S05 F40 F41", badID: "S01 F35", reserved: "S06 F37", tooDeep: "S06 F42",
	}
	all := make(map[string]transcript)
	for name, c := range map[string]struct{ packet, err string }{
		"nothing":                  {`4`, badType},
		"type 7":                   {`47`, badType},
		"type 9":                   {`49["e"]`, badType},
		"a letter":                 {`4a`, badType},
		"event without data":       {`42`, badPayload},
		"event with an object":     {`42{}`, badPayload},
		"event without a name":     {`42[]`, badPayload},
		"name that is null":        {`42[null]`, badPayload},
		"name that is an object":   {`42[{"toString":"x"}]`, badPayload},
		"name that is an array":    {`42[["e"]]`, badPayload},
		"not JSON":                 {`42["e"`, badPayload},
		"more behind it":           {`42["e"]x`, badPayload},
		"ack id too long":          {`4299999999999999999["e"]`, badID},
		"ack id with a sign":       {`42-1["e"]`, badPayload},
		"ack with an object":       {`431{}`, badPayload},
		"ack without data":         {`431`, badPayload},
		"disconnect with data":     {`41{}`, badPayload},
		"connect with an array":    {`40[]`, badPayload},
		"connect with a string":    {`40/chat,"x"`, badPayload},
		"reserved: connect":        {`42["connect"]`, reserved},
		"reserved: connect_error":  {`42["connect_error"]`, reserved},
		"reserved: disconnect":     {`42["disconnect"]`, reserved},
		"reserved: disconnecting":  {`42["disconnecting"]`, reserved},
		"reserved: newListener":    {`42["newListener"]`, reserved},
		"reserved, escaped":        {`42["\u0063onnect"]`, reserved},
		"no count":                 {`45["e"]`, badCount},
		"count 0":                  {`450-["e"]`, badCount},
		"count with a sign":        {`45+1-["e"]`, badCount},
		"count with a blank":       {`45 1-["e"]`, badCount},
		"count with an exponent":   {`451e1-["e"]`, badCount},
		"count with a zero":        {`4501-["e"]`, badCount},
		"count without dash":       {`451["e"]`, badCount},
		"11 attachments":           {`4511-["e"]`, tooMany},
		"a thousand million":       {`451000000000-["e"]`, tooMany},
		"placeholder out of range": {`451-["e",{"_placeholder":true,"num":1}]`, badPlaces},
		"placeholder below":        {`451-["e",{"_placeholder":true,"num":-1}]`, badPlaces},
		"placeholder in halves":    {`451-["e",{"_placeholder":true,"num":0.5}]`, badPlaces},
		"placeholder as text":      {`451-["e",{"_placeholder":true,"num":"splice"}]`, badPlaces},
		"attachment named twice":   {`451-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]`, badPlaces},
		"placeholder as name":      {`451-[{"_placeholder":true,"num":0}]`, badPayload},
		"too deep":                 {`42["e",{[*600}{]*600}]`, tooDeep},
	} {
		all[name] = transcript{rows: rows[c.err], script: wsJoined + `
			ws>+ ` + c.packet + `
			ws> 42["e","never"]
			= s2 failed: ` + c.err + `
			ws< close
			! s2 forced close: ` + c.err + `
			! s1 forced close: ` + c.err + `
		`}
	}
	maps.Copy(all, map[string]transcript{
		"text where an attachment was awaited": {rows: "S05 F39", script: wsJoined + `
			ws> 451-["e",{"_placeholder":true,"num":0}]
			ws> 42["e"]
			= s2 failed: text message where an attachment was awaited
			ws< close
			! s2 forced close: text message where an attachment was awaited
			! s1 forced close: text message where an attachment was awaited
		`},
		"an attachment that nobody awaited": {rows: "S05 F39", script: wsJoined + `
			ws> bin 00
			= s2 failed: binary message without a packet that announced it
			ws< close
			! s2 forced close: binary message without a packet that announced it
			! s1 forced close: binary message without a packet that announced it
		`},
		"one attachment too many": {rows: "S05 F39", script: wsJoined + `
			ws> 451-["e",{"_placeholder":true,"num":0}]
			ws> bin 00
			= s2 ["e",{"_placeholder":true,"num":0}] 00
			ws> bin 00
			= s2 failed: binary message without a packet that announced it
			ws< close
			! s2 forced close: binary message without a packet that announced it
			! s1 forced close: binary message without a packet that announced it
		`},
		"attachments over the limit together": {rows: "S03 F38 F59", set: limit100, script: wsLimited + `
			ws> 40
			ws< 40{"sid":"s2"}
			ws> 453-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]
			ws> binlong 50
			ws>+ binlong 50
			ws> binlong 1
			= s2 failed: limit: attachment bytes (100)
			ws< close
			! s2 forced close: limit: attachment bytes (100)
			! s1 forced close: limit: attachment bytes (100)
		`},
		"ten attachments": {rows: "S02 S03 F39", script: wsJoined + strings.Repeat(`
			ws> 4510-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3},{"_placeholder":true,"num":4},{"_placeholder":true,"num":5},{"_placeholder":true,"num":6},{"_placeholder":true,"num":7},{"_placeholder":true,"num":8},{"_placeholder":true,"num":9}]
			ws>+ bin 00
			ws>+ bin 01
			ws>+ bin 02
			ws>+ bin
			ws>+ bin 0404
			ws> bin 05
			ws>+ bin 06
			ws>+ bin 07
			ws>+ ping between
			ws>+ bin 08
			ws> bin 09
			ws< pong between
			= s2 ["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3},{"_placeholder":true,"num":4},{"_placeholder":true,"num":5},{"_placeholder":true,"num":6},{"_placeholder":true,"num":7},{"_placeholder":true,"num":8},{"_placeholder":true,"num":9}] 00 01 02  0404 05 06 07 08 09
		`, 2)},
		"a limit of one's own": {rows: "S03", set: func(c *Config) { c.MaxAttachments = 1 }, script: wsJoined + `
			ws> 452-["e"]
			= s2 failed: socketio: too many attachments, limit: attachments (1)
			ws< close
			! s2 forced close: socketio: too many attachments, limit: attachments (1)
			! s1 forced close: socketio: too many attachments, limit: attachments (1)
		`},
		"legal, if odd": {rows: "S01 S06 S08 F37 F44 K10", script: wsJoined + `
			ws> 42[1,2]
			= s2 [1,2]
			ws> 42["error"]
			= s2 ["error"]
			ws> 42["__proto__",{"__proto__":1}]
			= s2 ["__proto__",{"__proto__":1}]
			ws> 42["toString"]
			= s2 ["toString"]
			ws> 42[""]
			= s2 [""]
			ws> 42["\u0065cho","escaped"]
			ws< 42["\u0065cho","escaped"]
			ws> 42/,["e"]
			= s2 ["e"]
			ws> 42000["e"]
			= s2 ["e"] #0
			ws> 429007199254740991["e"]
			= s2 ["e"] #9007199254740991
			ws> 42["e",{"_placeholder":true,"num":0}]
			= s2 ["e",{"_placeholder":true,"num":0}]
			ws> 42["e",{[*200}{]*200}]
			= s2 ["e",{[*200}{]*200}]
			ws> 42["{n*5000}"]
			= s2 ["{n*5000}"]
		`},
		"types of Engine.IO that mean nothing here": {rows: "F34", script: wsJoined + `
			ws> 6
			ws> 0{}
			ws> 5
			ws> 42["echo"]
			ws< 42["echo"]
			ws> 7
			ws< close
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"an empty message": {rows: "F34", script: wsJoined + `
			ws> texthex
			ws< close
			! s2 parse error: engineio: invalid packet
			! s1 parse error: engineio: invalid packet
		`},
		"all sockets hear of it": {rows: "S07", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			ws> 4x
			= s3 failed: socketio: unknown packet type
			= s2 failed: socketio: unknown packet type
			ws< close
			! s3 forced close: socketio: unknown packet type
			! s2 forced close: socketio: unknown packet type
			! s1 forced close: socketio: unknown packet type
		`},
		"by polling": {rows: "S07 F35", source: "the rest of the payload is dropped", script: joined + `
			b> GET s1
			a> POST s1 42["e",1]\x1e4x\x1e42["e",2]
			= s2 ["e",1]
			= s2 failed: socketio: unknown packet type
			a< 400
			b< 200 1
			! s2 forced close: socketio: unknown packet type
			! s1 forced close
		`},
	})
	return all
}

// TestAcks: questions both ways.
func TestAcks(t *testing.T) { playAll(t, acksTranscripts()) }

func acksTranscripts() map[string]transcript {
	return map[string]transcript{
		"from the client": {rows: "K02", source: "Socket.IO protocol 5, Acknowledgement", script: wsJoined + `
			ws> 420["echo"]
			ws< 430[]
			ws> 4212["echo",{"a":1},null]
			ws< 4312[{"a":1},null]
			ws> 451-13["echo",{"_placeholder":true,"num":0}]
			ws> bin 0102
			ws< 461-13[{"_placeholder":true,"num":0}]
			ws< bin 0102
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			ws> 42/chat,7["echo",1]
			ws< 43/chat,7[1]
		`},
		"from the server": {rows: "K03", source: "an id that is not known is ignored", script: wsJoined + `
			. ask s2 0
			. ask s2 1
			. emit s2 420["q"]
			ws< 420["q"]
			ws> 430["yes"]
			= s2 ack 0 ["yes"]
			ws> 430["again"]
			ws> 43999[]
			ws> 43["without an id"]
			ws> 461-1[{"_placeholder":true,"num":0}]
			ws> bin ff
			= s2 ack 1 [{"_placeholder":true,"num":0}] ff
		`},
		"by namespace": {rows: "K03", script: wsJoined + `
			ws> 40/chat,
			ws< 40/chat,{"sid":"s3"}
			. ask s2 5
			. ask s3 5
			ws> 43/chat,5[2]
			= s3 ack 5 [2]
			ws> 435[1]
			= s2 ack 5 [1]
		`},
		"forgotten": {rows: "K03 K04", script: wsJoined + `
			. ask s2 5
			. forget s2 5
			. forget s2 5
			ws> 435["late"]
		`},
		"the client leaves": {rows: "K05", source: "every question is settled", script: wsJoined + `
			. ask s2 5
			ws> 41
			= s2 ack 5: socket has been disconnected
			! s2 client namespace disconnect
			. ask s2 6
			= s2 ack 6: socket has been disconnected
		`},
	}
}
