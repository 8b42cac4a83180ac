package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/script"
)

// WritePlan writes what the file will have done: the phases with how many clients
// there are and come, and what each kind of client does.
func (s *Script) WritePlan(w io.Writer) error {
	f := s.file
	var b strings.Builder
	var total, counts time.Duration
	for _, p := range f.Phases {
		total += p.Duration
		if !p.Warmup {
			counts += p.Duration
		}
	}
	fmt.Fprintf(&b, "%s: %s, of which %s count\n\n", f.Name, briefly(total), briefly(counts))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "phase\tfrom\tto\tconnections\tarrivals per second\tarrivals\tload\t")
	var at time.Duration
	for _, p := range f.Phases {
		note := ""
		if p.Warmup {
			note = "does not count"
		}
		come := (p.Arrivals.From + p.Arrivals.To) / 2 * p.Duration.Seconds()
		fmt.Fprintf(t, "%s\t%s\t%s\t%v\t%v\t%.0f\t%v\t%s\n", p.Name, briefly(at), briefly(at+p.Duration), p.Connections, p.Arrivals, come, p.Load, note)
		at += p.Duration
	}
	t.Flush()
	weights := 0
	for _, k := range f.Clients {
		weights += k.Weight
	}
	for _, k := range f.Clients {
		fmt.Fprintf(&b, "\n%s, %.4g %% of the clients\n", k.Name, 100*float64(k.Weight)/float64(weights))
		planSteps(&b, k.Flow, 1)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func planSteps(b *strings.Builder, flow []script.Step, depth int) {
	for i := range flow {
		s := &flow[i]
		b.WriteString(strings.Repeat("  ", depth))
		switch s.Op {
		case script.Echo:
			fmt.Fprintf(b, "echo %s, %d bytes", s.Form, s.Size)
			if s.Count > 1 {
				fmt.Fprintf(b, ", %d at once", s.Count)
			}
		case script.Emit:
			fmt.Fprintf(b, "emit %s", s.Event)
			switch {
			case s.Ack:
				b.WriteString(", acknowledged")
			case s.Reply != "":
				fmt.Fprintf(b, ", answered by %s", s.Reply)
			}
		case script.Join, script.Leave:
			fmt.Fprintf(b, "%s %s", s.Op, s.Room)
		case script.Broadcast:
			fmt.Fprintf(b, "broadcast to %s, %d bytes", s.Room, s.Size)
		case script.Wait:
			fmt.Fprintf(b, "wait for %d × %s", s.Count, s.Event)
		case script.Think:
			fmt.Fprintf(b, "think %v", s.Span)
		case script.Repeat:
			b.WriteString("repeat")
			if s.Times > 0 {
				fmt.Fprintf(b, " %d times", s.Times)
			}
			if s.Every > 0 {
				fmt.Fprintf(b, ", every %v", s.Every)
			}
		case script.Disconnect:
			b.WriteString("disconnect")
			if s.Abort {
				b.WriteString(" without a word")
			}
		case script.Reconnect:
			fmt.Fprintf(b, "reconnect after %v", s.Span)
		}
		if s.Name != "" && s.Name != string(s.Op) {
			fmt.Fprintf(b, "  (%s)", s.Name)
		}
		b.WriteByte('\n')
		planSteps(b, s.Do, depth+1)
	}
}
