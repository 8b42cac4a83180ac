package json

import (
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wire is a codec with Socket.IO's placeholder, {"_placeholder":true,"num":0}, on
// the engine e.
func wire(e *Engine) *Codec {
	return &Codec{Engine: e, AppendPlaceholder: appendMark, Placeholder: readMark}
}

func appendMark(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	return append(strconv.AppendInt(dst, int64(num), 10), '}')
}

func readMark(object []byte) (num int, ok bool) {
	var mark map[string]any
	if err := stdjson.Unmarshal(object, &mark); err != nil || mark["_placeholder"] != true {
		return 0, false
	}
	if n, isNumber := mark["num"].(float64); isNumber && n == float64(int(n)) {
		return int(n), true
	}
	return -1, true
}

// custom is an engine that is none of ours, as a user's.
var custom = &Engine{
	Marshal: func(dst []byte, v any) ([]byte, error) {
		text, err := stdText(v)
		return append(dst, text...), err
	},
	Unmarshal: stdjson.Unmarshal,
}

// engines are what every table runs on.
var engines = []struct {
	name string
	*Engine
}{{"sonic", Sonic}, {"std", Std}, {"custom", custom}}

// stdText is the oracle: what encoding/json writes, without HTML escapes.
func stdText(v any) ([]byte, error) {
	var b bytes.Buffer
	e := stdjson.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// canonical is text with its keys sorted and its strings and numbers in one form,
// to compare texts of engines that choose differently.
func canonical(t testing.TB, text []byte) string {
	t.Helper()
	d := stdjson.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("not JSON: %q: %v", text, err)
	}
	out, err := stdText(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Types that have all that a walk can meet.
type (
	bin     []byte // a byte slice type without methods, as sio.Binary
	octet   byte
	text    string
	level   int
	flag    bool
	pair    [2]int
	nothing struct{}

	// upper writes and reads itself as text, by value.
	upper struct{ s string }
	// shout is a string that writes and reads itself as text.
	shout string
	// viaPointer has its methods on the pointer: they count where it is addressable.
	viaPointer struct{ N int }
	// packed is a byte slice that writes itself, so it is no binary.
	packed []byte
	// zeroes has its own idea of zero.
	zeroes struct{ N int }

	Inner struct {
		A    int
		Data []byte
		Both string // a tie with hidden's: neither is a member
		Won  string // hidden's has a tag and wins
	}
	hidden struct {
		B    string
		Both string
		Tag  string `json:"Won"`
	}
	Deep struct{ Shadow, DeepOnly int }
	Base struct {
		Deep
		Shadow string
	}
	Linked struct{ Link any }
)

func (u upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(u.s)), nil }

func (u *upper) UnmarshalText(b []byte) error {
	if len(b) > 100 {
		return errors.New("upper: too long")
	}
	u.s = strings.ToLower(string(b))
	return nil
}

func (s shout) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(string(s)) + "!"), nil }

func (s *shout) UnmarshalText(b []byte) error {
	*s = shout(strings.ToLower(strings.TrimSuffix(string(b), "!")))
	return nil
}

func (p *viaPointer) MarshalJSON() ([]byte, error) {
	return []byte(`{"via":` + strconv.Itoa(p.N) + `}`), nil
}

func (p *viaPointer) UnmarshalJSON(b []byte) error {
	var via struct{ Via int }
	err := stdjson.Unmarshal(b, &via)
	p.N = via.Via
	return err
}

func (p packed) MarshalJSON() ([]byte, error) { return []byte(`"` + hex.EncodeToString(p) + `"`), nil }

func (p *packed) UnmarshalJSON(b []byte) (err error) {
	*p, err = hex.DecodeString(strings.Trim(string(b), `"`))
	return err
}

func (z zeroes) IsZero() bool { return z.N == 7 }

// rich has every kind of field, all of it in one binary-capable type.
type rich struct {
	hidden
	Inner
	Base
	Bool       bool
	Int        int `json:"int"`
	I8         int8
	U16        uint16 `json:"u16,omitempty"`
	F32        float32
	F64        float64 `json:",omitempty"`
	Str        string  `json:"<&>,omitempty"`
	Named      text
	Level      level              `json:"level,string"`
	Flag       *flag              `json:"flag,string,omitempty"`
	Quoted     string             `json:"quoted,string"`
	QFloat     *float64           `json:",string"`
	Number     stdjson.Number     `json:"number"`
	Raw        stdjson.RawMessage `json:"raw,omitempty"`
	Bytes      []byte
	Bin        bin `json:"bin,omitempty"`
	PBytes     *[]byte
	Packed     packed
	Octets     []octet
	Any        any
	Anys       []any
	Map        map[string]any
	Ints       map[int]string `json:"ints,omitempty"`
	Uppers     map[upper]int
	Blobs      map[text][]byte
	ByLevel    map[level]*Inner
	List       []Inner
	Pair       pair
	Blocks     [2][]byte
	Time       time.Time
	Upper      upper
	PUpper     *upper
	Via        viaPointer
	PVia       *viaPointer
	Vias       []viaPointer
	Next       *rich     `json:"next,omitempty"`
	Nothing    nothing   `json:"nothing,omitempty"`
	Zero       zeroes    `json:"zero,omitzero"`
	ZeroTime   time.Time `json:"zero_time,omitzero"`
	Dash       int       `json:"-,"`
	Skip       int       `json:"-"`
	Öffentlich string
	unseen     int
}
