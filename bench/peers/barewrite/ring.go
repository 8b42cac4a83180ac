//go:build linux

package main

import (
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ringSize is how many sends one system call takes.
const ringSize = 4096

// A ring is an io_uring for sends that do not wait: each has ended when the call that
// submits it returns, so nothing is under way between two calls of send.
//
// The memory that the kernel shares is mapped for the life of the process and never
// moves; the pointers below point into it. Indices are read and written atomically, as
// the kernel does on its side. The only memory of Go's that the kernel sees is the frame,
// which is alive and pinned during the call.
//
// Source: io_uring_setup(2), io_uring_enter(2).
type ring struct {
	fd       int
	pin      runtime.Pinner
	entries  []sqe
	tail     *uint32 // of submissions; ours
	mask     uint32
	doneHead *uint32 // of completions; ours
	doneTail *uint32 // the kernel's
	doneMask uint32
	done     []cqe
}

// sqe is struct io_uring_sqe.
type sqe struct {
	opcode   uint8
	flags    uint8
	ioprio   uint16
	fd       int32
	off      uint64
	addr     uint64
	len      uint32
	msgFlags uint32
	userData uint64
	_        [3]uint64
}

// cqe is struct io_uring_cqe.
type cqe struct {
	userData uint64
	res      int32
	flags    uint32
}

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     struct {
		head, tail, mask, entries, flags, dropped, array, _ uint32
		_                                                   uint64
	}
	cq struct {
		head, tail, mask, entries, overflow, cqes, flags, _ uint32
		_                                                   uint64
	}
}

const (
	opSend        = 26
	singleMmap    = 1 << 0  // feature
	singleIssuer  = 1 << 12 // set-up flag
	offRing       = 0
	offEntries    = 0x10000000
	getEvents     = 1 << 0 // flag of enter
	sqeSize       = 64
	cqeSize       = 16
	msgDontWait   = 0x40
	msgNoSignal   = 0x4000
	sizeOfCounter = 4
)

func newRing(size uint32) (*ring, error) {
	p := params{flags: singleIssuer}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(size), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	if p.features&singleMmap == 0 {
		return nil, unix.ENOSYS // before Linux 5.4
	}
	shared, err := unix.Mmap(int(fd), offRing, int(max(p.sq.array+p.sqEntries*sizeOfCounter, p.cq.cqes+p.cqEntries*cqeSize)),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	entries, err := unix.Mmap(int(fd), offEntries, int(p.sqEntries*sqeSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	counter := func(at uint32) *uint32 { return (*uint32)(unsafe.Pointer(&shared[at])) }
	array := unsafe.Slice(counter(p.sq.array), p.sqEntries)
	for i := range array {
		array[i] = uint32(i)
	}
	return &ring{
		fd:       int(fd),
		entries:  unsafe.Slice((*sqe)(unsafe.Pointer(&entries[0])), p.sqEntries),
		tail:     counter(p.sq.tail),
		mask:     *counter(p.sq.mask),
		doneHead: counter(p.cq.head),
		doneTail: counter(p.cq.tail),
		doneMask: *counter(p.cq.mask),
		done:     unsafe.Slice((*cqe)(unsafe.Pointer(&shared[p.cq.cqes])), p.cqEntries),
	}, nil
}

// send sends frame to all members. What the kernel does not take of it is given to
// keep.
func (r *ring) send(members []*conn, frame []byte, keep func(*conn, []byte)) {
	r.pin.Pin(&frame[0])
	defer r.pin.Unpin()
	for len(members) > 0 {
		n := 0
		tail := *r.tail
		for n < len(members) && n < len(r.entries) {
			c := members[n]
			if len(c.rest) > 0 { // behind what waits
				break
			}
			r.entries[tail&r.mask] = sqe{
				opcode: opSend, fd: int32(c.fd), addr: uint64(uintptr(unsafe.Pointer(&frame[0]))), len: uint32(len(frame)),
				msgFlags: msgDontWait | msgNoSignal, userData: uint64(n),
			}
			tail++
			n++
		}
		atomic.StoreUint32(r.tail, tail)
		r.submit(members[:n], frame, keep)
		if members = members[n:]; len(members) > 0 && len(members[0].rest) > 0 {
			keep(members[0], frame)
			members = members[1:]
		}
	}
}

// submit hands the sends to the kernel and takes what has become of them.
func (r *ring) submit(members []*conn, frame []byte, keep func(*conn, []byte)) {
	for submitted, ended := 0, 0; ended < len(members); {
		n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(len(members)-submitted), 1, getEvents, 0, 0)
		if errno != 0 && errno != unix.EINTR && errno != unix.EAGAIN && errno != unix.EBUSY {
			panic(os.NewSyscallError("io_uring_enter", errno))
		}
		if errno == 0 {
			submitted += int(n)
		}
		head := *r.doneHead
		for ; head != atomic.LoadUint32(r.doneTail); head++ {
			e := r.done[head&r.doneMask]
			c := members[e.userData]
			switch {
			case e.res == -int32(unix.EAGAIN):
				keep(c, frame)
			case e.res >= 0 && int(e.res) < len(frame):
				keep(c, frame[e.res:])
			}
			ended++
		}
		atomic.StoreUint32(r.doneHead, head)
	}
}
