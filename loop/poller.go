//go:build unix

package loop

import (
	"reflect"

	"github.com/panjf2000/gnet/v2"
)

// pollerOf is the descriptor of the epoll or kqueue instance behind one of gnet's
// event loops. gnet has no way to stop reading from a connection; with the descriptor
// we can tell the kernel ourselves.
//
// Assumed, of the pinned gnet v2.9.8: the event loop is a struct with a field poller,
// a pointer to a struct with an int field fd. Reading unexported fields by reflection
// is safe, whatever they are. If gnet changes, ok is false, connections are not
// paused, and TestPollerOf fails.
func pollerOf(ev gnet.EventLoop) (fd int, ok bool) {
	v := reflect.ValueOf(ev)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return 0, false
	}
	p := v.Elem().FieldByName("poller")
	if p.Kind() != reflect.Pointer || p.IsNil() || p.Elem().Kind() != reflect.Struct {
		return 0, false
	}
	f := p.Elem().FieldByName("fd")
	if f.Kind() != reflect.Int {
		return 0, false
	}
	return int(f.Int()), true
}
