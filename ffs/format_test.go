package ffs

import (
	"encoding/binary"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"testing"
)

// TestOffsets holds each on-disk struct to the offsets in its comments, which
// are those of the headers.
func TestOffsets(t *testing.T) {
	for _, record := range []struct {
		value any
		size  int
	}{
		{Superblock{}, superblockBytes},
		{groupHeader{}, groupHeaderBytes},
		{Summary{}, summaryBytes},
	} {
		typ := reflect.TypeOf(record.value)
		if got := binary.Size(record.value); got != record.size {
			t.Errorf("%s has %d bytes, want %d", typ.Name(), got, record.size)
		}
		comments := fieldOffsets(t, typ.Name())
		at := 0
		for i := range typ.NumField() {
			f := typ.Field(i)
			if want, ok := comments[f.Name]; ok && want != at {
				t.Errorf("%s.%s is at %d, its comment says %d", typ.Name(), f.Name, at, want)
			} else if !ok && typ.Name() != "Summary" {
				t.Errorf("%s.%s has no offset in its comment", typ.Name(), f.Name)
			}
			at += binary.Size(reflect.Zero(f.Type).Interface())
		}
	}
}

// fieldOffsets reads the numbers at the beginning of a struct's field comments.
func fieldOffsets(t *testing.T, name string) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "format.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	offset := regexp.MustCompile(`^(\d+) (fs|cg)_`)
	found := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			if m := offset.FindStringSubmatch(f.Comment.Text()); m != nil {
				found[f.Names[0].Name], _ = strconv.Atoi(m[1])
			}
		}
		return false
	})
	return found
}
