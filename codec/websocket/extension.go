package websocket

import "strconv"

// A Deflate is what was agreed on for permessage-deflate. Both sides forget each message
// before the next one, so a connection keeps no window, and one compressed frame serves
// every receiver of a broadcast. The zero value is no agreement.
//
// Source: RFC 7692, section 7.
type Deflate struct {
	// WindowBits bounds the window of what the server compresses: 2 to its power,
	// in bytes. It is 8 to [MaxWindowBits]; 0 if nothing was agreed on.
	WindowBits uint8

	// asked: the client has named a bound, so it is told of ours.
	asked bool
}

const (
	// MaxWindowBits is the window of DEFLATE itself: 32 KiB.
	MaxWindowBits = 15

	// minWindowBits is the smallest that may be asked for.
	minWindowBits = 8
)

// On reports whether there is an agreement.
func (d Deflate) On() bool { return d.WindowBits != 0 }

// AppendResponse appends the value of the Sec-WebSocket-Extensions field that accepts the
// offer, and returns the extended slice. There must be an agreement.
//
// Both no_context_takeover are in it, offered or not: a server may do so (sections 7.1.1.1
// and 7.1.1.2). The client's window is left to the client: what it sends is inflated with
// the largest.
func (d Deflate) AppendResponse(dst []byte) []byte {
	dst = append(dst, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"...)
	if d.asked {
		dst = append(dst, "; server_max_window_bits="...)
		dst = strconv.AppendUint(dst, uint64(d.WindowBits), 10)
	}
	return dst
}

// AcceptDeflate reads the value of a client's Sec-WebSocket-Extensions field and accepts
// its first offer of permessage-deflate that is legal. Without one it returns no agreement,
// and no error: the connection can go on without compression. Offers of other extensions
// are passed over. It does not allocate.
//
// An offer with a parameter that is unknown, comes twice or has a value that it must not
// have is declined, as section 7.1 of RFC 7692 asks for; the reference server refuses the
// whole request instead.
//
// Error: [ErrExtensions] for what is not a list of extensions; the request must be refused.
//
// Source: RFC 6455, section 9.1, and RFC 7692, sections 5.1 and 7.1.
func AcceptDeflate(list []byte) (accepted Deflate, err error) {
	p, some, apart := list, false, true
	for {
		// Empty elements do no harm. Source: RFC 9110, section 5.6.1.2.
		for p = blanks(p); len(p) > 0 && p[0] == ','; p = blanks(p[1:]) {
			apart = true
		}
		if len(p) == 0 && some {
			return accepted, nil
		}
		name, rest := token(p)
		if len(name) == 0 || !apart {
			return Deflate{}, ErrExtensions
		}
		some, apart = true, false
		o := offer{legal: true}
		if p, err = o.parameters(rest); err != nil {
			return Deflate{}, err
		}
		if string(name) == "permessage-deflate" && o.legal && !accepted.On() {
			accepted = o.accept()
		}
	}
}

// An offer is one offer of permessage-deflate as it is read.
type offer struct {
	seen  [4]bool // of deflateParameters
	bits  uint8   // server_max_window_bits
	legal bool
}

// The parameters of permessage-deflate. Source: RFC 7692, section 7.1.
var deflateParameters = [4]string{
	"server_no_context_takeover", "client_no_context_takeover", serverWindow: "server_max_window_bits", clientWindow: "client_max_window_bits",
}

const (
	serverWindow = 2
	clientWindow = 3
)

func (o *offer) accept() Deflate {
	if o.seen[serverWindow] {
		return Deflate{WindowBits: o.bits, asked: true}
	}
	return Deflate{WindowBits: MaxWindowBits}
}

// parameters reads what stands behind the name of an extension, and returns what stands
// behind that.
//
//	*( ";" token [ "=" ( token | quoted-string ) ] )
func (o *offer) parameters(p []byte) (rest []byte, err error) {
	for {
		p = blanks(p)
		if len(p) == 0 || p[0] != ';' {
			return p, nil
		}
		name, rest := token(blanks(p[1:]))
		if len(name) == 0 {
			return nil, ErrExtensions
		}
		if len(rest) == 0 || rest[0] != '=' {
			o.add(name, nil)
			p = rest
			continue
		}
		var scratch [16]byte
		value, rest := parameterValue(scratch[:0], rest[1:])
		if len(value) == 0 {
			return nil, ErrExtensions
		}
		o.add(name, value)
		p = rest
	}
}

// add takes one parameter; value is nil if it has none.
func (o *offer) add(name, value []byte) {
	for i, known := range deflateParameters {
		if string(name) != known {
			continue
		}
		if o.seen[i] {
			o.legal = false
		}
		o.seen[i] = true
		bits := windowBits(value)
		switch i {
		case serverWindow:
			o.bits = bits
			o.legal = o.legal && bits != 0
		case clientWindow:
			o.legal = o.legal && (value == nil || bits != 0)
		default:
			o.legal = o.legal && value == nil
		}
		return
	}
	o.legal = false
}

// windowBits is the value of a parameter as a size of window, or 0: a decimal number from
// 8 to 15 without leading zeros. Source: RFC 7692, section 7.1.2.
func windowBits(value []byte) uint8 {
	switch {
	case len(value) == 1 && value[0] >= '0'+minWindowBits && value[0] <= '9':
		return value[0] - '0'
	case len(value) == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '0'+MaxWindowBits-10:
		return 10 + value[1] - '0'
	}
	return 0
}

// parameterValue reads a token, or a quoted string that holds one: then value is put
// together in scratch, cut where that ends, for no value that means something is as long.
// value is empty if there is neither.
func parameterValue(scratch, p []byte) (value, rest []byte) {
	if len(p) == 0 || p[0] != '"' {
		return token(p)
	}
	for p = p[1:]; len(p) > 0; p = p[1:] {
		if p[0] == '"' {
			return scratch, p[1:]
		}
		if p[0] == '\\' {
			if p = p[1:]; len(p) == 0 {
				break
			}
		}
		if !tokenByte(p[0]) {
			break
		}
		if len(scratch) < cap(scratch) {
			scratch = append(scratch, p[0])
		}
	}
	return nil, nil
}

// blanks is p without the blanks at its start.
func blanks(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	return p
}

// token cuts a token off the start of p; it is empty if there is none.
func token(p []byte) (token, rest []byte) {
	n := 0
	for n < len(p) && tokenByte(p[n]) {
		n++
	}
	return p[:n], p[n:]
}

// tokenByte reports whether c may stand in a token. Source: RFC 9110, section 5.6.2.
func tokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return false
}
