// Package config composes the configuration of every part into one documented
// struct, [Config], and fills it: defaults first, then a YAML file, then
// environment variables. Unknown keys of a file are refused.
//
// Each part declares its own struct and says what a field means in the field's
// doc tag; [Describe] prints those, so the file that `aleph config describe`
// shows cannot differ from the code.
package config

import (
	"aleph/internal/local"
	"aleph/internal/telemetry"
)

// Config is everything that can be configured.
type Config struct {
	// Log says what is logged and how.
	Log telemetry.LogConfig `yaml:"log"`
	// Network says which network a node belongs to.
	Network string `yaml:"network" doc:"Network of aleph node: public, or a JSON file, as each local cloud writes one into its data folder. A local cloud has its own."`
	// Local holds the parts of a local cloud; its keys stand at the top.
	Local local.Config `yaml:",inline"`
}

// Default is the configuration of a program that was told nothing.
func Default() Config {
	return Config{Log: telemetry.DefaultLogConfig(), Network: "public", Local: local.DefaultConfig()}
}

// Load returns the defaults overridden by the file at path, when path is not
// empty, and then by the variables of environ, which has the form of os.Environ.
func Load(path string, environ []string) (*Config, error) {
	cfg := Default()
	if path != "" {
		if err := decodeFile(path, &cfg); err != nil {
			return nil, err
		}
	}
	if err := applyEnvironment(&cfg, environ); err != nil {
		return nil, err
	}
	return &cfg, nil
}
