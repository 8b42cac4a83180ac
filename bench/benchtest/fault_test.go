package benchtest

import (
	"slices"
	"testing"
	"time"
)

func TestParsePlant(t *testing.T) {
	for _, tc := range []struct {
		text string
		want Plant
		ok   bool
	}{
		{"lost", Plant{Kind: Lost}, true},
		{"late=1/50", Plant{Kind: Late, Every: 50}, true},
		{"doubled=1/1", Plant{Kind: Doubled, Every: 1}, true},
		{"swapped=", Plant{}, false},
		{"swapped=50", Plant{}, false},
		{"swapped=1/0", Plant{}, false},
		{"corrupted=1/x", Plant{}, false},
		{"lost=2/100", Plant{}, false},
		{"stolen", Plant{}, false},
	} {
		p, err := ParsePlant(tc.text)
		if (err == nil) != tc.ok || tc.ok && p != tc.want {
			t.Errorf("ParsePlant(%q) = %+v, %v", tc.text, p, err)
		}
	}
}

// TestTurns: one in Every, at a place that the seed draws, and the same the next
// time.
func TestTurns(t *testing.T) {
	places := func(seed uint64) (at []int) {
		p, err := newPlanter(Plant{Kind: Lost, Every: 10, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if p.turn(true) {
				at = append(at, i)
			}
		}
		if p.count() != uint64(len(at)) {
			t.Errorf("%d were planted, %d are told", len(at), p.count())
		}
		return at
	}
	first := places(1)
	if len(first) != 10 || !slices.Equal(first, places(1)) || slices.Equal(first, places(2)) {
		t.Errorf("seed 1: %v and %v, seed 2: %v", first, places(1), places(2))
	}
	for i, at := range first {
		if at/10 != i {
			t.Errorf("number %d is at %d", i, at)
		}
	}
}

// TestTurnWaits: a fault that could not be done is done as soon as one can.
func TestTurnWaits(t *testing.T) {
	p, err := newPlanter(Plant{Kind: Corrupted, Every: 2})
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if p.turn(false) {
			t.Error("a turn that cannot be")
		}
	}
	for range 2 {
		if !p.turn(true) {
			t.Error("two were owed")
		}
	}
}

func TestCorrupted(t *testing.T) {
	for _, tc := range []struct{ packet, want string }{
		{`42["echo","abc"]`, `42["echo","abd"]`},
		{`42["echo","abc."]`, `42["echo","abd."]`},
		{`42["echo","ab\n"]`, `42["echo","ac\n"]`},
		{`42["echo","0\u00ef"]`, `42["echo","0\u00ee"]`},
		{`42["object",{"name":"x","y":5}]`, `42["object",{"name":"x","z":5}]`},
		{`42[""]`, ``},
		{`43[]`, ``},
	} {
		packets := []string{tc.packet}
		got := corrupted(packets, false)
		if tc.want == "" && got != nil || tc.want != "" && !slices.Equal(got, []string{tc.want}) {
			t.Errorf("%s became %v, want %s", tc.packet, got, tc.want)
		}
		if packets[0] != tc.packet {
			t.Errorf("%s itself became %s", tc.packet, packets[0])
		}
	}
	if got := corrupted([]string{"451-[]", "bAAEC"}, false); !slices.Equal(got, []string{"451-[]", "bAAED"}) {
		t.Errorf("attachment: %v", got)
	}
}

func TestStall(t *testing.T) {
	s := Stall{For: 2 * time.Second, Every: 5 * time.Second}
	for since, want := range map[time.Duration]time.Duration{
		0: 0, 2999 * time.Millisecond: 0, 3 * time.Second: 2 * time.Second, 4 * time.Second: time.Second, 5 * time.Second: 0, 9 * time.Second: time.Second,
	} {
		if got := s.left(since); got != want {
			t.Errorf("%v after the start: %v left, want %v", since, got, want)
		}
	}
	for _, bad := range []Stall{{For: -1}, {For: 1}, {For: 5, Every: 5}} {
		if bad.check() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

// TestRefused: what New does not do.
func TestRefused(t *testing.T) {
	for _, o := range []Options{{Plant: Plant{Kind: "x"}}, {Plant: Plant{Every: -1}}, {Stall: Stall{For: 1}}, {Addr: "nowhere"}} {
		if s, err := New(o); err == nil {
			s.Close()
			t.Errorf("%+v is accepted", o)
		}
	}
}
