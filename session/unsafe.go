package session

import "unsafe"

// idString is the id's characters as a string, without a copy.
//
// Assumed: nobody writes to id while the string lives. It holds because id is a
// field of an object that is filled in once, before the first call, and never
// written again; and the object lives as long as the string does, since the string
// points into it. TestIDString checks that the two agree.
func idString(id *[IDLen]byte) string { return unsafe.String(&id[0], IDLen) }
