package siotest

import (
	"net"
	"sync"
)

// A tcpConn is a connection over TCP. Write never waits: a client that writes while it
// holds a lock which its reader needs must not wait for a server that waits for the
// reader.
type tcpConn struct {
	net.Conn

	mu      sync.Mutex
	out     []byte
	writing bool // a goroutine is
	closed  bool // with what is in out, or before
	writer  sync.WaitGroup
}

func dialTCP(addr string) (*tcpConn, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &tcpConn{Conn: c}, nil
}

// Write keeps b until the kernel takes it.
func (c *tcpConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	c.out = append(c.out, b...)
	if !c.writing {
		c.writing = true
		c.writer.Go(c.writeOff)
	}
	return len(b), nil
}

func (c *tcpConn) writeOff() {
	var spare []byte
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) > 0 && !c.closed {
		b := c.out
		c.out = spare[:0]
		c.mu.Unlock()
		_, err := c.Conn.Write(b)
		c.mu.Lock()
		if spare = b; err != nil {
			c.closed = true // the reader finds out why
		}
	}
	c.writing = false
}

// Close closes the connection. What the kernel has not taken is dropped. No goroutine
// is left.
func (c *tcpConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	err := c.Conn.Close()
	c.writer.Wait()
	return err
}
