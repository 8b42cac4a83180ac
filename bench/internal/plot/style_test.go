package plot

import (
	"math"
	"strconv"
	"testing"
)

// rgb is a colour in linear light.
type rgb [3]float64

func parse(t *testing.T, hex string) (c rgb) {
	t.Helper()
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q: %v", hex, err)
	}
	for i := range c {
		v := float64(n>>(16-8*i)&0xff) / 255
		if c[i] = v / 12.92; v > 0.04045 {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

// contrast is that of WCAG 2.2, "contrast ratio".
func contrast(a, b rgb) float64 {
	l := func(c rgb) float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] + 0.05 }
	return max(l(a), l(b)) / min(l(a), l(b))
}

// Full dichromacy, in linear light. Source: Machado, Oliveira, Fernandes, "A
// Physiologically-based Model for Simulation of Color Vision Deficiency", 2009, severity 1.
var sights = map[string][3]rgb{
	"full":   {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protan": {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deutan": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritan": {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// lab is CIE L*a*b* of a colour as somebody sees it.
func lab(c rgb, sight [3]rgb) (out rgb) {
	var s rgb
	for i, row := range sight {
		s[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	f := func(t float64) float64 {
		if t > 0.008856 {
			return math.Cbrt(t)
		}
		return 7.787*t + 16.0/116
	}
	x := f((0.4124*s[0] + 0.3576*s[1] + 0.1805*s[2]) / 0.9505)
	y := f(0.2126*s[0] + 0.7152*s[1] + 0.0722*s[2])
	z := f((0.0193*s[0] + 0.1192*s[1] + 0.9505*s[2]) / 1.089)
	return rgb{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// TestColours: text and lines stand out from what is behind them, and no two of the
// lines look alike to anybody. The first three, which most charts make do with, differ
// more.
func TestColours(t *testing.T) {
	for name, theme := range map[string]*theme{"light": &light, "dark": &dark} {
		for _, behind := range []string{theme.surface, theme.band} {
			for _, text := range []string{theme.ink, theme.muted} {
				if got := contrast(parse(t, text), parse(t, behind)); got < 4.5 {
					t.Errorf("%s: text %s on %s has contrast %.1f", name, text, behind, got)
				}
			}
			for _, line := range theme.lines {
				if got := contrast(parse(t, line), parse(t, behind)); got < 3 {
					t.Errorf("%s: line %s on %s has contrast %.1f", name, line, behind, got)
				}
			}
		}
		for sight, matrix := range sights {
			for i, a := range theme.lines {
				for j, b := range theme.lines[:i] {
					p, q := lab(parse(t, a), matrix), lab(parse(t, b), matrix)
					far := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
					least := 16.0
					if i < 3 {
						least = 25
					}
					if far < least {
						t.Errorf("%s: %s (c%d) and %s (c%d) are %.0f apart in %s sight", name, b, j+1, a, i+1, far, sight)
					}
				}
			}
		}
	}
}
