// Package loop runs sessions on event loops: it reads and writes connections,
// keeps the time, and is the door through which other goroutines reach what a loop
// owns.
//
// # A turn
//
// A loop works in turns. A turn begins when gnet calls us (bytes have come, a
// connection has opened or closed, a task is to run) and ends with the same steps
// every time: what others have posted is done, then every connection that something
// was queued for is written to once. So all that a turn has to say to one client
// leaves in one system call.
//
// # Ownership
//
// A [Loop] and all that hangs on it belong to its goroutine; [Loop.Send] and the
// other functions marked "any goroutine" go through the mailbox. Nothing on a loop
// blocks or waits for another loop. Posts of one goroutine to one loop keep their
// order.
//
// gnet is seen by this package only.
package loop
