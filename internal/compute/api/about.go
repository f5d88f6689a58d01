package api

import (
	"bufio"
	"bytes"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"aleph/message"
)

// stamp is a time in the spelling of the execution lists, null when zero.
// // spec crn 1.1
type stamp time.Time

func (t stamp) MarshalJSON() ([]byte, error) {
	if time.Time(t).IsZero() {
		return []byte("null"), nil
	}
	return []byte(strconv.Quote(time.Time(t).UTC().Format(stampLayout))), nil
}

const stampLayout = "2006-01-02 15:04:05.000000+00:00"

// vmType is what lists call an execution. // spec crn 2.1
func vmType(e *Execution) string {
	if e.Persistent {
		return "persistent_program"
	}
	return "microvm"
}

// executions lists what runs. An address that a machine does not have is an
// empty text: readers want one. // spec crn 1.5
func (s *Server) executions(w http.ResponseWriter, _ *http.Request) error {
	type networking struct {
		IPv4 string `json:"ipv4"`
		IPv6 string `json:"ipv6"`
	}
	type execution struct {
		Networking networking `json:"networking"`
		VMType     string     `json:"vm_type"`
		Awaiting   bool       `json:"awaiting_confidential_init"`
	}
	list := map[message.Hash]execution{}
	for _, e := range s.host.Executions() {
		if e.Running {
			list[e.Hash] = execution{VMType: vmType(&e), Networking: networking{IPv4: ipv4Network(e.Address)}}
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// ipv4Network is the network of an address, empty when there is none.
func ipv4Network(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.Masked().String()
}

// machineNetwork says where a machine is reached. Readers want every member,
// also of a machine that is reached nowhere. // spec crn 1.5
type machineNetwork struct {
	IPv4Network string              `json:"ipv4_network"`
	HostIPv4    string              `json:"host_ipv4"`
	IPv6Network string              `json:"ipv6_network"`
	IPv6        string              `json:"ipv6_ip"`
	IPv4        string              `json:"ipv4_ip"`
	MappedPorts map[string]struct{} `json:"mapped_ports"`
}

// networkOf describes the network of a function: it has no public address, and
// no port of the host leads to it.
func networkOf(e *Execution) machineNetwork {
	n := machineNetwork{MappedPorts: map[string]struct{}{}}
	if e.Address.IsValid() {
		n.IPv4Network, n.IPv4 = ipv4Network(e.Address), e.Address.Addr().String()
	}
	return n
}

// executionsV2 lists every execution. // spec crn 1.5
func (s *Server) executionsV2(w http.ResponseWriter, _ *http.Request) error {
	type status struct {
		Defined   stamp `json:"defined_at"`
		Preparing stamp `json:"preparing_at"`
		Prepared  stamp `json:"prepared_at"`
		Starting  stamp `json:"starting_at"`
		Started   stamp `json:"started_at"`
		Stopping  stamp `json:"stopping_at"`
		Stopped   stamp `json:"stopped_at"`
	}
	type execution struct {
		Networking machineNetwork `json:"networking"`
		Status     status         `json:"status"`
		Running    bool           `json:"running"`
		Awaiting   bool           `json:"awaiting_confidential_init"`
		VMType     string         `json:"vm_type"`
	}
	list := map[message.Hash]execution{}
	for _, e := range s.host.Executions() {
		t := e.Times
		list[e.Hash] = execution{
			Networking: networkOf(&e), Running: e.Running, VMType: vmType(&e),
			Status: status{
				stamp(t.Defined), stamp(t.Preparing), stamp(t.Prepared), stamp(t.Starting),
				stamp(t.Started), stamp(t.Stopping), stamp(t.Stopped),
			},
		}
	}
	writeJSON(w, http.StatusOK, list)
	return nil
}

// login answers the probe of the scoring system; there is no admin page to log
// in to. // spec crn 1.4.3
func (*Server) login(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusUnauthorized, map[string]bool{"success": false})
	return nil
}

// certificates says that there is no confidential hardware. // spec crn 1.5
func (*Server) certificates(http.ResponseWriter, *http.Request) error {
	return failf(http.StatusServiceUnavailable, "Confidential computing setting not enabled on that server")
}

// runtimes says which runtimes there are and how their building goes.
func (s *Server) runtimes(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, s.host.Runtimes())
	return nil
}

// sandbox says what isolation can do on this host.
func (s *Server) sandbox(w http.ResponseWriter, _ *http.Request) error {
	p, known := s.host.Probe()
	if !known {
		writeJSON(w, http.StatusOK, map[string]any{"usable": nil, "reason": "not known yet: the sandbox is being tried"})
		return nil
	}
	writeJSON(w, http.StatusOK, p)
	return nil
}

// usage says how busy the host is. // spec crn 1.5
func (s *Server) usage(w http.ResponseWriter, _ *http.Request) error {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.cfg.Disk, &fs); err != nil {
		return err
	}
	const kB = 1000 // spec crn 1.5
	total := int64(info.Totalram) * int64(info.Unit)
	block := int64(fs.Bsize) //nolint:unconvert // of another size elsewhere
	load := func(i int) float64 { return float64(info.Loads[i]) / 65536 }
	architecture, vendor := processor()
	writeJSON(w, http.StatusOK, map[string]any{
		"cpu": map[string]any{
			"count":            runtime.NumCPU(),
			"load_average":     map[string]float64{"load1": load(0), "load5": load(1), "load15": load(2)},
			"core_frequencies": frequencies(),
		},
		"mem":  map[string]int64{"total_kB": (total + kB - 1) / kB, "available_kB": availableMemory() / kB},
		"disk": map[string]int64{"total_kB": int64(fs.Blocks) * block / kB, "available_kB": int64(fs.Bavail) * block / kB},
		"period": map[string]any{
			"start_timestamp": s.now().UTC().Truncate(time.Minute).Format(time.RFC3339), "duration_seconds": 60.0,
		},
		"properties": map[string]any{"cpu": map[string]any{"architecture": architecture, "vendor": vendor, "features": []string{}}},
		"gpu":        map[string]any{"devices": []any{}, "available_devices": []any{}},
		"active":     true,
	})
	return nil
}

// capability describes the hardware. // spec crn 1.5
func (*Server) capability(w http.ResponseWriter, _ *http.Request) error {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return err
	}
	architecture, vendor := processor()
	writeJSON(w, http.StatusOK, map[string]any{
		"cpu": map[string]any{
			"architecture": architecture, "vendor": vendor, "features": []string{}, "model": cpuField("model name"),
			"frequency": nil, "count": runtime.NumCPU(),
		},
		"memory": map[string]any{
			"size": int64(info.Totalram) * int64(info.Unit), "units": "bytes", "type": "", "clock": nil, "clock_units": nil,
		},
	})
	return nil
}

// processor names the architecture as the network does, and the vendor.
func processor() (architecture, vendor string) {
	architecture = runtime.GOARCH
	if architecture == "amd64" {
		architecture = "x86_64"
	}
	return architecture, cpuField("vendor_id")
}

// cpuField returns a field of the first processor in /proc/cpuinfo, "" when
// there is none.
func cpuField(name string) string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// frequencies returns the clock range of the first core in MHz; both ends are
// the present clock where the kernel does not say.
func frequencies() map[string]float64 {
	current, _ := strconv.ParseFloat(cpuField("cpu MHz"), 64)
	read := func(name string) float64 {
		b, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/" + name)
		if err != nil {
			return current
		}
		kHz, _ := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
		if kHz == 0 {
			return current
		}
		return kHz / 1000
	}
	return map[string]float64{"min": read("cpuinfo_min_freq"), "max": read("cpuinfo_max_freq")}
}

// availableMemory is what the kernel could still give, in bytes.
func availableMemory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10
		}
	}
	return 0
}
