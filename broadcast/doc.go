// Package broadcast holds rooms and the fan-out of one message to many
// receivers. It knows no socket, session or connection: a receiver is whatever has a
// [Member] in it.
//
// # Parts
//
// A [Message] is one packet, encoded once and never changed afterwards; all its
// receivers share its bytes. A [Member] is a receiver's seat in the rooms of one
// namespace. A [Shard] is the share of a namespace's rooms that lives on one
// event loop. A [Directory] is the namespace's list of rooms: it says which loops
// have members of a room, so that a broadcast is posted to those only.
//
// # Ownership
//
// Messages, and selections once posted, are immutable and may be read by any
// goroutine. The Directory may be used by any goroutine; it locks one of its 64
// parts for the length of a map look-up. A Shard, its Members, and element i of
// [Room.local] belong to loop i and are used on that loop's goroutine only;
// nothing there locks.
//
// # Order
//
// A join is counted in the directory by its caller before it is posted to the
// loop, so a broadcast that the same goroutine sends afterwards is posted to that
// loop too, behind the join. Hence join-then-emit never misses the new member.
package broadcast
