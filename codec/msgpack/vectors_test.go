package msgpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// vectors are packets as the reference parsers encode them: see testdata/vectors.mjs.
type vectors struct {
	Same []struct {
		Name    string
		Text    string   // as the default parser has it
		Buffers []string // and its attachments, in hexadecimal
		Hex     string   // as the parser for MessagePack has it
		SHA256  string   // in place of the three, which the name tells
	}
	Inward []struct {
		Name    string
		JSON    string // of the second element of the data
		Buffers []string
		Hex     string
	}
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	file, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(file, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Same) < 60 || len(v.Inward) < 15 {
		t.Fatal("vectors are missing")
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unhexAll(t testing.TB, list []string) (all [][]byte) {
	t.Helper()
	for _, s := range list {
		all = append(all, unhex(t, s))
	}
	return all
}

var defaultHead = regexp.MustCompile(`^([0-6])(?:\d+-)?(/[^,]*,)?(\d+)?`)

// parsed is a packet in the default encoding, which is known to be right.
func parsed(text string, buffers [][]byte) *Packet {
	m := defaultHead.FindStringSubmatch(text)
	p := &Packet{Type: int(m[1][0] - '0'), Namespace: []byte("/"), ID: -1, Data: []byte(text[len(m[0]):]), Attachments: buffers}
	if p.Type > 4 {
		p.Type -= 3
	}
	if m[2] != "" {
		p.Namespace = []byte(strings.TrimSuffix(m[2], ","))
	}
	if m[3] != "" {
		p.ID, _ = strconv.ParseInt(m[3], 10, 64)
	}
	return p
}

// long is a vector of which the file has only the name.
func long(t testing.TB, name string) *Packet {
	t.Helper()
	kind, count, _ := strings.Cut(name, " of ")
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	p := &Packet{Type: 2, Namespace: []byte("/"), ID: -1}
	arg := ""
	switch kind {
	case "string":
		arg = `"` + strings.Repeat("a", n) + `"`
	case "array":
		arg = "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]"
	case "object":
		members := make([]string, n)
		for i := range members {
			members[i] = fmt.Sprintf(`"k%d":1`, i)
		}
		arg = "{" + strings.Join(members, ",") + "}"
	case "bin":
		arg = `{"_placeholder":true,"num":0}`
		p.Attachments = [][]byte{bytes.Repeat([]byte{7}, n)}
	default:
		t.Fatalf("no such vector: %q", name)
	}
	p.Data = []byte(`["e",` + arg + `]`)
	return p
}

// TestVectors (S10): byte for byte what the reference's parser makes of packets, and back.
func TestVectors(t *testing.T) {
	for _, v := range readVectors(t).Same {
		t.Run(v.Name, func(t *testing.T) {
			p, want := &Packet{}, []byte(nil)
			if v.SHA256 != "" {
				p = long(t, v.Name)
			} else {
				p, want = parsed(v.Text, unhexAll(t, v.Buffers)), unhex(t, v.Hex)
			}
			got, err := new(Encoder).AppendPacket([]byte("before"), p)
			if err != nil {
				t.Fatal(err)
			}
			got = bytes.TrimPrefix(got, []byte("before"))
			if v.SHA256 != "" {
				if sum := sha256.Sum256(got); hex.EncodeToString(sum[:]) != v.SHA256 {
					t.Fatalf("not the reference's %d bytes", len(got))
				}
			} else if !bytes.Equal(got, want) {
				t.Fatalf("AppendPacket(%s)\n got %x\nwant %x", v.Text, got, want)
			}

			var d Decoder
			back, err := d.Packet(got, 10)
			if err != nil {
				t.Fatal(err)
			}
			same(t, &back, p)
		})
	}
}

// same holds one packet against another, whose data may be spelled in another way.
func same(t testing.TB, got, want *Packet) {
	t.Helper()
	if got.Type != want.Type || string(got.Namespace) != string(want.Namespace) || got.ID != want.ID ||
		len(got.Attachments) != len(want.Attachments) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for i := range got.Attachments {
		if !bytes.Equal(got.Attachments[i], want.Attachments[i]) {
			t.Fatalf("attachment %d: got %x, want %x", i, got.Attachments[i], want.Attachments[i])
		}
	}
	if a, b := canonical(t, got.Data), canonical(t, want.Data); a != b {
		t.Fatalf("data\n got %s\nwant %s", a, b)
	}
}

// canonical is JSON text as encoding/json has it, "" of none.
func canonical(t testing.TB, text []byte) string {
	t.Helper()
	if len(text) == 0 {
		return ""
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestInward (S10): values that JSON has no word for become what JSON.stringify makes of
// them, and members that are no packet's are skipped.
func TestInward(t *testing.T) {
	for _, v := range readVectors(t).Inward {
		t.Run(v.Name, func(t *testing.T) {
			var d Decoder
			p, err := d.Packet(unhex(t, v.Hex), 10)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := string(p.Data), `["e",`+v.JSON+`]`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if len(p.Attachments) != len(v.Buffers) {
				t.Fatalf("%d attachments, want %d", len(p.Attachments), len(v.Buffers))
			}
			for i, b := range unhexAll(t, v.Buffers) {
				if !bytes.Equal(p.Attachments[i], b) {
					t.Errorf("attachment %d: got %x, want %x", i, p.Attachments[i], b)
				}
			}
		})
	}
}
