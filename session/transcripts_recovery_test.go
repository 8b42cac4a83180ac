package session

import "testing"

// TestRecoverySupport: what sessions do for clients that may come back.
func TestRecoverySupport(t *testing.T) { playAll(t, recoveryTranscripts()) }

func recoveryTranscripts() map[string]transcript {
	limit := func(c *Config) { c.HardLimit = 100_000 }
	const whole = "segments do not matter"
	return map[string]transcript{
		"the secret in CONNECT's answer": {rows: "V02", script: `
			. pid secret
` + wsOpened + `
			ws> 40
			ws< 40{"sid":"s2","pid":"secret"}
		`},
		"many messages count as one, over a WebSocket": {rows: "V04", uncut: whole, set: limit, script: wsJoined + `
			. window ws 0
			. all s2 3 42["{x*40000}"]
			. emit s2 42["e","{y*40000}"]
			. window ws all
			ws< 42["{x*40000}"]
			ws< 42["{x*40000}"]
			ws< 42["{x*40000}"]
			ws< 42["e","{y*40000}"]
		`},
		"and what comes behind them does not": {rows: "V04", uncut: whole, set: limit, script: wsJoined + `
			. window ws 0
			. all s2 3 42["{x*40000}"]
			. emit s2 42["e","{y*60000}"]
			. emit s2 42["e","{z*60000}"]
			! s2 slow consumer: limit: send queue (100000)
			! s1 slow consumer: limit: send queue (100000)
			+ 5s
			ws< end
		`},
		"over polling, too": {rows: "V04", uncut: whole, set: limit, script: `
			a> OPEN
			a< 200 ` + openPacket + `
			a> POST s1 40
			a< 200 ok
			a> GET s1
			a< 200 40{"sid":"s2"}
			. all s2 3 42["{x*40000}"]
			. emit s2 42["e","{y*40000}"]
			a> GET s1
			a< 200 42["{x*40000}"]\x1e42["{x*40000}"]\x1e42["{x*40000}"]\x1e42["e","{y*40000}"]
		`},
		"what a pong confirms": {rows: "V04", uncut: whole, set: func(c *Config) { c.Confirm = true }, script: wsJoined + `
			. confirmed s1 0s
			ws> 3
			. confirmed s1 0s
			+ 25s
			ws< 2
			. confirmed s1 0s
			+ 3s
			ws> 3
			. confirmed s1 25s
			+ 25s
			ws< 2
			. confirmed s1 25s
			+ 20s
			! s2 ping timeout
			! s1 ping timeout
			ws< close
			+ 5s
			ws< end
		`},
	}
}
