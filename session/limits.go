package session

import (
	"cmp"
	"errors"

	"github.com/e6a90ca8/sio/codec/msgpack"
	"github.com/e6a90ca8/sio/codec/socketio"
	"github.com/e6a90ca8/sio/codec/websocket"
)

// limits are the errors of codecs that speak of a limit, with its name and its value.
var limits = []struct {
	err   error
	limit string
	bound func(c *Config) int
}{
	{websocket.ErrTooBig, "payload", func(c *Config) int { return c.MaxPayload }},
	{websocket.ErrFragments, "fragments", func(c *Config) int { return cmp.Or(c.Frames.MaxFragments, websocket.DefaultMaxFragments) }},
	{socketio.ErrTooManyAttachments, "attachments", func(c *Config) int { return c.MaxAttachments }},
	{socketio.ErrDepth, "depth", func(*Config) int { return socketio.MaxDepth }},
	{msgpack.ErrDepth, "depth", func(*Config) int { return msgpack.MaxDepth }},
	{msgpack.ErrBuffers, "buffers", func(c *Config) int { return max(c.MaxAttachments, buffersInMsgpack) }},
}

// limited is err with the limit that it speaks of, if it does.
func limited(c *Config, err error) error {
	var known *LimitError
	if errors.As(err, &known) {
		return err
	}
	for _, l := range limits {
		if errors.Is(err, l.err) {
			return errors.Join(err, &LimitError{Limit: l.limit, Bound: int64(l.bound(c))})
		}
	}
	return err
}
