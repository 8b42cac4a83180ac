//go:build linux

package uring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// From the kernel's io_uring.h.
const (
	opSendMessage = 9  // 5.3
	opSend        = 26 // 5.6

	setupSubmitAll       = 1 << 7 // 5.18: a submission that is refused does not hold up those behind it
	setupCoopTaskRun     = 1 << 8 // 5.19: no interrupt for what the next call does as well
	featureSingleMapping = 1 << 0 // 5.4
	featureNoDrop        = 1 << 1 // 5.5
	featureStable        = 1 << 2 // 5.5: headers and vectors are read before the call returns
	offsetRings          = 0
	offsetSubmissions    = 0x10000000
	enterGetEvents       = 1 << 0
)

// A Ring is one io_uring. It may be used by one goroutine at a time, on any thread.
type Ring struct {
	fd                 int
	rings, slots       []byte // mappings: of the rings, and of the submissions
	head, tail         *atomic.Uint32
	mask               uint32
	entries            []submission
	doneHead, doneTail *atomic.Uint32
	doneMask           uint32
	done               []completion

	n       int           // sends that were added and not submitted
	headers []unix.Msghdr // of those with several buffers, by their number
	vectors []unix.Iovec  // vectors[:used]: the buffers of all
	used    int
	results []int32

	enter func(fd, submit, wait int) (int, error) // the system call, but in tests
}

// system are the calls that a Ring is made by; tests put failures in their place.
type system struct {
	setup func(entries uint32, p *parameters) (int, error)
	enter func(fd, submit, wait int) (int, error)
}

var kernel = system{setup: setup, enter: enter}

// New makes a ring for up to size sends at once, rounded up to a power of two, and tries it
// with some that nobody else sees. It holds one descriptor and, for 256, 80 KB.
func New(size int) (*Ring, error) { return kernel.open(size) }

func (k system) open(size int) (*Ring, error) {
	size = max(size, 2) // for the probe
	p := parameters{flags: setupSubmitAll | setupCoopTaskRun}
	fd, err := k.setup(uint32(size), &p)
	if errors.Is(err, unix.EINVAL) { // an older kernel: it does without
		p = parameters{}
		fd, err = k.setup(uint32(size), &p)
	}
	if err != nil {
		return nil, fmt.Errorf("uring: io_uring_setup: %w", err)
	}
	r := &Ring{fd: fd, enter: k.enter}
	if err := r.connect(&p); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.probe(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// connect maps what is shared with the kernel.
func (r *Ring) connect(p *parameters) (err error) {
	if need := uint32(featureSingleMapping | featureNoDrop | featureStable); p.features&need != need {
		return ErrUnsupported
	}
	size := max(p.sq.array+4*p.submissions, p.cq.first+16*p.completions)
	if r.rings, err = r.mapping(offsetRings, size); err != nil {
		return err
	}
	if r.slots, err = r.mapping(offsetSubmissions, 64*p.submissions); err != nil {
		return err
	}
	r.head, r.tail, r.mask = word(r.rings, p.sq.head), word(r.rings, p.sq.tail), p.submissions-1
	r.entries = submissions(r.slots, p.submissions)
	for i, array := 0, words(r.rings, p.sq.array, p.submissions); i < len(array); i++ {
		array[i] = uint32(i) // for good
	}
	r.doneHead, r.doneTail, r.doneMask = word(r.rings, p.cq.head), word(r.rings, p.cq.tail), p.completions-1
	r.done = completions(r.rings, p.cq.first, p.completions)
	r.headers = make([]unix.Msghdr, p.submissions)
	r.vectors = make([]unix.Iovec, p.submissions*MaxBuffers)
	r.results = make([]int32, p.submissions)
	return nil
}

func (r *Ring) mapping(offset int64, size uint32) ([]byte, error) {
	b, err := unix.Mmap(r.fd, offset, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("uring: mmap: %w", err)
	}
	return b, nil
}

// Close gives everything back. Nothing may be done with r behind it but to close it again.
func (r *Ring) Close() {
	if r.fd < 0 {
		return
	}
	for _, m := range [][]byte{r.rings, r.slots} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	_ = unix.Close(r.fd)
	*r = Ring{fd: -1}
}

// Size is how many sends may be added before a Submit.
func (r *Ring) Size() int { return len(r.entries) }

// Len is how many were.
func (r *Ring) Len() int { return r.n }

// Add has the buffers, 1 to [MaxBuffers] of them with 1 to [MaxBytes] bytes, sent on a
// socket, in order, by the next Submit. Neither they nor the descriptor may change until
// then, and there must be room. There is no order among sends, so a socket should be in a
// Submit once.
func (r *Ring) Add(fd int, bufs [][]byte) {
	s := &r.entries[(r.tail.Load()+uint32(r.n))&r.mask]
	*s = submission{fd: int32(fd), message: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, data: uint64(r.n)}
	from := r.used
	for _, b := range bufs {
		v := &r.vectors[r.used]
		v.Base = &b[0]
		v.SetLen(len(b))
		r.used++
	}
	if first := &r.vectors[from]; len(bufs) == 1 {
		s.opcode, s.addr, s.length = opSend, address(first.Base), uint32(len(bufs[0]))
	} else {
		h := &r.headers[r.n]
		h.Iov = first
		h.SetIovlen(len(bufs))
		s.opcode, s.addr, s.length = opSendMessage, address(h), 1
	}
	r.results[r.n] = Lost
	r.n++
}

// Drop forgets what was added.
func (r *Ring) Drop() {
	clear(r.vectors[:r.used])
	r.n, r.used = 0, 0
}

// Submit sends what was added. The results are in the order of Add: the bytes that were
// taken, an error number below 0, or [Lost]. They are valid until the next Add.
//
// After an error the ring must not be used any more, but the results are right: sends that
// the kernel has not seen have taken nothing, as if the socket had been full. The buffers of
// those that are lost must not be changed any more, for the kernel may still look at them.
func (r *Ring) Submit() (results []int32, err error) {
	n := r.n
	r.tail.Store(r.tail.Load() + uint32(n))
	// The kernel takes submissions in their order, all of them in one call unless it lacks
	// memory or a signal comes, and has answered them when the call returns.
	for taken, seen := 0, 0; seen < n; {
		_, e := r.enter(r.fd, n-taken, n-seen)
		taken = n - int(r.tail.Load()-r.head.Load())
		seen += r.reap()
		switch {
		case e == nil || errors.Is(e, unix.EINTR):
		case err == nil:
			err = fmt.Errorf("uring: io_uring_enter: %w", e)
			r.tail.Store(r.head.Load()) // what it has not seen it shall not see later
			for i := taken; i < n; i++ {
				r.results[i] = -int32(unix.EAGAIN)
			}
			n = taken // and for the others we wait once more
		default: // it does not answer, and we do not wait again
			r.keep()
			seen = n
		}
	}
	results = r.results[:r.n]
	r.Drop()
	return results, err
}

// kept are the buffers of sends of which nothing is known: of one Submit of each ring at
// most, for good.
var kept struct {
	sync.Mutex
	vectors []unix.Iovec
}

func (r *Ring) keep() {
	kept.Lock()
	defer kept.Unlock()
	kept.vectors = append(kept.vectors, r.vectors[:r.used]...)
}

// reap notes the answers that are there, and returns how many they were.
func (r *Ring) reap() int {
	from, to := r.doneHead.Load(), r.doneTail.Load()
	for i := from; i != to; i++ {
		c := &r.done[i&r.doneMask]
		r.results[c.data] = c.result
	}
	r.doneHead.Store(to)
	return int(to - from)
}

// probe sees that sends work, that one for which there is not enough room is cut short, and
// that one for which there is none fails at once.
func (r *Ring) probe() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("uring: socketpair: %w", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	if err := unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
		return fmt.Errorf("uring: setsockopt: %w", err)
	}
	r.Add(fds[0], [][]byte{[]byte("one")})
	r.Add(fds[1], [][]byte{[]byte("t"), []byte("wo")})
	results, err := r.Submit()
	if err != nil {
		return err
	}
	for i, got := range results {
		var b [4]byte
		n, err := unix.Read(fds[1-i], b[:])
		if got != 3 || err != nil || string(b[:n]) != [...]string{"one", "two"}[i] {
			return fmt.Errorf("%w: a send of 3 bytes has the result %d", ErrUnsupported, got)
		}
	}
	many := make([]byte, 64<<10)
	for _, want := range []func(int32) bool{
		func(got int32) bool { return got > 0 && int(got) < len(many) },
		func(got int32) bool { return got == -int32(unix.EAGAIN) },
	} {
		r.Add(fds[0], [][]byte{many})
		if results, err = r.Submit(); err != nil {
			return err
		}
		if !want(results[0]) {
			return fmt.Errorf("%w: a send to a full socket has the result %d", ErrUnsupported, results[0])
		}
	}
	return nil
}
