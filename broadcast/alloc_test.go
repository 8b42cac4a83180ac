package broadcast

import (
	"fmt"
	"testing"
)

// crowd is a shard of n members in a room, every tenth in another too.
func crowd(n int) (s *Shard, d *Directory, members []*Member, count *int) {
	d, count = NewDirectory(1), new(int)
	s = NewShard(0, d, func(*Member, *Message, Flags) { *count++ })
	for i := range n {
		m := new(Member)
		s.Add(m)
		s.Join(m, d.Raise("all", 0))
		if i%10 == 0 {
			s.Join(m, d.Raise("some", 0))
		}
		members = append(members, m)
	}
	return s, d, members, count
}

// selections are the kinds of broadcasts, with the share of members that each reaches.
func selections(d *Directory, members []*Member) []struct {
	name    string
	sel     *Selection
	reached int
} {
	all, some := d.Find("all"), d.Find("some")
	n := len(members)
	return []struct {
		name    string
		sel     *Selection
		reached int
	}{
		{"everyone", &Selection{Everyone: true}, n},
		{"room", &Selection{Rooms: []*Room{all}}, n},
		{"two rooms", &Selection{Rooms: []*Room{some, all}}, n},
		{"except a room", &Selection{Rooms: []*Room{all}, Except: []*Room{some}}, n - n/10},
		{"skip one", &Selection{Rooms: []*Room{all}, Skip: members[:1]}, n - 1},
		{"single", &Selection{Single: members[:1]}, 1},
		{"filter", &Selection{Everyone: true, Filter: func(m *Member) bool { return m.at%2 == 0 }}, n / 2},
	}
}

// TestDeliverDoesNotAllocate: a broadcast to 1,000 costs no memory.
func TestDeliverDoesNotAllocate(t *testing.T) {
	s, d, members, count := crowd(1000)
	m := newMessage(`42["x"]`)
	for _, c := range selections(d, members) {
		t.Run(c.name, func(t *testing.T) {
			*count = 0
			n := testing.AllocsPerRun(100, func() { s.Deliver(c.sel, m, 0) })
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
			if *count != 101*c.reached {
				t.Errorf("%d deliveries, want %d", *count, 101*c.reached)
			}
		})
	}
}

// TestMovingAboutDoesNotAllocate: a member that goes from room to room, among others.
func TestMovingAboutDoesNotAllocate(t *testing.T) {
	s, d, members, _ := crowd(1000)
	m := members[5]
	s.Join(m, d.Raise("some", 0))
	n := testing.AllocsPerRun(100, func() {
		s.Leave(m, "some")
		s.Join(m, d.Raise("some", 0))
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDeliver(b *testing.B) {
	for _, n := range []int{1000, 16_000} {
		s, d, members, _ := crowd(n)
		m := newMessage(`42["x"]`)
		for _, c := range selections(d, members) {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Deliver(c.sel, m, 0)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.reached), "ns/receiver")
			})
		}
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	for _, n := range []int{1000, 16_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, d, members, _ := crowd(n)
			b.ReportAllocs()
			for b.Loop() {
				s.Leave(members[1], "some")
				s.Join(members[1], d.Raise("some", 0))
			}
		})
	}
}
