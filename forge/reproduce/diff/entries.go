package diff

import (
	"fmt"
	"io"
	"slices"
)

// entry is a file of an archive or file system.
type entry struct {
	name string
	// properties are what is said of it, by name.
	properties []property
	// content is nil for what has none, such as directories.
	content *io.SectionReader
}

type property struct {
	name  string
	value any
}

// id tells entries of one name apart.
type id struct {
	name  string
	index int
}

func index(entries []entry) (map[id]entry, []id) {
	byID, order, seen := map[id]entry{}, []id{}, map[string]int{}

	for _, e := range entries {
		k := id{e.name, seen[e.name]}
		seen[e.name]++
		byID[k] = e
		order = append(order, k)
	}

	return byID, order
}

// entries compares archives by the files that are in them.
func (c *comparer) entries(p place, a, b []entry) error {
	first, firstOrder := index(a)
	second, secondOrder := index(b)

	var common [2][]string

	for _, k := range firstOrder {
		left := first[k]

		right, ok := second[k]
		if !ok {
			if err := c.only(p, "first", left, left.content, nil); err != nil {
				return err
			}

			continue
		}

		common[0] = append(common[0], k.name)

		if err := c.entry(p, left, right); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}

	for _, k := range secondOrder {
		if _, ok := first[k]; ok {
			common[1] = append(common[1], k.name)
		} else if err := c.only(p, "second", second[k], nil, second[k].content); err != nil {
			return err
		}
	}

	for i := range common[0] {
		if common[0][i] != common[1][i] {
			c.add(p, Difference{Offset: -1, Text: fmt.Sprintf("the order of the entries: number %d is %s | %s", i+1, common[0][i], common[1][i])})

			break
		}
	}

	return nil
}

// only lists a file that one side alone has.
func (c *comparer) only(p place, side string, e entry, a, b *io.SectionReader) error {
	at, err := p.file(e.name, a, b)
	if err != nil {
		return err
	}

	c.add(at, Difference{Text: "only in the " + side, Offset: -1})

	return nil
}

// entry compares two files of one name.
func (c *comparer) entry(p place, a, b entry) error {
	equal := slices.Equal(a.properties, b.properties)

	if equal && a.content != nil && b.content != nil {
		offset, err := firstDifference(a.content, b.content)
		if err != nil {
			return err
		}

		equal = offset < 0
	}

	if equal {
		return nil
	}

	at, err := p.file(a.name, a.content, b.content)
	if err != nil {
		return err
	}

	c.properties(at, a.properties, b.properties)

	if a.content == nil || b.content == nil {
		return nil
	}

	return c.compare(at, a.content, b.content)
}

// properties compares lists of the same properties in the same order; where
// one has more, the other's are empty.
func (c *comparer) properties(p place, a, b []property) {
	values := map[string][2]any{}

	var names []string

	for i, list := range [][]property{a, b} {
		for _, v := range list {
			pair, known := values[v.name]
			if !known {
				pair = [2]any{"none", "none"}
				names = append(names, v.name)
			}

			pair[i] = v.value
			values[v.name] = pair
		}
	}

	for _, name := range names {
		c.value(p, name, values[name][0], values[name][1])
	}
}
