// Package inproc is how package siotest reaches into a server without the server's
// package offering that to everybody.
package inproc

import "github.com/e6a90ca8/sio/loop"

// Detach starts a *sio.Server without a network, on a clock (nil: the system's), and
// returns its loops. It is set by package sio.
var Detach func(server any, clock loop.Clock) (*loop.Group, error)
