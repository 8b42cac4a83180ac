// Package mix deals out names by share: of a hundred clients exactly seventy,
// twenty and ten, which ones being drawn by a seed, the same ones every time.
package mix

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Share is one name and how many parts of the whole it gets.
type Share struct {
	Name  string
	Parts int
}

// A Mix is names with their shares. Parts need not add up to a hundred. It must
// pass [Mix.Check] before it is picked from. Any goroutine, as long as nobody
// changes it.
type Mix []Share

// maxParts bounds the parts of a Mix together, what they have in common divided
// out: picking takes time in proportion.
const maxParts = 1000

// Of is the Mix of one name.
func Of(name string) Mix { return Mix{{name, 1}} }

// Parse reads "polling", or "websocket=70,polling=20,upgrade=10", where a percent
// sign may stand behind a number. Names with a share of 0 are left out.
func Parse(text string) (Mix, error) {
	if !strings.ContainsAny(text, "=,") {
		return Of(strings.TrimSpace(text)), nil
	}
	var m Mix
	for part := range strings.SplitSeq(text, ",") {
		name, share, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !ok {
			return nil, fmt.Errorf("%q: the share of %q is missing (NAME=PARTS,NAME=PARTS…)", text, name)
		}
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(share), "%"))
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q: share %q: must be a whole number", text, share)
		}
		m = append(m, Share{name, n})
	}
	m = slices.DeleteFunc(m, func(s Share) bool { return s.Parts == 0 })
	if len(m) == 0 {
		return nil, fmt.Errorf("%q: nothing has a share", text)
	}
	return m, nil
}

// Check says what is wrong with m: that it is empty, has a name twice, one that
// is not allowed, a share that is not positive, or too many parts. It returns m
// in its shortest form: a name alone has one part, and what all parts have in
// common is divided out.
func (m Mix) Check(allowed ...string) (Mix, error) {
	if len(m) == 0 {
		return nil, errors.New("an empty mix")
	}
	common, total := 0, 0
	seen := make(map[string]bool, len(m))
	for _, s := range m {
		if !slices.Contains(allowed, s.Name) {
			return nil, fmt.Errorf("%q: must be %s", s.Name, list(allowed))
		}
		if seen[s.Name] {
			return nil, fmt.Errorf("%q stands twice", s.Name)
		}
		seen[s.Name] = true
		if s.Parts <= 0 || s.Parts > 1_000_000 {
			return nil, fmt.Errorf("share %d of %s: must be 1 to 1,000,000", s.Parts, s.Name)
		}
		common = divisor(common, s.Parts)
	}
	short := slices.Clone(m)
	for i := range short {
		short[i].Parts /= common
		total += short[i].Parts
	}
	if total > maxParts {
		return nil, fmt.Errorf("%v: shares of more than %d parts: make them rounder", m, maxParts)
	}
	return short, nil
}

// list is "a, b or c".
func list(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return strings.Join(names, "")
}

func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// One says whether m has one name only.
func (m Mix) One() bool { return len(m) == 1 }

// Names are the names that have a share.
func (m Mix) Names() []string {
	names := make([]string, len(m))
	for i, s := range m {
		names[i] = s.Name
	}
	return names
}

// String is what [Parse] reads.
func (m Mix) String() string {
	if m.One() {
		return m[0].Name
	}
	var b strings.Builder
	for i, s := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%d", s.Name, s.Parts)
	}
	return b.String()
}

// Pick is the name of client n, 0 or more. In each run of as many clients as m
// has parts every name has exactly its share; seed, and which run it is, decide
// over the order in it, so that no other pattern in the numbers (rooms, loops)
// falls together with that of the names.
func (m Mix) Pick(n int, seed uint64) string {
	if m.One() {
		return m[0].Name
	}
	var deck [maxParts]uint16 // indexes into m
	total := 0
	for i, s := range m {
		for range s.Parts {
			deck[total] = uint16(i)
			total++
		}
	}
	state := seed ^ uint64(n/total)*0x9e3779b97f4a7c15
	// A shuffle from the end on: what it leaves at a place behind it stays there.
	for i := total - 1; i >= n%total; i-- {
		j := int(next(&state) % uint64(i+1))
		deck[i], deck[j] = deck[j], deck[i]
	}
	return m[deck[n%total]].Name
}

// next is splitmix64.
func next(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
