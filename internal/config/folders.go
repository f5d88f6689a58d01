package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// Folders are the places where the program keeps files of the user.
type Folders struct {
	// LocalData is the data folder of `aleph local`.
	LocalData string
	// NodeData is the data folder of `aleph node`.
	NodeData string
	// LocalState is the file in which a running `aleph local` says where it is.
	LocalState string
	// Cache holds what can be made again, such as runtimes of functions.
	Cache string
}

// UserFolders returns the folders of the user who runs the program, by the XDG
// rules: $XDG_DATA_HOME or ~/.local/share, $XDG_STATE_HOME or ~/.local/state, $XDG_CACHE_HOME or ~/.cache.
// It creates nothing.
func UserFolders() (Folders, error) {
	data, err := xdg("XDG_DATA_HOME", ".local/share")
	if err != nil {
		return Folders{}, err
	}
	state, err := xdg("XDG_STATE_HOME", ".local/state")
	if err != nil {
		return Folders{}, err
	}
	cache, err := xdg("XDG_CACHE_HOME", ".cache")
	if err != nil {
		return Folders{}, err
	}
	return Folders{
		Cache:      filepath.Join(cache, "aleph"),
		LocalData:  filepath.Join(data, "aleph", "local"),
		NodeData:   filepath.Join(data, "aleph", "node"),
		LocalState: filepath.Join(state, "aleph", "local.json"),
	}, nil
}

// xdg returns an XDG base folder. A relative value is ignored, as its rules say.
func xdg(variable, underHome string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home folder: %w: set HOME or %s", err, variable)
	}
	return filepath.Join(home, underHome), nil
}
