//go:build linux

package uring

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is where memory is shared with the kernel.
//
// Assumed of the rings: the kernel maps them at the offsets that it has told, for as long
// as the mapping lives, which [Ring.Close] ends; nobody uses a ring behind that. They are
// not Go's memory, so the collector neither moves nor looks at them. Layouts are those of
// the kernel's io_uring.h, the same on all architectures; TestLayouts holds them to it.
//
// Assumed of what a submission points to: an address is a mere number there, which keeps
// nothing alive. So each buffer is also referred to by a vector of its Ring, and headers
// and vectors are slices of the Ring's own. Those two the kernel reads before the call returns
// (featureStable). Buffers stand until Submit has seen the last completion, or, if that never
// comes, for good (kept). What is referred to by the heap lies in the heap, which does not
// move.

// A submission is what the kernel is asked for: struct io_uring_sqe.
type submission struct {
	opcode   uint8
	flags    uint8
	priority uint16
	fd       int32
	offset   uint64
	addr     uint64 // of the bytes, or of a header
	length   uint32 // in bytes, or 1
	message  uint32 // flags of the send
	data     uint64 // comes back in the completion
	_        [24]byte
}

// A completion is the kernel's answer: struct io_uring_cqe.
type completion struct {
	data   uint64
	result int32 // bytes, or an error below 0
	flags  uint32
}

// parameters is struct io_uring_params.
type parameters struct {
	submissions, completions uint32 // how many; the kernel rounds up
	flags                    uint32
	_                        [2]uint32
	features                 uint32
	_                        [4]uint32
	sq                       struct{ head, tail, mask, entries, flags, dropped, array, _, _, _ uint32 }
	cq                       struct{ head, tail, mask, entries, overflow, first, flags, _, _, _ uint32 }
}

// setup is io_uring_setup(2).
func setup(entries uint32, p *parameters) (fd int, err error) {
	n, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(p)), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}

// enter is io_uring_enter(2).
func enter(fd, submit, wait int) (submitted int, err error) {
	n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(submit), uintptr(wait), enterGetEvents, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// word is the number at an offset of a mapping. Whoever made the mapping has to see that it
// is within.
func word(mapping []byte, at uint32) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&mapping[at : at+4][0]))
}

// words are n numbers, likewise.
func words(mapping []byte, at, n uint32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(&mapping[at : at+4*n][0])), n)
}

// submissions are the first n of a mapping.
func submissions(mapping []byte, n uint32) []submission {
	return unsafe.Slice((*submission)(unsafe.Pointer(&mapping[:n*uint32(unsafe.Sizeof(submission{}))][0])), n)
}

// completions are n of a mapping.
func completions(mapping []byte, at, n uint32) []completion {
	return unsafe.Slice((*completion)(unsafe.Pointer(&mapping[at : at+n*uint32(unsafe.Sizeof(completion{}))][0])), n)
}

// address is where something in the heap lies, for a submission. The caller sees that it is
// also referred to by what outlives that.
func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }
