package sio

import (
	"reflect"
	"testing"
)

// TestCoreStandsFirst holds publicOf and socketOf to their assumption.
func TestCoreStandsFirst(t *testing.T) {
	if f := reflect.TypeFor[Socket]().Field(0); f.Name != "core" || f.Offset != 0 {
		t.Errorf("the first field of Socket is %s at %d, not core", f.Name, f.Offset)
	}
	s := new(Socket)
	if publicOf(&s.core) != s {
		t.Error("the socket of its core is another one")
	}
	if socketOf(&s.core.Member) != s {
		t.Error("the socket of its seat is another one")
	}
}

// TestSocketSize bounds what every client costs in each namespace. The figure is that of
// 64-bit systems, and a size of Go's allocator.
func TestSocketSize(t *testing.T) {
	const bound = 160
	if n := reflect.TypeFor[Socket]().Size(); n > bound {
		t.Errorf("a Socket has %d bytes, more than %d", n, bound)
	}
}
