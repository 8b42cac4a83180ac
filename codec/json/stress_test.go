package json

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
)

// TestConcurrentUse encodes and decodes one type from many goroutines while the
// collector runs: sonic's compiled code has let go of live memory before (its
// issue 912), and plans are made at the first use.
func TestConcurrentUse(t *testing.T) {
	type item struct {
		Name string         `json:"name"`
		Tags []string       `json:"tags"`
		Any  any            `json:"any"`
		Map  map[string]any `json:"map"`
	}
	type message struct {
		ID    int      `json:"id"`
		Items []*item  `json:"items"`
		Data  []byte   `json:"data"`
		Inner *message `json:"inner"`
	}
	make1 := func(n int) *message {
		name := fmt.Sprintf("name %d, as long as it takes to leave the stack", n)
		return &message{
			ID:    n,
			Items: []*item{{name, []string{name, "x"}, []any{name, float64(n)}, map[string]any{name: name}}},
			Data:  []byte(name),
			Inner: &message{ID: -n, Data: []byte{byte(n)}},
		}
	}
	stop := make(chan struct{})
	var collector, workers sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	for _, e := range engines[:2] {
		c := wire(e.Engine)
		for g := range 4 {
			workers.Go(func() {
				var text []byte
				var bin Attachments
				kept := make([]*message, 0, 150)
				for n := range 150 {
					want := make1(g*1000 + n)
					bin.Reset()
					var err error
					if text, err = c.Append(text[:0], want, &bin); err != nil {
						t.Error(err)
						return
					}
					got := new(message)
					if err := c.Decode(text, got, bin.Chunks); err != nil {
						t.Error(err)
						return
					}
					kept = append(kept, got)
					if text, err = c.Append(text[:0], want.Items, &bin); err != nil {
						t.Error(err)
						return
					}
					var items []*item
					if err := c.Decode(text, &items, nil); err != nil || !reflect.DeepEqual(items, want.Items) {
						t.Errorf("%s: items %v, %v", e.name, items, err)
					}
				}
				for n, got := range kept { // after all that was collected since
					if want := make1(g*1000 + n); !reflect.DeepEqual(got, want) {
						t.Errorf("%s: message %d is %+v", e.name, n, got)
						return
					}
				}
			})
		}
	}
	workers.Wait()
	close(stop)
	collector.Wait()
}

// A pretouched is a type of some depth, and another one for every T.
type pretouched[T any] struct {
	Data []byte
	Deep level1[T]
	Same *level1[T]
}

type (
	level1[T any] struct{ L map[string]level2[T] }
	level2[T any] struct{ L []level3[T] }
	level3[T any] struct{ L level4[T] }
	level4[T any] struct{ P, Q level5[T] }
	level5[T any] struct {
		A, B, C, D, E string
		X, Y          float64
		Z             map[string]int
		T             T
	}
)

// TestPretouch: after it, the first use of a type compiles nothing. Compiling
// allocates several times what all the rest does, so that is what is looked at.
func TestPretouch(t *testing.T) {
	if err := Pretouch(reflect.TypeFor[pretouched[int8]]()); err != nil {
		t.Fatal(err)
	}
	with, without := firstUse[int8](t), firstUse[int16](t)
	t.Logf("the first use allocates %d bytes with, %d without", with, without)
	if Sonic != Std && !raceEnabled && with > without/4 {
		t.Errorf("the first use allocates %d bytes with, %d without", with, without)
	}

	if err := Pretouch(nil); err != nil {
		t.Errorf("no type: %v", err)
	}
	if err := Pretouch(reflect.TypeFor[*tree]()); err != nil {
		t.Errorf("recursive type: %v", err)
	}
	if err := Pretouch(reflect.TypeFor[int]()); err != nil {
		t.Errorf("int: %v", err)
	}
}

// firstUse encodes and decodes a pretouched[T] in all ways, and returns the bytes
// that it allocated.
func firstUse[T any](t *testing.T) uint64 {
	v := pretouched[T]{Deep: level1[T]{map[string]level2[T]{"x": {[]level3[T]{{}}}}}, Same: &level1[T]{}}
	c := wire(nil)
	return allocated(func() {
		for _, data := range [][]byte{nil, {1}} {
			v.Data = data
			for _, arg := range []any{v, &v} {
				var bin Attachments
				text, err := c.Append(nil, arg, &bin)
				if err != nil {
					t.Fatal(err)
				}
				var back pretouched[T]
				if err := c.Decode(text, &back, bin.Chunks); err != nil || !reflect.DeepEqual(back, v) {
					t.Fatalf("%s: %+v, %v", text, back, err)
				}
			}
		}
	})
}

// allocated is the memory that f allocates, in bytes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestAppendDoesNotAllocate keeps the promise in Append's comment.
func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	var bin Attachments
	bin.Chunks = make([][]byte, 0, 16)
	for _, e := range engines[:2] {
		c := wire(e.Engine)
		for _, v := range []any{
			nil, true, 12345, int8(1), uint64(1 << 63), 0.1, float32(0.1),
			"a string of some length", "Ünïcödé — and \"quotes\"\n", "\xff\xfe", []byte{1, 2, 3}, bin1, ptr("x"), ptr(1.5), ptr([]byte{1}),
			stdjson.RawMessage(`{"a":[1,2,3]}`), (*int)(nil),
		} {
			if n := testing.AllocsPerRun(100, func() {
				bin.Chunks = bin.Chunks[:0]
				if _, err := c.Append(buf, v, &bin); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %T %v: %v allocations, want 0", e.name, v, v, n)
			}
		}
	}
	c := wire(Sonic)
	for _, v := range []any{
		map[string]any{"id": 17, "name": "n", "ok": true, "data": []byte{1}, "list": []any{1.5, nil}},
		[]any{"a", 1, []byte{2}, map[string]any{"b": "c"}},
	} {
		if n := testing.AllocsPerRun(100, func() {
			bin.Chunks = bin.Chunks[:0]
			if _, err := c.Append(buf, v, &bin); err != nil {
				t.Fatal(err)
			}
		}); n != 0 && Sonic != Std {
			t.Errorf("%v: %v allocations, want 0", v, n)
		}
	}
}

// bin1 is a byte slice of a named type. It is boxed once, as its users do.
var bin1 any = bin{1, 2, 3}

// TestScalarsDoNotAllocate keeps the promises of Check, Int, Float and Bool, and of
// Decode for what is read by hand.
func TestScalarsDoNotAllocate(t *testing.T) {
	integer, number, boolean := []byte(`-123456`), []byte(`-12.5e-3`), []byte(`true`)
	document := []byte(`{"a":[1,2,{"b":"cdefghijklmnop\u00e9"}],"c":null}`)
	long := bytes.Repeat([]byte{'['}, 400)
	c := wire(nil)
	var n int64
	var f float64
	var b bool
	for name, f := range map[string]func() error{
		"Int":            func() error { _, err := Int(integer); return err },
		"Float":          func() error { _, err := Float(number); return err },
		"Bool":           func() error { _, err := Bool(boolean); return err },
		"Check":          func() error { return Check(document) },
		"checkInbound":   func() error { return checkInbound(long) },
		"Decode int64":   func() error { return c.Decode(integer, &n, nil) },
		"Decode float64": func() error { return c.Decode(number, &f, nil) },
		"Decode bool":    func() error { return c.Decode(boolean, &b, nil) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}
