package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// usageTemplate is what follows a command's description in its help. The flags
// that every command has are shown once, with the program's own help.
const usageTemplate = `{{if .HasExample}}
Examples:
{{.Example}}
{{end}}
Usage:{{if and .Runnable (or (not .HasAvailableSubCommands) .Annotations.alone)}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} COMMAND{{end}}
{{$cmd := .}}{{if .HasAvailableSubCommands}}{{if .Groups}}{{range $group := .Groups}}
{{.Title}}{{range $cmd.Commands}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{end}}{{else}}
Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
{{end}}{{if .HasHelpSubCommands}}
Topics:{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}
{{end}}{{if .HasParent}}
Flags of every command, such as --json, --api and --account: aleph --help
Exit codes: aleph help exit-codes
{{else}}
More about a command: aleph COMMAND --help
More about a topic:   aleph help TOPIC
{{end}}`

// helpTemplate is the whole help of a command; a topic is only its text.
const helpTemplate = `{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}
{{end}}{{if or .Runnable .HasSubCommands}}{{.UsageString}}{{end}}`

// alone marks a command that does something without one of the commands below it.
func alone() map[string]string { return map[string]string{"alone": "yes"} }

// styleHelp replaces the usual help texts.
func styleHelp(root *cobra.Command) {
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
}

// newHelpCommand returns `aleph help`, which does not take an unknown word for
// the question what the program is.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about any command",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range about.Commands() {
				if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return usagef("there is no help about %q", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
