//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package loop

import "golang.org/x/sys/unix"

// watch turns the report of readability on or off. kqueue keeps writability apart, so
// what gnet has asked for there is not touched.
func watch(poller, fd int, read, _ bool) bool {
	var ev unix.Kevent_t
	flags := unix.EV_DISABLE
	if read {
		flags = unix.EV_ENABLE
	}
	unix.SetKevent(&ev, fd, unix.EVFILT_READ, flags)
	_, err := unix.Kevent(poller, []unix.Kevent_t{ev}, nil, nil)
	return err == nil
}
