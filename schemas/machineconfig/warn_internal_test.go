package machineconfig

import (
	"reflect"
	"strings"
	"testing"

	"github.com/akmon-os/akmon/schemas/machineconfig/documents"
	"github.com/akmon-os/akmon/schemas/machineconfig/v1alpha1"
)

// What the tables name must be there, or a typing error would hide a warning.
func TestTablesNameRealKeys(t *testing.T) {
	var check func(typ reflect.Type, known node, prefix string)

	check = func(typ reflect.Type, known node, prefix string) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}

		for key, below := range known {
			field, ok := fieldOf(typ, key)
			if !ok {
				t.Errorf("there is no key %s%s", prefix, key)

				continue
			}

			check(field, below, prefix+key+".")
		}
	}

	check(reflect.TypeFor[v1alpha1.Document](), acted, "")

	for path := range deprecated {
		check(reflect.TypeFor[v1alpha1.Document](), tree(path), "")
	}

	for kind := range actedKinds {
		if _, ok := documents.New(kind); !ok {
			t.Errorf("there is no kind %s", kind)
		}
	}
}

func fieldOf(typ reflect.Type, key string) (reflect.Type, bool) {
	if typ.Kind() != reflect.Struct {
		return nil, false
	}

	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
		if name == key {
			return typ.Field(i).Type, true
		}
	}

	return nil, false
}
