package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Side is one side of a comparison: repeats of one case, or of several.
type Side struct {
	Name  string `json:"name"`
	Files int    `json:"files"`
	Runs  int    `json:"runs"`

	cases        []*sideCase
	environments []Environment
	notes        []string
}

// sideCase is the repeats of one case, of a matrix against one server.
type sideCase struct {
	Case, Server string
	runs         []*Result
	metrics      []Metric // one of each name
	more         map[string][]float64
}

// Read adds the results of a file: one run's, several of them one after another or
// in an array, or a matrix's. name is the file's, for errors.
func (s *Side) Read(name string, r io.Reader) error {
	s.Files++
	d := json.NewDecoder(r)
	for n := 0; ; n++ {
		var value json.RawMessage
		err := d.Decode(&value)
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: %s: empty", ErrUsage, name)
		case err != nil:
			return fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
		}
		if err := s.value(name, value); err != nil {
			return err
		}
	}
}

// value adds one JSON value.
func (s *Side) value(name string, value json.RawMessage) error {
	if bytes.HasPrefix(value, []byte("[")) {
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
		}
		for _, v := range list {
			if err := s.value(name, v); err != nil {
				return err
			}
		}
		return nil
	}
	var kind struct {
		Scenario string            `json:"scenario"`
		Cases    []json.RawMessage `json:"cases"`
	}
	err := json.Unmarshal(value, &kind)
	switch {
	case err == nil && kind.Scenario != "":
		var r Result
		if err = json.Unmarshal(value, &r); err == nil {
			s.add(caseName(&r), "", &r)
		}
	case err == nil && kind.Cases != nil:
		var m MatrixResult
		if err = json.Unmarshal(value, &m); err == nil {
			s.matrix(&m)
		}
	case err == nil:
		err = errors.New("neither the result of a run nor of a matrix")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrUsage, name, err)
	}
	return nil
}

// add adds one run.
func (s *Side) add(name, server string, r *Result) *sideCase {
	s.Runs++
	if !slices.Contains(s.environments, r.Environment) {
		s.environments = append(s.environments, r.Environment)
	}
	if r.Interrupted {
		s.notes = append(s.notes, s.about(name, server)+"a run was interrupted")
	}
	if n := r.ErrorTotal(); n > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s%d errors were counted in a run", s.about(name, server), n))
	}
	if r.generatorLimit() {
		s.notes = append(s.notes, s.about(name, server)+"the generator was the limit: throughput and latency are its own")
	}
	c := s.find(name, server)
	if c == nil {
		c = &sideCase{Case: name, Server: server, more: map[string][]float64{}}
		s.cases = append(s.cases, c)
	}
	c.runs = append(c.runs, r)
	for _, m := range r.Metrics {
		c.know(m)
	}
	return c
}

func (s *Side) about(name, server string) string {
	if server != "" {
		name += ", " + server
	}
	return s.Name + ": " + name + ": "
}

func (s *Side) find(name, server string) *sideCase {
	for _, c := range s.cases {
		if c.Case == name && c.Server == server {
			return c
		}
	}
	return nil
}

// matrix adds the runs of a matrix, and for the main metric of each case the
// ratio to the first server round by round: that is what drift of the machine's
// speed between two matrices leaves alone.
func (s *Side) matrix(m *MatrixResult) {
	for i := range m.Cases {
		k := &m.Cases[i]
		for j := range k.Servers {
			server := &k.Servers[j]
			for _, why := range server.Failed {
				s.notes = append(s.notes, s.about(k.Name, server.Name)+"a run failed: "+why)
			}
			var c *sideCase
			for _, r := range server.Runs {
				c = s.add(k.Name, server.Name, r)
			}
			if c == nil || j == 0 || len(server.Runs[0].Metrics) == 0 {
				continue
			}
			main := server.Runs[0].Metrics[0]
			main.Name, main.Unit = main.Name+", to "+k.Servers[0].Name, ""
			if values := k.ratios(j, 0, server.Runs[0].Metrics[0].Name); len(values) > 0 {
				c.know(main)
				c.more[main.Name] = append(c.more[main.Name], values...)
			}
		}
	}
}

// know keeps m as one of the case's metrics.
func (c *sideCase) know(m Metric) {
	if !c.knows(m.Name) {
		c.metrics = append(c.metrics, m)
	}
}

func (c *sideCase) knows(metric string) bool {
	return slices.ContainsFunc(c.metrics, func(k Metric) bool { return k.Name == metric })
}

// count is the number of its metrics that are looked at, without the generator's own.
func (c *sideCase) count(o *CompareOptions) (n int) {
	for _, m := range c.metrics {
		if o.wants(m.Name) && !ofGenerator(m.Name) {
			n++
		}
	}
	return n
}

// values are those of a metric, one for each repeat that has it.
func (c *sideCase) values(metric string) (list []float64) {
	for _, r := range c.runs {
		if m, ok := r.Metric(metric); ok {
			list = append(list, m.Value)
		}
	}
	return append(list, c.more[metric]...)
}

// caseName says what a single run was: its scenario and its parameters.
func caseName(r *Result) string {
	words := []string{r.Scenario}
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		value := r.Parameters[name]
		if _, plain := value.([]any); !plain && value != nil {
			words = append(words, fmt.Sprintf("%s=%v", name, value))
		}
	}
	return strings.Join(words, " ")
}

// align puts the same cases of all sides side by side. Sides of one case each
// always have it in common: to compare parameters is what some want.
func align(sides []*Side) (rows [][]*sideCase, notes []string, err error) {
	single := true
	for _, s := range sides {
		if len(s.cases) == 0 {
			return nil, nil, fmt.Errorf("%w: %s: no run in it", ErrUsage, s.Name)
		}
		single = single && len(s.cases) == 1
	}
	if single {
		row := make([]*sideCase, len(sides))
		for i, s := range sides {
			row[i] = s.cases[0]
			if row[i].Case != row[0].Case || row[i].Server != row[0].Server {
				notes = append(notes, fmt.Sprintf("the cases differ: %s: %s; %s: %s",
					sides[0].Name, row[0].title(), s.Name, row[i].title()))
			}
		}
		return [][]*sideCase{row}, notes, nil
	}
	for _, c := range sides[0].cases {
		row := []*sideCase{c}
		for _, s := range sides[1:] {
			if other := s.find(c.Case, c.Server); other != nil {
				row = append(row, other)
			}
		}
		if len(row) == len(sides) {
			rows = append(rows, row)
		}
	}
	for i, s := range sides {
		for _, c := range s.cases {
			for j, other := range sides {
				if i != j && other.find(c.Case, c.Server) == nil {
					notes = append(notes, fmt.Sprintf("only %s has it, %s has not: %s", s.Name, other.Name, c.title()))
				}
			}
		}
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%w: the results have no case in common", ErrUsage)
	}
	return rows, notes, nil
}

// title names a case for people.
func (c *sideCase) title() string {
	if c.Server == "" {
		return c.Case
	}
	return c.Case + ", " + c.Server
}
