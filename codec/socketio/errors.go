package socketio

import (
	"errors"
	"fmt"
)

// What can be wrong with a packet. Each of these is fatal to the connection: the
// reference server closes it and reports "parse error". The errors are returned
// as they are, never with the packet's bytes in their text.
var (
	// ErrType: the packet is empty, or its first byte is not a digit from 0 to 6.
	ErrType = errors.New("socketio: unknown packet type")

	// ErrAttachments: a binary packet whose attachment count is missing, zero,
	// not written as plain digits, or not followed by a dash.
	ErrAttachments = errors.New("socketio: illegal attachment count")

	// ErrTooManyAttachments: a well-formed attachment count over the limit.
	ErrTooManyAttachments = errors.New("socketio: too many attachments")

	// ErrAckID: an acknowledgement id over [MaxAckID].
	ErrAckID = errors.New("socketio: acknowledgement id out of range")

	// ErrPayload: the JSON is missing, malformed, followed by other bytes, or
	// not of the kind that the packet's type asks for.
	ErrPayload = errors.New("socketio: invalid payload")

	// ErrDepth is the [ErrPayload] of JSON nested deeper than [MaxDepth].
	ErrDepth = fmt.Errorf("%w: nested deeper than %d", ErrPayload, MaxDepth)

	// ErrReserved is the [ErrPayload] of an event whose name [Reserved] refuses.
	ErrReserved = fmt.Errorf("%w: reserved event name", ErrPayload)

	// ErrPlaceholder: a placeholder that names no attachment, or an attachment
	// that no placeholder names, or more than one.
	ErrPlaceholder = errors.New("socketio: illegal attachments")
)
