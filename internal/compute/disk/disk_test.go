package disk_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aleph/internal/compute/disk"
	"aleph/message"
)

// entry is one entry of an archive made by hand.
type entry struct {
	name string
	mode fs.FileMode
	text string
}

func makeZip(t *testing.T, entries ...entry) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(e.mode)
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write([]byte(e.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, b.Bytes())
}

func write(t *testing.T, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// makeSquashfs packs what pseudo file definitions of mksquashfs describe, so
// that devices and the like need no privilege.
func makeSquashfs(t *testing.T, files map[string]string, pseudo ...string) string {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{dir, image, "-noappend", "-no-progress", "-quiet"}
	for _, p := range pseudo {
		args = append(args, "-p", p)
	}
	if out, err := exec.CommandContext(t.Context(), "mksquashfs", args...).CombinedOutput(); err != nil {
		t.Fatalf("mksquashfs: %v\n%s", err, out)
	}
	return image
}

// small are limits that a test exceeds easily.
func small() disk.Limits {
	return disk.Limits{Bytes: 1 << 20, Entries: 20, Time: 20 * time.Second}
}

func many(n int) (entries []entry) {
	for i := range n {
		entries = append(entries, entry{name: strings.Repeat("a", i+1), mode: 0o644})
	}
	return entries
}

func TestUnpackZip(t *testing.T) {
	t.Parallel()
	dst := filepath.Join(t.TempDir(), "out")
	src := makeZip(t, entry{"dir/", fs.ModeDir | 0o700, ""}, entry{"dir/main.py", 0o600, "code"}, entry{"run", 0o744, "#!"},
		entry{"dir/link", fs.ModeSymlink | 0o777, "../run"}, entry{"deep/er/file", 0, ""})
	if err := disk.UnpackZip(t.Context(), src, dst, small()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"dir": 0o755, "dir/main.py": 0o644, "run": 0o755, "deep/er/file": 0o644} {
		info, err := os.Lstat(filepath.Join(dst, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want mode %o", name, info, err, want)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dst, "dir", "link")); string(b) != "#!" {
		t.Errorf("through the link: %q %v", b, err)
	}
}

func TestRefusedZip(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		entries []entry
		want    string
	}{
		"path up":              {[]entry{{"../x", 0o644, ""}}, "leads out of the archive"},
		"path up inside":       {[]entry{{"a/../../x", 0o644, ""}}, "leads out of the archive"},
		"absolute path":        {[]entry{{"/etc/x", 0o644, ""}}, "leads out of the archive"},
		"deep path":            {[]entry{{strings.Repeat("d/", 100) + "x", 0o644, ""}}, "deeper than 100 folders"},
		"long path":            {[]entry{{strings.Repeat(strings.Repeat("d", 200)+"/", 10) + "x", 0o644, ""}}, "longer than 2000 bytes"},
		"long name":            {[]entry{{strings.Repeat("d", 256), 0o644, ""}}, "longer than 255 bytes"},
		"backslash":            {[]entry{{`..\x`, 0o644, ""}}, "leads out of the archive"},
		"absolute link":        {[]entry{{"l", fs.ModeSymlink, "/etc/passwd"}}, "leads out of the archive"},
		"link up":              {[]entry{{"d/l", fs.ModeSymlink, "../../x"}}, "leads out of the archive"},
		"link up and back":     {[]entry{{"l", fs.ModeSymlink, "../out/x"}}, "leads out of the archive"},
		"file through a link":  {[]entry{{"l", fs.ModeSymlink, ".."}, {"l/x", 0o644, ""}}, "leads out of the archive"},
		"long link":            {[]entry{{"l", fs.ModeSymlink, strings.Repeat("a", 5000)}}, "too long"},
		"device":               {[]entry{{"d", fs.ModeDevice | 0o644, ""}}, "device"},
		"pipe":                 {[]entry{{"p", fs.ModeNamedPipe | 0o644, ""}}, "pipe"},
		"set-user-id":          {[]entry{{"s", fs.ModeSetuid | 0o755, ""}}, "set-user-id"},
		"twice":                {[]entry{{"a", 0o644, "1"}, {"a", 0o644, "2"}}, "twice"},
		"file and folder":      {[]entry{{"a", 0o644, "1"}, {"a/b", 0o644, "2"}}, "twice"},
		"too large":            {[]entry{{"a", 0o644, strings.Repeat("a", 1<<20+1)}}, "more than 1048576 bytes"},
		"too large altogether": {[]entry{{"a", 0o644, strings.Repeat("a", 1<<19)}, {"b", 0o644, strings.Repeat("a", 1<<19+1)}}, "more than 1048576 bytes"},
		"too many":             {many(21), "more than 20 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, disk.UnpackZip, makeZip(t, test.entries...), test.want)
		})
	}
	t.Run("lies about its size", func(t *testing.T) {
		t.Parallel()
		src := makeZip(t, entry{"a", 0o644, strings.Repeat("a", 4<<20)})
		b, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		// The uncompressed size in the central directory becomes 10 bytes.
		at := bytes.Index(b, []byte("PK\x01\x02"))
		binary.LittleEndian.PutUint32(b[at+24:], 10)
		refused(t, disk.UnpackZip, write(t, b), "")
	})
	t.Run("no zip", func(t *testing.T) {
		t.Parallel()
		refused(t, disk.UnpackZip, write(t, []byte("nonsense")), "not a zip file")
	})
}

// refused checks that an archive is refused for the wanted reason and that
// nothing of it remains.
func refused(t *testing.T, unpack func(context.Context, string, string, disk.Limits) error, src, want string) {
	t.Helper()
	parent := t.TempDir()
	err := unpack(t.Context(), src, filepath.Join(parent, "out"), small())
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
	if !errors.Is(err, message.ErrInvalid) {
		t.Errorf("%v is not message.ErrInvalid", err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

func TestUnpackSquashfs(t *testing.T) {
	t.Parallel()
	dst := filepath.Join(t.TempDir(), "out")
	src := makeSquashfs(t, map[string]string{"dir/main.py": "code", "a name with spaces -> x": "1"}, "run f 700 1000 1000 echo #!", "l s 777 0 0 dir/main.py")
	if err := disk.UnpackSquashfs(t.Context(), src, dst, small()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dst, "l")); string(b) != "code" {
		t.Errorf("through the link: %q %v", b, err)
	}
	if info, err := os.Stat(filepath.Join(dst, "run")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("run: %v %v", info, err)
	}
}

func TestRefusedSquashfs(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files  map[string]string
		pseudo []string
		want   string
	}{
		"device":        {nil, []string{"dev c 666 0 0 1 3"}, "device"},
		"block device":  {nil, []string{"dev b 666 0 0 8 0"}, "device"},
		"pipe":          {nil, []string{"p i 666 0 0 f"}, "pipe"},
		"set-user-id":   {nil, []string{"s f 4755 0 0 echo x"}, "set-user-id"},
		"absolute link": {nil, []string{"l s 777 0 0 /etc/passwd"}, "leads out of the archive"},
		"link up":       {nil, []string{"l s 777 0 0 ../x"}, "leads out of the archive"},
		"bomb":          {map[string]string{"a": strings.Repeat("\x00", 8<<20)}, nil, "more than 1048576 bytes"},
		"too many":      {manyFiles(30), nil, "more than 20 entries"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, disk.UnpackSquashfs, makeSquashfs(t, test.files, test.pseudo...), test.want)
		})
	}
	t.Run("no squashfs", func(t *testing.T) {
		t.Parallel()
		refused(t, disk.UnpackSquashfs, write(t, bytes.Repeat([]byte("x"), 200)), "not a squashfs image")
	})
	t.Run("damaged", func(t *testing.T) {
		t.Parallel()
		b, err := os.ReadFile(makeSquashfs(t, map[string]string{"a": "1"}))
		if err != nil {
			t.Fatal(err)
		}
		for i := 96; i < len(b); i++ {
			b[i] ^= 0x5a
		}
		refused(t, disk.UnpackSquashfs, write(t, b), "cannot be unpacked")
	})
}

func manyFiles(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[strings.Repeat("f", i+1)] = "x"
	}
	return files
}

// TestDeadline ends an unpacking that takes too long.
func TestDeadline(t *testing.T) {
	t.Parallel()
	l := small()
	l.Time = time.Nanosecond
	for name, unpack := range map[string]func() error{
		"zip": func() error {
			return disk.UnpackZip(t.Context(), makeZip(t, many(3)...), filepath.Join(t.TempDir(), "o"), l)
		},
		"squashfs": func() error {
			return disk.UnpackSquashfs(t.Context(), makeSquashfs(t, manyFiles(3)), filepath.Join(t.TempDir(), "o"), l)
		},
	} {
		if err := unpack(); err == nil || !strings.Contains(err.Error(), "takes longer than") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVolumeName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"data": "data", "a/b": "a_b", "..": "__", "../../etc": "______etc", "a b": "a_b", strings.Repeat("x", 300): strings.Repeat("x", 100),
	} {
		if got := disk.VolumeName(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestVolumes gives a volume to one machine at a time.
func TestVolumes(t *testing.T) {
	t.Parallel()
	v, err := disk.NewVolumes(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	function := strings.Repeat("a", 64)
	dir, err := v.Attach(t.Context(), "m1", function, "data", 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Detach("m1") })
	if err := os.WriteFile(filepath.Join(dir, "kept"), []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Attach(t.Context(), "m2", function, "data", 10); err == nil {
		t.Error("two machines got the same volume")
	}
	for range 2 { // twice: undo assumes nothing
		if err := v.Detach("m1"); err != nil {
			t.Fatal(err)
		}
	}
	dir, err = v.Attach(t.Context(), "m2", function, "data", 10)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "kept")); string(b) != "kept" {
		t.Errorf("kept: %q %v", b, err)
	}
	if err := v.Erase(function); !errors.Is(err, message.ErrUnavailable) {
		t.Errorf("erased under a machine: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kept")); err != nil {
		t.Error(err)
	}
	if err := v.Detach("m2"); err != nil {
		t.Fatal(err)
	}
	if err := v.Erase("../x"); err == nil {
		t.Error("erased what is no hash")
	}
	if err := v.Erase(function); err != nil {
		t.Error(err)
	}
}
