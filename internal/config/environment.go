package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// envPrefix starts the name of every variable that overrides a key.
const envPrefix = "ALEPH_"

// field is one leaf of a configuration struct.
type field struct {
	path  []string // yaml keys from the root
	value reflect.Value
	doc   string // what it means
}

// env is the variable that overrides the field: ALEPH_ and its keys in capitals.
func (f field) env() string {
	return envPrefix + strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(strings.Join(f.path, "_")))
}

// applyEnvironment sets the fields of the struct that dst points to from
// variables in the form of [os.Environ]. Variables that name no field belong to
// somebody else and are left alone.
func applyEnvironment(dst any, environ []string) error {
	vars := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, envPrefix) {
			vars[name] = value
		}
	}
	for _, f := range leaves(reflect.ValueOf(dst).Elem(), nil) {
		text, ok := vars[f.env()]
		if !ok {
			continue
		}
		if err := setText(f.value, text); err != nil {
			return fmt.Errorf("environment variable %s: %w", f.env(), err)
		}
	}
	return nil
}

// leaves lists the fields of a struct in the order of their declaration,
// entering nested structs. Fields without a yaml key are not configuration.
func leaves(v reflect.Value, path []string) []field {
	var list []field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		key, options, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		inline := strings.Contains(options, "inline")
		if !sf.IsExported() || key == "-" || (key == "" && !inline) {
			continue
		}
		at := path
		if !inline {
			at = append(slices.Clip(path), key)
		}
		if sf.Type.Kind() == reflect.Struct && !isText(v.Field(i)) {
			list = append(list, leaves(v.Field(i), at)...)
			continue
		}
		list = append(list, field{at, v.Field(i), sf.Tag.Get("doc")})
	}
	return list
}

func isText(v reflect.Value) bool {
	_, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr())
	return ok
}

// setText parses text into v by the kind of v.
func setText(v reflect.Value, text string) error {
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(text))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is not a duration like 30s or 5m", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is not true or false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number that fits", text)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole positive number that fits", text)
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(n)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.String {
			return fmt.Errorf("a list of %s can only be set in the file", v.Type().Elem())
		}
		list := reflect.MakeSlice(v.Type(), 0, 0)
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = reflect.Append(list, reflect.ValueOf(item).Convert(v.Type().Elem()))
			}
		}
		v.Set(list)
	default:
		return fmt.Errorf("a value of type %s can only be set in the file", v.Type())
	}
	return nil
}
