// Package inproc is how packages siotest and webtransport reach into a server without the
// server's package offering that to everybody. Its functions take a *sio.Server, and are set by
// package sio.
package inproc

import "github.com/e6a90ca8/sio/loop"

var (
	// Detach starts a server without a network, on a clock (nil: the system's), and
	// returns its loops.
	Detach func(server any, clock loop.Clock) (*loop.Group, error)

	// Stream serves a stream of packets, and returns when it is closed. See
	// [loop.Group.Packets]. The event loops are those that a Handler would use; without any,
	// the error says so.
	Stream func(server any, p loop.PacketStream) error

	// Path is the path of a server's engine: "/socket.io/".
	Path func(server any) string

	// Idle reports whether no handler of a server runs, and none is about to for what
	// its loops have been told; and a number that grows with each burst of handlers. Any
	// goroutine.
	Idle func(server any) (idle bool, bursts uint64)
)
