package loop

// defaultConnLimit is the limit of connections where the system tells none.
const defaultConnLimit = 10_000

// reserve is how many descriptors are kept free of connections: a loop has its
// poller, its wake-up, a listener and a control pair, connections that move have two
// descriptors for a moment, and the application opens files and connections of its
// own.
func reserve(loops int) int { return 64 + 8*loops }
