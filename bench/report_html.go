package bench

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/bench/internal/plot"
)

//go:embed report/page.html
var reportPage string

//go:embed report/style.css
var reportStyle string

//go:embed report/script.js
var reportScript string

var reportTemplate = template.Must(template.New("page").Parse(reportPage))

// Widths that the charts of a report are drawn for: the page shows those that fit.
const (
	wideChart   = 536
	narrowChart = 330
)

// WriteHTML writes the result as a page that stands alone: it loads nothing, runs only
// its own script, and can be read without it. Its charts are drawn for narrow and wide
// windows, light and dark. The result as JSON, as it is in r, is the content of the
// element with the id "result".
//
// Whatever a server has said stands in it as text: it is escaped, and a policy
// (Content-Security-Policy) forbids all scripts but the page's own, by its hash.
func (r *Result) WriteHTML(w io.Writer) error {
	p, err := r.page()
	if err != nil {
		return err
	}
	var b bytes.Buffer // a page is written whole or not at all
	if err := reportTemplate.Execute(&b, p); err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}

// page is what the template of a report needs.
type page struct {
	*Result
	Title, Host string
	When        string
	State       standing
	Tiles       []tile
	Alarms      []alarm
	Sections    []section
	Thresholds  []threshold
	Quantiles   []quantileRow
	StepHeads   []string
	StepRows    [][]string
	Parameters  []field
	Machine     []field
	ErrorRows   []errorRow

	Policy string
	Style  template.HTML
	Script template.HTML
	Data   template.HTML
}

type tile struct {
	Name, Value, Unit, Note string
	Main, Bad               bool
}

type alarm struct{ Level, Text string } // "bad", "warn", "good"

type section struct {
	Name    string
	Figures []figure
}

type figure struct {
	Wide, Narrow template.HTML
	Shows        string // JSON of []shown, for the script
}

type quantileRow struct {
	Name  string
	Count string
	Cells []quantileCell
}

// A quantileCell is few if fewer than ten values lie above it.
type quantileCell struct {
	Text string
	Few  bool
}

type field struct{ Name, Value string }

type errorRow struct{ Count, Name, Example string }

func (r *Result) page() (*page, error) {
	p := &page{Result: r, Title: r.Scenario, Host: hostOf(r.URL), State: r.standing(), When: r.Started.Format("2 January 2006, 15:04 MST")}
	p.Tiles = r.tiles()
	p.Alarms = r.alarms()
	latency, load, server, generator := r.drawings()
	for _, s := range []struct {
		name string
		all  []*drawing
	}{{"Latency", latency}, {"Load", load}, {"Server", server}, {"Generator", generator}} {
		if len(s.all) == 0 {
			continue
		}
		sec := section{Name: s.name}
		for _, d := range s.all {
			shows, err := json.Marshal(d.shows)
			if err != nil {
				return nil, err
			}
			sec.Figures = append(sec.Figures, figure{
				Wide: plot.Inline(d.make(wideChart), d.name+"-w"), Narrow: plot.Inline(d.make(narrowChart), d.name+"-n"), Shows: string(shows),
			})
		}
		p.Sections = append(p.Sections, sec)
	}
	p.Thresholds = r.thresholds()
	p.Quantiles = quantileRows(r.Latencies)
	p.StepHeads, p.StepRows = r.steps()
	p.Parameters = fields(r.Parameters)
	p.Machine = r.machine()
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		e := r.Errors[name]
		p.ErrorRows = append(p.ErrorRows, errorRow{group(fmt.Sprint(e.Count)), name, e.Example})
	}

	data, err := json.Marshal(r) // with <, > and & escaped: it stands in an element of the page
	if err != nil {
		return nil, err
	}
	style := string(plot.Style()) + reportStyle
	p.Style = template.HTML("<style>" + style + "</style>")
	p.Script = template.HTML("<script>" + reportScript + "</script>")
	p.Data = template.HTML(`<script type="application/json" id="result">` + string(data) + "</script>")
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + sourceHash(style) + "; script-src " + sourceHash(reportScript)
	return p, nil
}

// sourceHash is what a Content-Security-Policy knows an element by. Source: CSP 3,
// section 6.7.2.3.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// hostOf is what of a URL goes into a heading.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return text
	}
	return u.Host + strings.TrimSuffix(u.Path, "/")
}

// steps is the table of a run in steps: connections, memory, heap objects.
func (r *Result) steps() (heads []string, rows [][]string) {
	text, err := json.Marshal(r.Parameters["steps"])
	var all []struct {
		Connections int   `json:"connections"`
		RSS         int64 `json:"rss_bytes"`
		Objects     int64 `json:"heap_objects"`
	}
	if err != nil || json.Unmarshal(text, &all) != nil || len(all) == 0 {
		return nil, nil
	}
	dash := func(n int64, text string) string {
		if n == 0 {
			return "–"
		}
		return text
	}
	for _, s := range all {
		rows = append(rows, []string{
			group(fmt.Sprint(s.Connections)),
			dash(s.RSS, plot.Text(plot.Bytes, float64(s.RSS))),
			dash(s.Objects, group(fmt.Sprint(s.Objects))),
		})
	}
	return []string{"connections", "server memory", "heap objects"}, rows
}

// fields are the parameters but those that have a table.
func fields(parameters map[string]any) (all []field) {
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		if name == "steps" {
			continue
		}
		all = append(all, field{strings.ReplaceAll(name, "_", " "), valueText(parameters[name])})
	}
	return all
}

// valueText writes a parameter: what is not a word or number as JSON.
func valueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return group(fmt.Sprint(v))
	case float64:
		if v == float64(int64(v)) {
			return group(fmt.Sprintf("%.0f", v))
		}
		return fmt.Sprint(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// machine is where the run took place.
func (r *Result) machine() []field {
	e := r.Environment
	processor := fmt.Sprintf("%s, %d cores", orUnknown(e.Processor), e.Cores)
	if e.Memory > 0 {
		processor += ", " + plot.Text(plot.Bytes, float64(e.Memory))
	}
	all := []field{
		{"started", r.Started.Format(time.RFC3339)},
		{"system", strings.TrimSpace(e.System + ", " + orUnknown(e.Kernel))},
		{"processor", processor},
		{"generator", fmt.Sprintf("%s, GOMAXPROCS %d", e.Go, e.GOMAXPROCS)},
	}
	for _, f := range []field{
		{"version", e.Version}, {"revision", e.Revision}, {"Go settings", e.Settings}, {"frequency governor", e.Governor},
	} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	if u := r.Server; u != nil {
		all = append(all, field{"server's process", fmt.Sprintf("pid %d, memory from %s", u.PID, orUnknown(u.RSSSource))})
	}
	return all
}

// CommandLine is for the template.
func (p *page) CommandLine() string { return p.commandLine() }
