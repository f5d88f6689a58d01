package cli

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"

	"aleph/account"
	"aleph/internal/compute/disk"
	"aleph/internal/compute/gvisor"
	vmnetwork "aleph/internal/compute/network"
	"aleph/internal/compute/runtime"
	"aleph/internal/compute/vm"
	"aleph/internal/config"
	"aleph/internal/local/doctor"
	"aleph/internal/node/store"
)

func newDoctorCommand(a *app) *cobra.Command {
	var configFile string
	cmd := &cobra.Command{
		Use: "doctor", Short: "What this machine can run, what is missing, and the fix", Args: cobra.NoArgs,
		Long: `Look at this machine: does the sandbox of functions boot, which of its limits hold,
which programs are missing, are the ports free, is there room on the disk, is what the
node has stored sound.

Exit code 0 when everything works or only limits something (warn), 1 when a part
of the cloud cannot run (fail).`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), a, configFile) },
	}
	cmd.Flags().StringVar(&configFile, "config", "", "configuration file of the cloud ($ALEPH_CONFIG)")
	return cmd
}

func runDoctor(ctx context.Context, a *app, configFile string) (err error) {
	cfg, err := a.loadConfig(configFile)
	if err != nil {
		return err
	}
	opts, cleanUp, err := a.doctorOptions(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	a.note("looking at this machine; the first time the sandbox is tried, which takes some seconds")
	checks, err := doctor.Examine(ctx, opts)
	if err != nil {
		return err
	}
	if err := a.printChecks(checks); err != nil {
		return err
	}
	if doctor.Worst(checks) == doctor.Fail {
		return errors.New("a part of the cloud cannot run here: see what is marked fail")
	}
	return nil
}

func (a *app) printChecks(checks []doctor.Check) error {
	report := struct {
		Result doctor.Result  `json:"result"`
		Checks []doctor.Check `json:"checks"`
	}{doctor.Worst(checks), checks}
	return a.present(report, func(w io.Writer) error {
		t := &table{columns: []column{{}, {title: "CHECK"}, {title: "FOUND", least: 20}, {title: "WHAT TO DO"}}}
		for _, c := range checks {
			t.add(string(c.Result), c.Name, c.Detail, c.Fix)
		}
		return a.writeTable(w, t)
	})
}

// doctorOptions gathers what the doctor looks at from the configuration.
func (a *app) doctorOptions(cfg *config.Config) (o doctor.Options, cleanUp func() error, err error) {
	folders, err := config.UserFolders()
	if err != nil {
		return o, nil, err
	}
	if o.DataDir = cfg.Local.DataDir; o.DataDir == "" {
		o.DataDir = folders.LocalData
	}
	state, err := (&databaseFlags{}).of(a, cfg)
	if err != nil {
		return o, nil, err
	}
	o.Database, o.Files = &state.database, state.files
	own := 0
	cloud, err := a.runningCloud()
	if err != nil {
		return o, nil, err
	}
	if cloud != nil {
		own = cloud.PID
	}
	for _, p := range []struct{ use, address string }{{"node", cfg.Local.Node.Listen}, {"compute host", cfg.Local.ComputeListen}} {
		_, text, err := net.SplitHostPort(p.address)
		if err != nil {
			return o, nil, err
		}
		number, err := strconv.Atoi(text)
		if err != nil {
			return o, nil, err
		}
		if number != 0 {
			o.Ports = append(o.Ports, doctor.Port{For: p.use, Number: number, OwnPID: own})
		}
	}
	o.Linked = linkedLibraries()
	log := slog.New(slog.DiscardHandler)
	runtimes, err := runtime.Open(cfg.Local.Runtimes, log)
	if err != nil {
		return o, nil, err
	}
	for _, s := range runtimes.States() {
		r := doctor.Runtime{Name: s.Name, Built: s.Image != nil}
		if r.Built {
			r.Where = s.Image.Root
		}
		o.Runtimes = append(o.Runtimes, r)
	}
	scratch, err := os.MkdirTemp("", "aleph-doctor-")
	if err != nil {
		return o, nil, err
	}
	cleanUp = func() error { return errors.Join(runtimes.Close(), os.RemoveAll(scratch)) }
	o.Driver, err = gvisor.New(cfg.Local.Compute.GVisor, gvisor.Deps{State: scratch, Cache: folders.Cache, Init: runtimes.InitPath, Log: log})
	if err != nil {
		return o, cleanUp, errors.Join(err, cleanUp())
	}
	o.Limits = hostLimits(cfg, scratch)
	return o, cleanUp, nil
}

// hostLimits are the promises about functions that the sandbox leaves to the
// host around it.
func hostLimits(cfg *config.Config, scratch string) []vm.Limit {
	internet := vm.Limit{Name: "internet", Enforced: true, Detail: "functions have it, in a network of their own"}
	manager, err := vmnetwork.New(cfg.Local.Compute.Network, scratch)
	if err == nil {
		err = manager.Probe()
	}
	if err != nil {
		internet.Enforced, internet.Detail = false, "functions have none: "+err.Error()
	}
	size := vm.Limit{Name: "volume size limit", Enforced: true, Detail: "a file system of its size for each persistent volume"}
	volumes, err := disk.NewVolumes(filepath.Join(scratch, "volumes"))
	if err == nil {
		err = volumes.Enforced()
	}
	if err != nil {
		size.Enforced, size.Detail = false, "persistent volumes can grow: "+err.Error()
	}
	return []vm.Limit{internet, size}
}

// linkedLibraries names what was chosen when the program was built.
func linkedLibraries() []doctor.Linked {
	slow := !builtWithCgo()
	return []doctor.Linked{
		{For: "signatures", Name: account.Cryptography(), Slow: slow},
		{For: "database", Name: store.Engine, Slow: slow},
	}
}

func builtWithCgo() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, setting := range info.Settings {
		if setting.Key == "CGO_ENABLED" {
			return setting.Value == "1"
		}
	}
	return false
}
