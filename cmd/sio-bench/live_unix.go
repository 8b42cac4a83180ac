//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// watch draws again when the window changes its size, and gives the terminal back while
// the process is stopped by ^Z. The function it returns ends that.
func (v *view) watch() (stop func()) {
	c := make(chan os.Signal, 4)
	quit, done := make(chan struct{}), make(chan struct{})
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGTSTP)
	go func() {
		defer close(done)
		defer signal.Stop(c)
		for {
			select {
			case <-quit:
				return
			case s := <-c:
				if s == syscall.SIGTSTP {
					v.suspend()
					signal.Reset(syscall.SIGTSTP)
					syscall.Kill(syscall.Getpid(), syscall.SIGTSTP) // now as if nobody had caught it
					signal.Notify(c, syscall.SIGTSTP)
				} else {
					v.redraw()
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
