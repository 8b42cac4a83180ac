package fill

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
)

// Orders in which rows are dealt out.
const (
	InTurn = "turn"   // client 0 gets the first row, and the first again follows the last
	Random = "random" // shuffled by the seed; each row once, before any comes again
)

// Rows are a table of which every client is dealt a row. They are held in memory.
// Any goroutine.
type Rows struct {
	columns []string
	rows    [][]string
	order   []uint32 // nil: in turn
}

// LoadRows reads a CSV file (RFC 4180) whose first record names the columns.
func LoadRows(file, order string, seed uint64) (*Rows, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := ReadRows(f, order, seed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return r, nil
}

// ReadRows is LoadRows from a reader. order is [InTurn], also when it is empty,
// or [Random].
func ReadRows(in io.Reader, order string, seed uint64) (*Rows, error) {
	if order != "" && order != InTurn && order != Random {
		return nil, fmt.Errorf("order %q: must be %s or %s", order, InTurn, Random)
	}
	c := csv.NewReader(in)
	all, err := c.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(all) < 2 {
		return nil, errors.New("there must be a line with the names of the columns, and a row")
	}
	if len(all) > math.MaxUint32 {
		return nil, errors.New("too many rows")
	}
	columns := all[0]
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff")
	for i, name := range columns {
		if slices.Contains(columns[:i], name) {
			return nil, fmt.Errorf("column %q stands twice", name)
		}
	}
	r := &Rows{columns: columns, rows: all[1:]}
	if order == Random {
		r.order = make([]uint32, len(r.rows))
		for i := range r.order {
			r.order[i] = uint32(i)
		}
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(r.order), func(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] })
	}
	return r, nil
}

// Len is the number of rows.
func (r *Rows) Len() int { return len(r.rows) }

func (r *Rows) field(id int, column string) (string, error) {
	i := slices.Index(r.columns, column)
	if i < 0 {
		return "", fmt.Errorf("the table has no column %q, but %q", column, r.columns)
	}
	n := id % len(r.rows)
	if r.order != nil {
		n = int(r.order[n])
	}
	return r.rows[n][i], nil
}
