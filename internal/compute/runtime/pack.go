package runtime

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The members of a runtime's folder.
const (
	rootName  = "rootfs"
	imageName = "image.squashfs"
	infoName  = "info.json"
)

// pack writes the image of root, with aleph-init as the first program.
func pack(ctx context.Context, root, init, image string, lock *os.File) error {
	if strings.ContainsAny(init, " \t\n\"'\\") {
		return fmt.Errorf("the path of aleph-init, %q, has characters that mksquashfs cannot take", init)
	}
	tail, err := runTool(ctx, lock, nil, "mksquashfs", root, image, "-noappend", "-quiet", "-no-progress",
		"-all-root", "-comp", "zstd", "-Xcompression-level", "6",
		"-p", strings.TrimPrefix(InitMount, "/")+" f 755 0 0 cat "+init,
		"-p", "usr/sbin/init s 777 0 0 aleph-init")
	if err != nil {
		return fmt.Errorf("mksquashfs: %w: %s", err, complaint(tail))
	}
	return syncFile(image)
}

// info is the content of info.json: what cannot be seen from the files.
type info struct {
	Name     string    `json:"name"`
	Key      string    `json:"key"`
	RootSize int64     `json:"root_size"`
	Built    time.Time `json:"built"`
}

// writeInfo finishes the folder of a runtime.
func writeInfo(dir, name, key string) error {
	size, err := treeSize(filepath.Join(dir, rootName))
	if err != nil {
		return err
	}
	text, err := json.Marshal(info{Name: name, Key: key, RootSize: size, Built: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, infoName)
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return syncFile(path)
}

// read returns the runtime name with the given key.
func (c *Cache) read(name, key string) (*Image, error) {
	dir := filepath.Join(c.dir, name, key)
	text, err := os.ReadFile(filepath.Join(dir, infoName))
	if err != nil {
		return nil, err
	}
	var i info
	if err := json.Unmarshal(text, &i); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, infoName), err)
	}
	image := filepath.Join(dir, imageName)
	st, err := os.Stat(image)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, rootName)
	if _, err := os.Stat(root); err != nil {
		return nil, err
	}
	r, err := recipeOf(name)
	return &Image{
		Name: name, Key: key, Root: root, Squashfs: image, RootSize: i.RootSize, SquashfsSize: st.Size(),
		Built: i.Built, Current: err == nil && r.Key() == key,
	}, nil
}

// treeSize adds up the files below dir.
func treeSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		st, err := e.Info()
		if err == nil {
			size += st.Size()
		}
		return err
	})
	return size, err
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
