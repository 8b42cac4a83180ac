package loop

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/e6a90ca8/sio/broadcast"
	"github.com/e6a90ca8/sio/internal/uring"
	"github.com/e6a90ca8/sio/session"
)

// A handRing is a ring whose sends are made by hand: by default they are system calls, of
// which each has what result changes them to.
type handRing struct {
	t      *testing.T
	fds    []int
	bufs   [][][]byte
	result func(i int, send func(atMost int) int32) int32
	add    func(i int) // called first
	fails  error       // of each Submit
	closed bool
}

func (r *handRing) Add(fd int, bufs [][]byte) {
	if r.closed {
		r.t.Error("a send is added to a ring that was given back")
	}
	if r.add != nil {
		r.add(len(r.fds))
	}
	r.fds, r.bufs = append(r.fds, fd), append(r.bufs, bufs)
}

func (r *handRing) Drop() { r.fds, r.bufs = nil, nil }

func (r *handRing) Submit() (results []int32, err error) {
	if r.closed {
		r.t.Error("a ring that was given back is to send")
	}
	defer r.Drop()
	for i, fd := range r.fds {
		send := func(atMost int) int32 {
			var all []byte
			for _, b := range r.bufs[i] {
				all = append(all, b...)
			}
			n, err := unix.Write(fd, all[:min(len(all), atMost)])
			if err != nil {
				return -int32(err.(syscall.Errno))
			}
			return int32(n)
		}
		if r.result != nil {
			results = append(results, r.result(i, send))
		} else {
			results = append(results, send(1<<30))
		}
	}
	return results, r.fails
}

func (r *handRing) Close() { r.closed = true }

// by are options with the ring in place of the kernel's.
func by(r *handRing) Options {
	return Options{newRing: func() (ring, error) { return r, nil }}
}

// TestBatchResults: whatever the kernel answers to a send, the client gets each byte once or
// its connection ends, and the others get theirs.
func TestBatchResults(t *testing.T) {
	const clients = 8
	errno := func(e syscall.Errno) func(func(int) int32) int32 {
		return func(func(int) int32) int32 { return -int32(e) }
	}
	for name, c := range map[string]struct {
		result func(send func(int) int32) int32
		ends   error
	}{
		"all of it":                   {func(send func(int) int32) int32 { return send(1 << 30) }, nil},
		"a byte":                      {func(send func(int) int32) int32 { return send(1) }, nil},
		"all but a byte":              {func(send func(int) int32) int32 { return send(2 + len(`42["x"]`) + 2 + len(`42["yy"]`) - 1) }, nil},
		"up to the second buffer":     {func(send func(int) int32) int32 { return send(2 + len(`42["x"]`)) }, nil},
		"into the second buffer":      {func(send func(int) int32) int32 { return send(2 + len(`42["x"]`) + 1) }, nil},
		"nothing, there is no room":   {errno(syscall.EAGAIN), nil},
		"nothing, there was a signal": {errno(syscall.EINTR), nil},
		"nothing, there is no memory": {errno(syscall.ENOMEM), nil},
		"nothing, it was cancelled":   {errno(syscall.ECANCELED), nil},
		"a peer that is silent":       {errno(syscall.ETIMEDOUT), syscall.ETIMEDOUT},
		"a reset":                     {errno(syscall.ECONNRESET), syscall.ECONNRESET},
		"a broken pipe":               {errno(syscall.EPIPE), syscall.EPIPE},
		"no answer":                   {func(func(int) int32) int32 { return uring.Lost }, errLost},
	} {
		t.Run(name, func(t *testing.T) {
			r := &handRing{t: t}
			s := start(t, by(r))
			var all []*wsClient
			for range clients {
				all = append(all, s.connect())
			}
			var told []error
			s.app.onLeft = func(err error) { told = append(told, err) }
			var odd string
			var theirs, then [][]byte // buffers of its write
			hits := 0
			do(t, s.Loop(0), func() {
				r.result = func(i int, send func(int) int32) int32 {
					if i == 3 {
						hits++
						odd = fmt.Sprint(peerOf(t, r.fds[i]))
						for _, b := range r.bufs[i] {
							theirs, then = append(theirs, b), append(then, bytes.Clone(b))
						}
						return c.result(send)
					}
					return send(1 << 30)
				}
				shard := s.app.spaces[0].Shard
				shard.Deliver(&broadcast.Selection{Everyone: true}, newMessage(`42["x"]`), 0)
				for _, k := range s.app.all() {
					k.Send([]byte(`42["yy"]`), 0, true)
				}
			})
			s.eventually("it is sent", func() (sent bool) {
				do(t, s.Loop(0), func() { sent = hits > 0 })
				return sent
			})
			do(t, s.Loop(0), func() {
				r.result = nil
				for _, k := range s.app.all() {
					k.Send([]byte(`42["z"]`), 0, true)
				}
			})
			for _, x := range all {
				if x.LocalAddr().String() == odd && c.ends != nil {
					x.ended()
					continue
				}
				x.expect(`42["x"]`)
				x.expect(`42["yy"]`)
				x.expect(`42["z"]`)
			}
			want := 0
			if c.ends != nil {
				want = 1
			}
			s.eventually("the connections", func() bool { return s.Connections() == clients-want })
			do(t, s.Loop(0), func() {
				if len(told) != want || want == 1 && !errors.Is(told[0], c.ends) {
					t.Errorf("told of %v, want %v", told, c.ends)
				}
				for i := range theirs {
					if c.ends == errLost && !bytes.Equal(theirs[i], then[i]) {
						t.Error("a buffer that the kernel may look at was used again")
					}
				}
			})
		})
	}
}

// TestBatchFails: a ring that fails is not used again, not even for the rest of the flush;
// nobody loses anything.
func TestBatchFails(t *testing.T) {
	r := &handRing{t: t}
	s := start(t, by(r))
	var all []*wsClient
	for range maxBatch + 10 {
		all = append(all, s.connect())
	}
	do(t, s.Loop(0), func() {
		r.result = func(i int, send func(int) int32) int32 {
			if i >= 5 {
				return -int32(syscall.EAGAIN)
			}
			return send(1 << 30)
		}
		r.fails = unix.ENOMEM
	})
	for i := range 3 {
		s.everybody(fmt.Sprintf(`42["%d"]`, i))
		for _, c := range all {
			c.expect(fmt.Sprintf(`42["%d"]`, i))
		}
	}
	do(t, s.Loop(0), func() {
		if !r.closed || s.Loop(0).batch.ring != nil {
			t.Error("it is still there")
		}
	})
}

// TestBatchOfFew: connections that have nothing to say, or may not be written to by the ring,
// do not count.
func TestBatchOfFew(t *testing.T) {
	r := &handRing{t: t}
	s := start(t, Options{newRing: by(r).newRing, minBatch: 3})
	var all []*wsClient
	for range 10 {
		all = append(all, s.connect())
	}
	for _, few := range []int{2, 3} {
		before := s.batched()
		do(t, s.Loop(0), func() {
			for i, k := range s.app.all() {
				k.Send([]byte(`42["x"]`), 0, true)
				if i >= few {
					k.Session().WebSocket().Flush(s.Loop(0).now) // it is written, and stays in the list
				}
			}
		})
		for _, c := range all {
			c.expect(`42["x"]`)
		}
		want := int64(0)
		if few == 3 {
			want = 3
		}
		if n := s.batched() - before; n != want {
			t.Errorf("of %d that had something, %d were batched", few, n)
		}
	}
	s.everybody(`42["end"]`)
	for _, c := range all {
		c.expect(`42["end"]`)
	}
}

// TestBatchCrashes: a panic within a batch costs the connections of which nobody knows what
// they were sent. Those behind it get theirs, and the loop goes on without a ring.
func TestBatchCrashes(t *testing.T) {
	const clients, at = 10, 4
	for name, c := range map[string]struct {
		plan func(r *handRing)
		send func(s *server)
		ends int
	}{
		"adding, of a broadcast": {
			plan: func(r *handRing) {
				r.add = func(i int) {
					if i == at {
						panic("on demand")
					}
				}
			},
			send: func(s *server) { s.everybody(`42["x"]`) },
			ends: at + 1,
		},
		"adding, of what was sent to each": {
			plan: func(r *handRing) {
				r.add = func(i int) {
					if i == at {
						panic("on demand")
					}
				}
			},
			send: func(s *server) {
				do(t, s.Loop(0), func() {
					for _, k := range s.app.all() {
						k.Send([]byte(`42["x"]`), 0, true)
					}
				})
			},
			ends: at + 1,
		},
		"sending": {
			plan: func(r *handRing) {
				r.result = func(i int, send func(int) int32) int32 {
					if i == at {
						panic("on demand")
					}
					return send(1 << 30)
				}
			},
			send: func(s *server) {
				do(t, s.Loop(0), func() {
					for i, k := range s.app.all() {
						k.Send([]byte(`42["x"]`), 0, true)
						for range 2 * session.MaxBuffers * min(1, i/9) { // the last one has too many for the ring
							k.SendMessage(newMessage(fmt.Sprintf(`42["%s"]`, strings.Repeat("l", 1000))), 0)
						}
					}
				})
			},
			ends: clients,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &handRing{t: t}
			o := by(r)
			o.Config = testConfig()
			o.Config.PingInterval = time.Hour // it would flush what was forgotten
			s := start(t, o)
			var all []*wsClient
			for range clients {
				all = append(all, s.connect())
			}
			do(t, s.Loop(0), func() { c.plan(r) })
			c.send(s)
			s.eventually("some end", func() bool { return s.Connections() == clients-c.ends })
			alive := make(map[string]bool)
			do(t, s.Loop(0), func() {
				for _, k := range s.app.all() {
					if w, ok := k.Session().WebSocket().Wire().(*conn); ok && !w.closed {
						alive[peerOf(t, w.gnet.Fd()).String()] = true
					}
				}
				if l := s.Loop(0); !r.closed || l.batch.ring != nil || len(l.batch.sent)+len(l.batch.rest) != 0 {
					t.Errorf("closed %v, %+v", r.closed, l.batch)
				}
			})
			s.everybody(`42["y"]`)
			for _, x := range all {
				if alive[x.LocalAddr().String()] {
					x.expect(`42["x"]`)
					x.expect(`42["y"]`)
				}
			}
			if n := s.Loop(0).stats.Panics.Load(); n != 1 || len(alive) != clients-c.ends {
				t.Errorf("%d panics, %d are alive", n, len(alive))
			}
		})
	}
}
