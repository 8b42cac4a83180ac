package reactor

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestPause: a connection that is paused is not read, so that its peer has to
// wait; after Resume all of it comes, in order.
func TestPause(t *testing.T) {
	const size = 64 << 20 // more than the kernels of both sides hold
	written := make(chan int, 1<<16)
	addr := serve(t, func(c *net.TCPConn) {
		defer c.Close()
		b := make([]byte, 1<<20)
		for n := 0; n < size; n += len(b) {
			for i := range b {
				b[i] = byte((n + i) >> 8)
			}
			if _, err := c.Write(b); err != nil {
				return
			}
			written <- n
		}
	})
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	var c *Conn
	got, paused, wrong := 0, false, ""
	pausing := make(chan struct{}, 1)
	done := make(chan error, 1)
	h := &script{
		data: func(c *Conn, b []byte) {
			if paused {
				wrong = "data came while the connection was paused"
			}
			for i := range b {
				if b[i] != byte((got+i)>>8) {
					wrong = "the bytes came in another order"
				}
			}
			if got == 0 {
				c.Pause()
				c.Pause()
				paused = true
				pausing <- struct{}{}
			}
			got += len(b)
		},
		closed: func(_ *Conn, err error) { done <- err },
	}
	l.Post(func() { c = l.Dial(addr, h) })
	await(t, "data", pausing)
	for quiet := false; !quiet; { // until the server cannot write any more
		select {
		case <-written:
		case <-time.After(200 * time.Millisecond):
			quiet = true
		}
	}
	l.Do(func() {
		if got >= size/2 {
			t.Errorf("%d of %d bytes came while it was paused", got, size)
		}
		paused = false
		c.Resume()
	})
	if err := await(t, "end", done); err != io.EOF {
		t.Errorf("closed with %v, want io.EOF", err)
	}
	if got != size || wrong != "" {
		t.Errorf("%d of %d bytes came; %s", got, size, wrong)
	}
}

// TestPauseBeforeOpen: nothing is read from the start.
func TestPauseBeforeOpen(t *testing.T) {
	addr := serve(t, func(c *net.TCPConn) {
		defer c.Close()
		io.WriteString(c, "hello")
		io.Copy(io.Discard, c)
	})
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	opened, data := make(chan *Conn, 1), make(chan string, 1)
	early := false
	l.Post(func() {
		l.Dial(addr, &script{
			opened: func(c *Conn) { opened <- c },
			data:   func(c *Conn, b []byte) { early = early || c.paused; data <- string(b) },
		}).Pause()
	})
	c := await(t, "connection", opened)
	select {
	case <-data:
		t.Error("data came to a paused connection")
	case <-time.After(50 * time.Millisecond):
	}
	l.Do(c.Resume)
	if got := await(t, "data", data); got != "hello" || early {
		t.Errorf("got %q, early %v", got, early)
	}
}

// TestPausedEnds: a paused connection can be closed, be reset, and end with its
// reactor.
func TestPausedEnds(t *testing.T) {
	reset := make(chan struct{})
	addr := serve(t, func(c *net.TCPConn) {
		io.WriteString(c, "hello")
		<-reset
		c.SetLinger(0)
		c.Close()
	})
	r := startReactor(t, Config{})
	l := r.Loops()[0]
	ends := make(chan error, 3)
	seen := make(chan *Conn, 3)
	l.Post(func() {
		for range 3 {
			l.Dial(addr, &script{
				data:   func(c *Conn, _ []byte) { c.Pause(); seen <- c },
				closed: func(_ *Conn, err error) { ends <- err },
			})
		}
	})
	a, b, rest := await(t, "data", seen), await(t, "data", seen), await(t, "data", seen)
	l.Do(func() {
		a.Close()
		a.Resume()
		if l.Open() != 2 {
			t.Errorf("%d open, want 2", l.Open())
		}
	})
	close(reset)
	l.Do(b.Resume) // where the system does not tell of a reset that nobody reads
	if err := await(t, "end", ends); err == nil {
		t.Error("no error")
	}
	_ = rest // told by now, or closed with the reactor
	r.Close()
}
