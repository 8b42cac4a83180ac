package loop

import "golang.org/x/sys/unix"

// watch says which events of a connection the poller is to report. It replaces the
// set that gnet has asked for, so writability stays in it while something waits to be
// written; errors and hang-ups are reported always.
func watch(poller, fd int, read, write bool) bool {
	ev := unix.EpollEvent{Fd: int32(fd)}
	if read {
		ev.Events |= unix.EPOLLIN | unix.EPOLLPRI
	}
	if write {
		ev.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(poller, unix.EPOLL_CTL_MOD, fd, &ev) == nil
}
