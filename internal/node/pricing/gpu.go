package pricing

import (
	"fmt"
	"slices"

	"aleph/message"
)

// deviceRows prices an instance with GPUs, whatever else it is. Volumes are
// always priced by the premium list. // spec messages 7.5
func (p *Prices) deviceRows(m *math, o *Order, s *Settings) ([]Row, error) {
	premium, err := p.product(ProductGPUPremium)
	if err != nil {
		return nil, err
	}
	standard, err := p.product(ProductGPUStandard)
	if err != nil {
		return nil, err
	}
	lists := map[Product]*product{ProductGPUPremium: premium, ProductGPUStandard: standard}
	used, units, err := deviceUnits(o.Devices, s, lists)
	if err != nil {
		return nil, err
	}
	dominant := ProductGPUStandard
	if slices.Contains(used, ProductGPUPremium) {
		dominant = ProductGPUPremium
	}
	if more := lists[dominant].size.units(o) - units[ProductGPUPremium] - units[ProductGPUStandard]; more > 0 {
		units[dominant] += more
	}
	rows := make([]Row, 0, len(o.Volumes)+3)
	for _, name := range used {
		if lists[name].unit == nil {
			return nil, fmt.Errorf("%w: product %s has no price of a compute unit", ErrIncomplete, name)
		}
		rows = append(rows, executionRow(m, name, units[name], lists[name].unit))
	}
	return append(rows, machineVolumes(m, o, premium, premium.size.units(o))...), nil
}

// deviceUnits returns the compute units of GPUs by product, and the products in
// the order in which the devices ask for them.
func deviceUnits(devices []string, s *Settings, lists map[Product]*product) (used []Product, units map[Product]int64, err error) {
	units = map[Product]int64{}
	for _, device := range devices {
		model, ok := s.model(device)
		if !ok {
			return nil, nil, fmt.Errorf("%w: no GPU has the device id %q", ErrIncomplete, device)
		}
		name, tier, ok := tierOf(model, lists)
		if !ok {
			return nil, nil, fmt.Errorf("%w: no tier has the GPU %s", ErrIncomplete, model)
		}
		if !slices.Contains(used, name) {
			used = append(used, name)
		}
		units[name] += tier.units
	}
	return used, units, nil
}

// tierOf searches the premium tiers first.
func tierOf(model string, lists map[Product]*product) (Product, tier, bool) {
	for _, name := range []Product{ProductGPUPremium, ProductGPUStandard} {
		for _, t := range lists[name].tiers {
			if t.model == model {
				return name, t, true
			}
		}
	}
	return "", tier{}, false
}

// devicesOf lists the GPUs that an instance requires.
func devicesOf(r *message.Requirements) []string {
	if r == nil {
		return nil
	}
	ids := make([]string, len(r.GPUs))
	for i, gpu := range r.GPUs {
		ids[i] = gpu.DeviceID
	}
	return ids
}
