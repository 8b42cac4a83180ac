// Package uring sends on many sockets with one system call, by an io_uring of Linux that is
// used for nothing else: no reads, no files, no waiting.
//
// Each send is over when [Ring.Submit] returns. The sockets are told not to wait, so the
// kernel takes what it has room for, at once, and says how much that was. Nothing that a
// send refers to is looked at later.
//
// Where there is no io_uring, [New] fails: on other systems, on kernels before 5.6, under a
// seccomp filter that answers with an error (Docker's default one), with
// kernel.io_uring_disabled set, and, on kernels before 5.12, where the process may lock no
// memory. A filter that kills instead ends the process in New.
//
// # Sources
//
// io_uring_setup(2), io_uring_enter(2), and the kernel's include/uapi/linux/io_uring.h.
package uring

import "errors"

// MaxBuffers is how many buffers one send may have.
const MaxBuffers = 8

// MaxBytes is how many bytes one send may have.
const MaxBytes = 1 << 30

// Lost is the result of a send of which nobody knows how much was taken: to send anything
// after it might repeat bytes or leave a gap. It comes only with an error of Submit.
const Lost = -1 << 31

// ErrUnsupported is the error of New on other systems than Linux, and of a kernel that has
// an older io_uring than we need.
var ErrUnsupported = errors.New("uring: not supported")
