package api

import (
	"net/http"

	"aleph/internal/compute/vm"
)

// statusConfig says how the host is configured. // spec crn 1.6
func (s *Server) statusConfig(w http.ResponseWriter, _ *http.Request) error {
	p, known := s.host.Probe()
	writeJSON(w, http.StatusOK, map[string]any{
		"DOMAIN_NAME": s.cfg.DomainName,
		"node_hash":   nil,
		"version":     s.cfg.Version,
		"references":  map[string]any{"API_SERVER": s.cfg.Node, "CHECK_FASTAPI_VM_ID": nil, "CONNECTOR_URL": nil},
		"security": map[string]bool{
			"USE_JAILER": false, "PRINT_SYSTEM_LOGS": false, "WATCH_FOR_UPDATES": true,
			"ALLOW_VM_NETWORKING": known && limitHolds(p.Limits, "internet"), "USE_DEVELOPER_SSH_KEYS": false,
		},
		"networking": map[string]any{
			"IPV6_ADDRESS_POOL": nil, "IPV6_ALLOCATION_POLICY": "IPv6AllocationPolicy.static", "IPV6_SUBNET_PREFIX": 124,
			"IPV6_FORWARDING_ENABLED": false, "USE_NDP_PROXY": false,
		},
		"debug":   map[string]bool{"SENTRY_DSN_CONFIGURED": false, "DEBUG_ASYNCIO": false, "EXECUTION_LOG_ENABLED": true},
		"payment": map[string]any{"PAYMENT_RECEIVER_ADDRESS": "", "AVAILABLE_PAYMENTS": map[string]any{}, "PAYMENT_MONITOR_INTERVAL": 60.0},
		"computing": map[string]any{
			"ENABLE_QEMU_SUPPORT": false, "INSTANCE_DEFAULT_HYPERVISOR": "firecracker",
			"ENABLE_CONFIDENTIAL_COMPUTING": false, "ENABLE_GPU_SUPPORT": false,
		},
	})
	return nil
}

// health says whether functions can run. It is ours, not the network's.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	p, known := s.host.Probe()
	status, state, text := http.StatusOK, "ok", ""
	switch {
	case !known:
		state, text = "starting", "the sandbox is being tried"
	case !p.Usable:
		status, state, text = http.StatusServiceUnavailable, "failed", p.Reason
	}
	c := s.host.Capacity()
	writeJSON(w, status, map[string]any{
		"status": state, "text": text,
		"machines": c.Machines, "max_machines": c.MaxMachines, "memory_used_mib": c.UsedMiB, "memory_mib": c.MemoryMiB,
	})
	return nil
}

// limitHolds reports whether the limit of a name is enforced.
func limitHolds(limits []vm.Limit, name string) bool {
	for _, l := range limits {
		if l.Name == name {
			return l.Enforced
		}
	}
	return false
}
