package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// maxFile limits a configuration file, in bytes. Real ones have a few kilobytes.
const maxFile = 1 << 20

// decodeFile reads the YAML file at path over the values already in dst. A key
// that dst does not have is an error.
func decodeFile(path string, dst any) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("read configuration %s: %w", path, err)
	}
	if len(text) > maxFile {
		return fmt.Errorf("read configuration %s: it is larger than %d bytes", path, maxFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	switch err := dec.Decode(dst); {
	case errors.Is(err, io.EOF): // an empty file changes nothing
		return nil
	case err != nil:
		return fmt.Errorf("configuration %s: %w (see `aleph config describe` for the known keys)", path, err)
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: it holds more than one document", path)
	}
	return nil
}
