package pricing

import (
	"encoding/json"
	"fmt"

	"aleph/message"
)

// Settings is what the network publishes beside its prices. // spec messages 7.2
type Settings struct {
	// GPUs are the devices that instances may ask for.
	GPUs []GPU
	// CommunityWallet receives a part of streams from CommunityWalletSince on,
	// in seconds.
	CommunityWallet      message.Address
	CommunityWalletSince int64
}

// GPU is a device and the model by which it is priced.
type GPU struct {
	Name     string `json:"name"`
	Model    string `json:"model"`
	Vendor   string `json:"vendor"`
	DeviceID string `json:"device_id"`
}

// model returns the model of a device. The first entry that names it counts.
func (s *Settings) model(device string) (string, bool) {
	for _, gpu := range s.GPUs {
		if gpu.DeviceID == device {
			return gpu.Model, true
		}
	}
	return "", false
}

// ParseSettings reads the content of the aggregate `settings`. What it does
// not mention is empty; what is malformed makes all of it useless.
func ParseSettings(content json.RawMessage) (*Settings, error) {
	var body struct {
		GPUs   json.RawMessage `json:"compatible_gpus"`
		Wallet json.RawMessage `json:"community_wallet_address"`
		Since  json.RawMessage `json:"community_wallet_timestamp"`
	}
	s := new(Settings)
	if err := json.Unmarshal(content, &body); err != nil {
		return nil, fmt.Errorf("%w: the settings are no object: %w", ErrIncomplete, err)
	}
	var gpus []struct {
		Name     *string `json:"name"`
		Model    *string `json:"model"`
		Vendor   *string `json:"vendor"`
		DeviceID *string `json:"device_id"`
	}
	for _, part := range []struct {
		name string
		text json.RawMessage
		into any
	}{
		{"compatible_gpus", body.GPUs, &gpus},
		{"community_wallet_address", body.Wallet, &s.CommunityWallet},
		{"community_wallet_timestamp", body.Since, &s.CommunityWalletSince},
	} {
		if part.text == nil {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil || string(part.text) == "null" {
			return nil, fmt.Errorf("%w: settings: %s is malformed", ErrIncomplete, part.name)
		}
	}
	for i, gpu := range gpus {
		if gpu.Name == nil || gpu.Model == nil || gpu.Vendor == nil || gpu.DeviceID == nil {
			return nil, fmt.Errorf("%w: settings: compatible_gpus[%d] needs name, model, vendor and device_id", ErrIncomplete, i)
		}
		s.GPUs = append(s.GPUs, GPU{*gpu.Name, *gpu.Model, *gpu.Vendor, *gpu.DeviceID})
	}
	return s, nil
}

// DefaultSettings returns what counts when the network has published nothing.
// // spec messages 7.2
func DefaultSettings() *Settings {
	s := &Settings{CommunityWallet: "0x5aBd3258C5492fD378EBC2e0017416E199e5Da56", CommunityWalletSince: 1739301770}
	for _, known := range []struct {
		model   string
		devices []string
	}{
		{"L40S", []string{"26b9"}},
		{"RTX 5090", []string{"2685", "2687"}},
		{"RTX 4090", []string{"2684", "2685"}},
		{"RTX 3090", []string{"2204", "2203"}},
		{"RTX 4000 ADA", []string{"27b0", "27b2"}},
		{"H100", []string{"2336", "22a3", "2313", "2330", "2331"}},
		{"A100", []string{"2080", "2081", "20b2", "20b5", "20b8"}},
	} {
		for _, device := range known.devices {
			s.GPUs = append(s.GPUs, GPU{Name: known.model, Model: known.model, Vendor: "NVIDIA", DeviceID: "10de:" + device})
		}
	}
	return s
}
