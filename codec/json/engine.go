package json

import (
	stdjson "encoding/json"
	"errors"
	"sync"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"
)

// Engine encodes and decodes a value that holds no binary. Users replace it to
// have a say in the text of their values; what the reference calls replacer and
// reviver.
//
// An engine of the user's sees every value without binary whole. Of a value with
// binary, the containers on the way to a byte slice are written and read by this
// package and the engine sees what lies beside: it is never asked about a byte
// slice that became an attachment. [Sonic] and [Std] are known by their address:
// beside them, simple values are written and read by hand, which a copy of one of
// them with a function changed does not do.
//
// Both functions are called from many goroutines at once.
type Engine struct {
	// Marshal appends the JSON text of v to dst and returns the longer slice,
	// as append does. It may use dst up to its capacity, must not keep it, and
	// must not change v. On error what it returns is ignored.
	Marshal func(dst []byte, v any) ([]byte, error)

	// Unmarshal stores the value of the JSON text data in what v points to. It
	// must not write to data nor keep a view of it.
	Unmarshal func(data []byte, v any) error
}

// The two engines that come with the package.
var (
	// Std is encoding/json, with sorted keys of maps. It runs everywhere.
	Std = &Engine{Marshal: stdMarshal, Unmarshal: stdjson.Unmarshal}

	// Sonic is bytedance/sonic, with keys of maps in their own order. Where sonic
	// has no code for the processor or the Go release, Sonic is [Std].
	Sonic = sonicOrStd()

	// Default is what a [Codec] without an engine uses: [Sonic].
	Default = Sonic
)

func sonicOrStd() *Engine {
	if !sonicNative {
		return Std
	}
	return &Engine{Marshal: sonicMarshal, Unmarshal: sonicAPI.Unmarshal}
}

// sonicNative says that sonic runs its own code, not encoding/json.
const sonicNative = sonic.APIKind == sonic.UseSonicJSON

// sonicAPI decodes. Its Unmarshal makes one private copy of the text, so decoded
// strings do not alias the caller's buffer; they do keep that copy alive as long
// as any of them lives. UnmarshalFromString would alias: do not use it here.
var sonicAPI = sonic.Config{
	EscapeHTML:     false,
	SortMapKeys:    false,
	ValidateString: false, // [checkInbound] and [clean] do it at less cost
	CopyString:     false,
}.Froze()

// sonicEncoding is the encoder's half of sonicAPI. The one bit in it matters only
// where sonic is encoding/json in disguise.
const sonicEncoding = encoder.NoEncoderNewline

// sonicBuffers holds slice headers for sonicMarshal: sonic wants the address of
// the caller's slice, and a local's would be one allocation a call.
var sonicBuffers = sync.Pool{New: func() any { return new([]byte) }}

func sonicMarshal(dst []byte, v any) ([]byte, error) {
	buf := sonicBuffers.Get().(*[]byte)
	*buf = dst
	err := encoder.EncodeInto(buf, v, sonicEncoding)
	out := *buf
	*buf = nil
	sonicBuffers.Put(buf)
	if err != nil {
		// The slice that sonic leaves behind after an error must not be looked
		// at: its length can be 1<<63.
		return dst, err
	}
	return out, nil
}

// stdEncoders holds encoders for stdMarshal: SetEscapeHTML is theirs alone.
var stdEncoders = sync.Pool{New: func() any {
	s := new(stdState)
	s.encoder = stdjson.NewEncoder(s)
	s.encoder.SetEscapeHTML(false)
	return s
}}

// A stdState is an encoder of encoding/json and the slice that it appends to.
type stdState struct {
	dst     []byte
	encoder *stdjson.Encoder
}

// Write appends b. It never fails, so the encoder never sticks in an error.
func (s *stdState) Write(b []byte) (int, error) {
	s.dst = append(s.dst, b...)
	return len(b), nil
}

func stdMarshal(dst []byte, v any) ([]byte, error) {
	s := stdEncoders.Get().(*stdState)
	s.dst = dst
	err := s.encoder.Encode(v)
	out := s.dst
	s.dst = nil
	stdEncoders.Put(s)
	if err != nil {
		return dst, err
	}
	return out[:len(out)-1], nil // without the newline
}

// builtin says whether e is one of ours, so that doing by hand what it would do
// makes no difference that anybody asked for.
func (e *Engine) builtin() bool { return e == Sonic || e == Std }

// sorted says whether e writes the keys of maps in order, and so whether we do.
func (e *Engine) sorted() bool { return e == Std }

// append is e.Marshal with the promises of this package: dst is as it was after
// an error, and the text is clean.
func (e *Engine) append(dst []byte, v any) ([]byte, error) {
	out, err := e.Marshal(dst, v)
	if err != nil {
		return dst, err
	}
	if len(out) <= len(dst) {
		return dst, errNoText
	}
	return clean(out, len(dst)), nil
}

// errNoText is returned for an engine that reports success and appends nothing.
var errNoText = errors.New("json: engine wrote no text")
