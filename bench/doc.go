// Package bench loads a Socket.IO server over TCP and measures it: what it costs
// the server, what clients see, and whether every message arrived once, in order
// and unchanged. Command sio-bench is its command line.
//
// # What the server has to offer
//
// Any server of Socket.IO protocol 5, over Engine.IO protocol 4, can be driven that has
// these events in the namespace (names can be changed by [Events]); with
// [Options.Protocol] 3 also one that speaks Engine.IO protocol 3 with clients of
// Socket.IO 2:
//
//	echo       answers with the event echo and the same arguments
//	ack        acknowledges with the same arguments
//	object     (value) answers with the event object and the same value, which
//	           should have been decoded and encoded again in between
//	join       (room) joins the room, acknowledges
//	leave      (room) leaves the room, acknowledges
//	broadcast  (room, payload) sends the event broadcast with payload to every
//	           member of the room, the sender included
//
// The value of object is {"id": integer, "name": string, "tags": [string],
// "attrs": {string: string}, "items": [{"id": integer, "label": string, "x":
// number, "y": number}]}, so that a server may decode it into a type of its own.
// Folder peers has such servers. [Namespaces] wants all of it in the namespaces
// /bench-0, /bench-1 and so on as well, and [Recovery] a server that lets clients
// come back to where they were (connection state recovery).
//
// # Scenarios
//
// [Echo], [Broadcast], [Slow], [Rooms], [FanIn], [Churn], [Namespaces] and
// [Recovery] open their connections first, run for a warm-up that does not count,
// then for the time that counts, then wait for what is still under way; [Big] does
// so for one size after another. [Connect], [Upgrade], [Storm] and [Idle] measure
// the connections themselves. Each [Scenario] says what its operation is; costs are
// told per operation.
//
// # What is measured
//
// The server's processor time is the scheduler's, user and system, of all its
// threads, between the two ends of the window; its memory is its resident set.
// Both need its process id and Linux. On loopback the kernel does the work of the
// receiver inside the call of the sender, so a server's time holds a part of its
// clients' reading, and clients' time a part of the server's.
//
// Latency in a closed loop is from the write of a message to the read of its
// answer. In an open loop (a given rate) it is from the time at which the message
// was due: a server or generator that falls behind cannot hide it. Beside it
// [Echo], [Broadcast], [Slow], [FanIn] and [Script] have the same from when it was
// really sent, as "service". How late messages were sent is told apart, as lag. Quantiles are up
// to 1/64 above the true value, never below.
//
// Every result has a sample a second ([Sample]), of latency, errors, connections
// and both processes, from the first connect to the last goodbye. What the server
// tells at [Options.Metrics] stands on the same time line. PSS is read at the
// ends and every ten seconds, since the kernel walks the page tables of the
// process for it.
//
// [Assertion]s hold a result against thresholds. All counts of a latency are kept
// in its result, so that any quantile can be asked for later, results of several
// processes can be added up ([Procs]), and HdrHistogram's tools can read them.
//
// # The generator
//
// It shares the machine with the server in most uses, so it is made to take
// little: one loop on one goroutine for all connections. Each loop has a thread to
// itself, so that its processor time is known, and looks every ten milliseconds
// how late its timers are. [Health] has the verdict: when the generator was the
// limit, the result also says so in its warnings, and its throughput and latency
// must not be used; the server's cost per operation still may.
package bench
