//go:build unix

package loop

import (
	"testing"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// TestControlIsLost: a yield before the loop has its end of the control connection waits
// for that. If gnet loses that end, the turn comes the ordinary way, this time and later,
// and our end is closed.
func TestControlIsLost(t *testing.T) {
	h := newHandLoop(t)
	woken := make(chan struct{}, 8)
	h.Loop.wake = func() { woken <- struct{}{} }
	result := make(chan gnet.RegisteredResult)
	c := newControl(h.Loop, enrolling{result: result})
	h.Loop.yield = c.yield
	fd := c.fd
	h.again()
	if len(woken) != 0 || !h.yielding.Load() || !openDescriptor(fd) {
		t.Errorf("%d wakes, yielding %v, our end open %v", len(woken), h.yielding.Load(), openDescriptor(fd))
	}
	close(result)
	wait(t, woken, "the loop is told")
	h.mailbox.waking.Store(false)
	h.turn()
	if h.yielding.Load() || openDescriptor(fd) || c.fd != -1 {
		t.Errorf("yielding %v, our end open %v", h.yielding.Load(), openDescriptor(fd))
	}
	for len(woken) > 0 {
		<-woken
	}
	h.mailbox.waking.Store(false)
	h.again()
	if len(woken) != 1 || h.yielding.Load() {
		t.Errorf("%d wakes, yielding %v, without a control connection", len(woken), h.yielding.Load())
	}
}

// TestControlIsLostAtTheEnd: our end is closed also when the loop takes no mail any more.
func TestControlIsLostAtTheEnd(t *testing.T) {
	h := newHandLoop(t)
	c := newControl(h.Loop, enrolling{result: make(chan gnet.RegisteredResult)})
	fd := c.fd
	h.mailbox.close()
	close(h.group.done)
	until(t, "our end is closed", func() bool { return !openDescriptor(fd) })
}

func openDescriptor(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}
