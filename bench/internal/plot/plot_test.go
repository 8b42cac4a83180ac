package plot

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// wave is n seconds of something, from 1 on.
func wave(n int, f func(i int) float64) (x, y []float64) {
	for i := range n {
		x, y = append(x, float64(i+1)), append(y, f(i))
	}
	return x, y
}

// charts are drawn once of every kind; their pictures are kept.
func charts() map[string]Chart {
	x, p50 := wave(60, func(i int) float64 { return 900 + 120*math.Sin(float64(i)/5) })
	_, p99 := wave(60, func(i int) float64 {
		if i >= 30 && i < 34 {
			return math.NaN()
		}
		return 4200 + 1500*math.Sin(float64(i)/3)*math.Cos(float64(i))
	})
	_, top := wave(60, func(i int) float64 {
		if i == 41 {
			return 48000
		}
		return 9000 + 2500*math.Sin(float64(i))
	})
	_, rss := wave(60, func(i int) float64 { return 20<<20 + float64(i)*(600<<10) })
	_, cores := wave(60, func(i int) float64 { return 0.8 + 0.1*math.Sin(float64(i)) })
	bands := []Band{{0, 8, "connect", true}, {8, 10, "warm-up", true}, {10, 52, "measure", false}, {52, 60, "goodbye", true}}

	var quantiles, slower []Quantile
	for i := range 60 {
		n := float64(i) / 10
		q := 1 - math.Pow(10, -n)
		quantiles = append(quantiles, Quantile{q, 800 * math.Exp(n*0.7)})
		if n < 4.2 {
			slower = append(slower, Quantile{q, 2400 * math.Exp(n*0.55)})
		}
	}
	slower = append(slower, Quantile{1, 31000})

	return map[string]Chart{
		"latency": &Line{
			Head: Head{Title: "Latency over time", Note: "of echo, in each second"},
			Left: Axis{Unit: Micros, Log: true}, Bands: bands,
			Series: []Series{{Name: "p50", X: x, Y: p50}, {Name: "p99", X: x, Y: p99}, {Name: "max", X: x, Y: top, Dashed: true}},
			Marks:  []Mark{{5000, "p99 < 5 ms"}},
		},
		"server": &Line{
			Head: Head{Title: "Server", Width: 380, Height: 150},
			Left: Axis{Name: "memory", Unit: Bytes}, Right: Axis{Name: "cores", Unit: Ratio, Top: 1}, Bands: bands,
			Series: []Series{{Name: "RSS", X: x, Y: rss, Filled: true}, {Name: "CPU", X: x, Y: cores, Right: true}},
		},
		"steps": &Line{
			Head: Head{Title: "Connections", Height: 90}, Left: Axis{Unit: Plain},
			Series: []Series{{Name: "connections", X: []float64{0, 30, 60, 300, 420}, Y: []float64{0, 2000, 10000, 18000, 18000}, Steps: true, Filled: true}},
		},
		"nothing": &Line{Head: Head{Title: "Nothing", Height: 60}, Series: []Series{{Name: "empty"}}},
		"percentiles": &Percentiles{
			Head: Head{Title: "Percentiles", Height: 220}, Axis: Axis{Unit: Micros, Log: true},
			Curves: []Curve{{Name: "echo", Points: quantiles}, {Name: "connect", Points: slower}},
			Marks:  []Mark{{20000, "p99.9 < 20 ms"}},
		},
		"bars": &Bars{
			Head: Head{Title: "Server CPU per operation", Note: "medians of 7 rounds, whiskers from least to greatest; shorter is better"},
			Unit: Micros, Axis: "user and system time of the server's process", Mark: 11.3, MarkName: "bare gnet",
			Groups: []Group{
				{"echo, depth 1", []Bar{{Name: "sio", Value: 11.1, Min: 10.5, Max: 13.8}, {Name: "socket.io on Node", Value: 30.1, Min: 17.3, Max: 37.1}, {Name: "socketioxide", Value: math.NaN()}}},
				{"echo, depth 16", []Bar{{Name: "sio", Value: 1.16, Min: 1.01, Max: 1.24}, {Name: "socket.io on Node", Value: 15.8, Min: 14.2, Max: 19.2}}},
			},
		},
	}
}

func TestGolden(t *testing.T) {
	for name, c := range charts() {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".svg")
			got := SVG(c)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is drawn otherwise; look at it, then go test -update\n%s", name, got)
			}
			if again := SVG(charts()[name]); !bytes.Equal(got, again) {
				t.Error("drawn twice, it differs")
			}
		})
	}
}

// wellFormed reads the whole text as XML and returns its character data.
func wellFormed(t testing.TB, svg []byte) (text string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return text
		}
		if err != nil {
			t.Fatalf("not XML: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token) + "\n"
		case xml.StartElement:
			switch token.Name.Local {
			case "svg", "title", "desc", "style", "rect", "path", "text":
			default:
				t.Fatalf("element %s", token.Name.Local)
			}
			for _, a := range token.Attr {
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Fatalf("attribute %s=%q", a.Name.Local, a.Value)
				}
			}
		}
	}
}

func TestWellFormed(t *testing.T) {
	for name, c := range charts() {
		text := wellFormed(t, SVG(c))
		if !strings.Contains(text, c.head().Title) {
			t.Errorf("%s: no title", name)
		}
	}
}

// TestHostileText: names may come from a server.
func TestHostileText(t *testing.T) {
	evil := "</text><script>alert(1)</script>\"'&\x00\x1b\xff\u202e]]>"
	for _, c := range []Chart{
		&Line{Head: Head{Title: evil, Note: evil, Desc: evil}, Left: Axis{Name: evil}, Right: Axis{Name: evil}, Bands: []Band{{0, 9, evil, true}}, Marks: []Mark{{1, evil}},
			Series: []Series{{Name: evil, X: []float64{1, 2}, Y: []float64{1, 2}}, {Name: evil, Right: true, X: []float64{1}, Y: []float64{1}}}},
		&Percentiles{Head: Head{Title: evil}, Curves: []Curve{{Name: evil, Points: []Quantile{{.5, 1}}}, {Name: evil}}},
		&Bars{Head: Head{Title: evil}, Axis: evil, MarkName: evil, Mark: 1, Groups: []Group{{evil, []Bar{{Name: evil, Value: 1, Text: evil}}}}},
	} {
		for _, svg := range []string{string(SVG(c)), string(Inline(c, `"x`))} {
			wellFormed(t, []byte(svg)) // fails for a script
			if strings.Contains(svg, "<script") || strings.Contains(svg, "\x1b") {
				t.Errorf("unescaped in\n%s", svg)
			}
		}
	}
}

// TestStrangeValues: what cannot be drawn is left out, and says so.
func TestStrangeValues(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for i, c := range []Chart{
		&Line{}, &Percentiles{}, &Bars{},
		&Line{Series: []Series{{X: []float64{nan, 1, 2, inf}, Y: []float64{1, inf, nan, 2}}}},
		&Line{Left: Axis{Log: true, Unit: Micros}, Series: []Series{{X: []float64{1, 2}, Y: []float64{0, -5}}}},
		&Line{Series: []Series{{X: []float64{1, 2, 3}, Y: []float64{-5, 5}}}},
		&Line{From: 5, To: -5, Series: []Series{{X: []float64{1}, Y: []float64{1e300}}}},
		&Line{Left: Axis{Unit: Bytes}, Series: []Series{{X: []float64{1, 1e9}, Y: []float64{1e-300, 1e18}, Filled: true}}},
		&Percentiles{Axis: Axis{Log: true}, Curves: []Curve{{Points: []Quantile{{nan, 1}, {-1, 1}, {2, 1e30}, {1, nan}, {.5, -1}, {.5, 1e-30}}}}},
		&Bars{Mark: nan, Groups: []Group{{"", []Bar{{Value: inf}, {Value: nan}, {Value: -3, Min: -5, Max: inf}}}}},
		&Bars{Head: Head{Width: -4}, Unit: Bytes, Groups: []Group{{"g", []Bar{{Name: strings.Repeat("long ", 50), Value: 0}}}}},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) { wellFormed(t, SVG(c)) })
	}
}

// TestLongSeries: a day of seconds is no longer than the chart is wide, and keeps its
// peaks.
func TestLongSeries(t *testing.T) {
	x, y := wave(86400, func(i int) float64 { return 10 + math.Sin(float64(i)) })
	y[40_001] = 500
	svg := SVG(&Line{Series: []Series{{X: x, Y: y}}})
	if n := len(svg); n > 60_000 {
		t.Errorf("%d bytes", n)
	}
	f := frame{x: timeScale(1, 86400, 5), left: newScale(&Axis{}, 0, 500, 5), w: 600, h: 100}
	least := math.Inf(1)
	for _, run := range f.runs(&Series{X: x, Y: y}, f.left) {
		for i, p := range run {
			least = min(least, p[1])
			if i > 0 && p[0] < run[i-1][0] {
				t.Fatal("time goes back")
			}
		}
	}
	if least != 0 {
		t.Errorf("the peak is drawn at %v", least)
	}
}

// TestGaps: what was not measured is not drawn over.
func TestGaps(t *testing.T) {
	f := frame{x: timeScale(0, 10, 5), left: newScale(&Axis{}, 0, 10, 5), w: 600, h: 100}
	nan := math.NaN()
	runs := f.runs(&Series{X: []float64{0, 1, 2, 3, 4, 5}, Y: []float64{1, 2, nan, 3, nan, 4}}, f.left)
	if len(runs) != 3 || len(runs[0]) != 2 || len(runs[1]) != 1 || len(runs[2]) != 1 {
		t.Errorf("%v", runs)
	}
}
