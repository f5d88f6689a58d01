package cli

import (
	"cmp"

	"github.com/spf13/cobra"

	"aleph/internal/config"
)

func newConfigCommand(a *app) *cobra.Command {
	var file string
	describe := &cobra.Command{
		Use: "describe", Short: "Print the configuration as a commented file", Args: cobra.NoArgs,
		Long: `Print every setting with what it means, its environment variable and its value:
the default, overridden by the file of --config, overridden by the environment.
The output is a complete configuration file.`,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.loadConfig(file)
			if err != nil {
				return err
			}
			return config.Describe(a.Out, cfg)
		},
	}
	describe.Flags().StringVar(&file, "config", "", "configuration file ($ALEPH_CONFIG)")
	return newGroupCommand(a, "config", "The settings of a cloud", describe)
}

// loadConfig reads the configuration of a cloud: the file on the command line
// or in the environment, and the environment over it.
func (a *app) loadConfig(file string) (*config.Config, error) {
	cfg, err := config.Load(cmp.Or(file, a.Env("ALEPH_CONFIG")), a.Environ)
	if err != nil {
		return nil, usageError{err}
	}
	return cfg, nil
}
