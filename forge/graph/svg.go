package graph

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Measures of the picture, in pixels.
const (
	svgCharacter = 7.3 // of 12 px monospace
	svgHeight    = 26  // of a box
	svgGapX      = 90  // between columns
	svgGapY      = 14  // between boxes of a column
	svgMargin    = 20
	svgSweeps    = 8 // passes that put boxes near what they are joined to
)

// box is one node of the picture.
type box struct {
	label    string
	external bool
	target   bool
	column   int
	x, y     float64
	width    float64
	from, to []*box // what it needs, what needs it
	runtime  map[*box]bool
	recipe   *box
	place    float64
}

// WriteSVG draws the graph: columns from what is needed to what needs it, so
// that every line goes from left to right. Bold green lines are runtime
// dependencies, dashed ones lead from a recipe to its further outputs, yellow
// boxes are external inputs, thick ones targets. It needs no Graphviz; packages that set GRAPH_IGNORE are left out.
func (g *Graph) WriteSVG(w io.Writer) error {
	columns := g.columns()
	width, height := layOut(columns)

	var b bytes.Buffer

	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" font-family="monospace" font-size="12">`+"\n",
		width, height, width, height)
	b.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")

	for _, column := range columns {
		for _, to := range column {
			for _, from := range to.from {
				to.line(&b, from)
			}
		}
	}

	for _, column := range columns {
		for _, n := range column {
			n.draw(&b)
		}
	}

	b.WriteString("</svg>\n")

	_, err := w.Write(b.Bytes())

	return err
}

// columns gives the boxes by how far they are from the beginning: each one
// column after the last thing that it needs.
func (g *Graph) columns() [][]*box {
	var all []*box

	nodes, external := map[*Node]*box{}, map[string]*box{}

	for _, n := range g.visible() {
		b := &box{label: n.String(), target: slices.Contains(g.Targets, n), runtime: map[*box]bool{}}
		nodes[n] = b

		for _, e := range n.Edges {
			needed := nodes[e.Node]

			switch {
			case e.Node != nil && needed == nil:
				continue // hidden
			case e.Node == nil && external[e.label()] == nil:
				external[e.label()] = &box{label: e.label(), external: true}
				all = append(all, external[e.label()])

				fallthrough
			case e.Node == nil:
				needed = external[e.label()]
			}

			b.runtime[needed] = b.runtime[needed] || e.Runtime

			if e.Recipe {
				b.recipe = needed
			}

			if !slices.Contains(b.from, needed) {
				b.from = append(b.from, needed)
				needed.to = append(needed.to, b)
				b.column = max(b.column, needed.column+1)
			}
		}

		all = append(all, b)
	}

	var columns [][]*box

	for _, b := range all {
		// What starts a chain stands right before what needs it first.
		if len(b.from) == 0 && len(b.to) > 0 {
			b.column = slices.MinFunc(b.to, func(x, y *box) int { return x.column - y.column }).column - 1
		}

		for len(columns) <= b.column {
			columns = append(columns, nil)
		}

		columns[b.column] = append(columns[b.column], b)
	}

	return columns
}

// layOut gives every box its place, and the size of the picture.
func layOut(columns [][]*box) (width, height float64) {
	for _, column := range columns {
		for i, b := range column {
			b.place = float64(i)
		}
	}

	// A box goes to the mean of the places of what it is joined to, once
	// looking back and once looking ahead.
	for sweep := range svgSweeps {
		for _, column := range columns {
			for _, b := range column {
				joined := b.from
				if sweep%2 == 1 {
					joined = b.to
				}

				if len(joined) == 0 {
					continue
				}

				sum := 0.0
				for _, j := range joined {
					sum += j.place
				}

				b.place = sum / float64(len(joined))
			}

			slices.SortStableFunc(column, func(a, b *box) int {
				switch {
				case a.place < b.place:
					return -1
				case a.place > b.place:
					return 1
				default:
					return 0
				}
			})

			for i, b := range column {
				b.place = float64(i)
			}
		}
	}

	most := 0
	for _, column := range columns {
		most = max(most, len(column))
	}

	height = 2*svgMargin + float64(most)*(svgHeight+svgGapY) - svgGapY
	x := float64(svgMargin)

	for _, column := range columns {
		y := (height - float64(len(column))*(svgHeight+svgGapY) + svgGapY) / 2
		widest := 0.0

		for _, b := range column {
			b.x, b.y = x, y
			b.width = float64(utf8.RuneCountInString(b.label))*svgCharacter + 16
			widest = max(widest, b.width)
			y += svgHeight + svgGapY
		}

		x += widest + svgGapX
	}

	return max(x-svgGapX+svgMargin, 2*svgMargin), max(height, 2*svgMargin)
}

func (b *box) line(w *bytes.Buffer, from *box) {
	x1, y1 := from.x+from.width, from.y+svgHeight/2
	x2, y2 := b.x, b.y+svgHeight/2
	bend := (x2 - x1) / 2

	style := `stroke="#999"`
	if b.runtime[from] {
		style = `stroke="forestgreen" stroke-width="2"`
	}

	if b.recipe == from {
		style += ` stroke-dasharray="5 3"`
	}

	fmt.Fprintf(w, `<path d="M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f" fill="none" %s/>`+"\n", x1, y1, x1+bend, y1, x2-bend, y2, x2, y2, style)
}

func (b *box) draw(w *bytes.Buffer) {
	fill, stroke := "white", 1
	if b.external {
		fill = "lemonchiffon"
	}

	if b.target {
		stroke = 2
	}

	fmt.Fprintf(w, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="5" fill="%s" stroke="#333" stroke-width="%d"/>`, b.x, b.y, b.width, svgHeight, fill, stroke)
	fmt.Fprintf(w, `<text x="%.1f" y="%.1f">`, b.x+8, b.y+17)
	_ = xml.EscapeText(w, []byte(b.label)) // a buffer takes everything
	w.WriteString("</text>\n")
}
