package session

import "testing"

// TestReadingBehind: a client that does not take what it asks for is not read, in the
// middle of a segment, and is not blamed for a pong that lies unread.
func TestReadingBehind(t *testing.T) { playAll(t, readingBehindTranscripts()) }

func readingBehindTranscripts() map[string]transcript {
	limit := func(c *Config) { c.HardLimit = 100_000 }
	const whole = "segments decide where it pauses"
	return map[string]transcript{
		"in one segment": {rows: "F57", set: limit, uncut: whole, script: wsJoined + `
			. window ws 0
			ws>+ 42["echo","{x*40000}"]
			ws>+ 42["echo","{y*40000}"]
			ws>+ 42["echo","{z*40000}"]
			ws> 42["e",1]
			ws| paused
			. window ws all
			ws< 42["echo","{x*40000}"]
			ws< 42["echo","{y*40000}"]
			+ 100ms
			ws| reading
			= s2 ["e",1]
			ws< 42["echo","{z*40000}"]
		`},
		"a pong that lies unread": {rows: "L01", source: "it has come in time", set: limit, uncut: whole, script: wsJoined + `
			. window ws 0
			. emit s2 42["{x*80000}"]
			+ 25s
			ws> 3
			ws| paused
			. window ws 1000
			+ 20s
			. window ws 2000
			+ 20s
			. window ws all
			ws< 42["{x*80000}"]
			ws< 2
			+ 100ms
			ws| reading
			+ 24.9s
			+ 100ms
			ws< 2
		`},
		"nothing is taken any more": {rows: "L01", set: limit, uncut: whole, script: wsJoined + `
			. window ws 0
			. emit s2 42["{x*80000}"]
			+ 25s
			ws> 3
			ws| paused
			. window ws 1000
			+ 20s
			+ 20s
			! s2 ping timeout
			! s1 ping timeout
			ws| reading
			+ 5s
			ws< end
		`},
		"more than a message, unpaused": {rows: "F68", source: "where reading cannot be stopped", set: func(c *Config) { c.Frames.MaxMessage = 1000 }, uncut: "it is a lot", script: wsJoined + `
			. deaf ws
			. full s2
			ws> 42["e","{x*900}"]
			. late ws 42["e","{x*900}"]
			. toomuch ws
			! s2 transport error: limit: unread bytes (1050576)
			! s1 transport error: limit: unread bytes (1050576)
			ws< end
		`},
	}
}

// TestAnswersBehind: HTTP answers that are not taken hold up the next request, and a
// client that takes nothing at all is cut off.
func TestAnswersBehind(t *testing.T) { playAll(t, answersBehindTranscripts()) }

func answersBehindTranscripts() map[string]transcript {
	return map[string]transcript{
		"requests wait": {rows: "F58", uncut: "what one segment brings is worked off together", script: joined + `
			. window a 10
			a> POST s1 42["e",1]
			= s2 ["e",1]
			a> POST s1 42["e",2]
			a| paused
			+ 5s
			. window a 20
			+ 9.9s
			. window a all
			a< 200 ok
			+ 100ms
			a| reading
			= s2 ["e",2]
			a< 200 ok
			a> POST s1 42["e",3]
			= s2 ["e",3]
			a< 200 ok
		`},
		"nothing is taken": {rows: "F58", uncut: "what one segment brings is worked off together", script: joined + `
			. window a 10
			a> POST s1 42["e",1]
			= s2 ["e",1]
			+ 9.9s
			+ 200ms
			a< end
			b> POST s1 42["e",2]
			= s2 ["e",2]
			b< 200 ok
		`},
		"while a GET waits": {rows: "F58", source: "it is part of the session", uncut: "what one segment brings is worked off together", script: joined + `
			. window a 10
			a>+ POST s1 42["e",1]
			a> GET s1
			= s2 ["e",1]
			+ 9.9s
			+ 200ms
			a< end
			! s2 transport error: connection closed during a request
			! s1 transport error: connection closed during a request
		`},
		"too much behind it": {rows: "F58 F17", set: func(c *Config) { c.MaxPipelined = 100 }, uncut: "what one segment brings is worked off together", script: joined + `
			. deaf a
			. window a 10
			a> POST s1 42["e",1]
			= s2 ["e",1]
			a> POST s1 42["e",2]
			a< end
		`},
		"the connection ends meanwhile": {rows: "F58", uncut: "what one segment brings is worked off together", script: joined + `
			. window a 10
			a> POST s1 42["e",1]
			= s2 ["e",1]
			a> fin
		`},
	}
}

// TestSent: what is queued has been sent when the kernel has taken it, not before.
func TestSent(t *testing.T) { playAll(t, sentTranscripts()) }

func sentTranscripts() map[string]transcript {
	return map[string]transcript{
		"websocket": {rows: "L16", script: wsJoined + `
			. sent s1 nothing
			= sent nothing
			. window ws 20
			. emit s2 42["{x*100}"]
			. sent s1 x
			. window ws 40
			+ 100ms
			. window ws all
			ws< 42["{x*100}"]
			+ 100ms
			= sent x
			. sent s1 nothing
			= sent nothing
		`},
		"the session ends first": {rows: "L16", script: wsJoined + `
			. window ws 20
			. emit s2 42["{x*100}"]
			. sent s1 x
			ws> reset
			! s2 transport error: connection reset by peer
			= sent x: packet not allowed in this state
			! s1 transport error: connection reset by peer
		`},
		"polling": {rows: "L16", script: joined + `
			. emit s2 42["x"]
			. sent s1 x
			+ 1s
			a> GET s1
			= sent x
			a< 200 42["x"]
		`},
	}
}
