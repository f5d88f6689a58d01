package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// certificates is the file of all certificate authorities.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// nameServices is /etc/nsswitch.conf.
const nameServices = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"

// makeMinimal fills root with what static programs look for.
func makeMinimal(root string) error {
	for _, dir := range []string{"etc/ssl/certs", "usr/bin", "usr/sbin", "usr/lib", "var/tmp", "root"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib"} {
		if err := os.Symlink("usr/"+dir, filepath.Join(root, dir)); err != nil {
			return err
		}
	}
	files := map[string]string{ //nolint:gosec // no password stands in these
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"etc/group":         "root:x:0:\nnogroup:x:65534:\n",
		"etc/nsswitch.conf": nameServices,
		"etc/os-release":    "NAME=\"Aleph minimal runtime\"\nID=aleph-minimal\n",
	}
	for name, text := range files {
		if err := writeFile(filepath.Join(root, name), text); err != nil {
			return err
		}
	}
	return copyCertificates(filepath.Join(root, certificates))
}

// copyCertificates takes the certificate authorities of this machine.
func copyCertificates(to string) error {
	for _, from := range []string{
		certificates, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem",
	} {
		text, err := os.ReadFile(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("copy the certificate authorities: %w", err)
		}
		return writeFile(to, string(text))
	}
	return errors.New("this machine has no certificate authorities: install the package ca-certificates " +
		"(apt-get install ca-certificates)")
}

// finishRoot adds what every runtime has: the places where a driver mounts
// something, and the files that it may replace.
func finishRoot(root string) error {
	for _, dir := range []string{"dev", "proc", "sys", "run", "opt", "data", "mnt", "var/lib", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"tmp", "var/tmp"} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o777|os.ModeSticky); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(root, "etc", "hosts"), "127.0.0.1 localhost\n::1 localhost\n"); err != nil {
		return err
	}
	return writeFile(filepath.Join(root, "etc", "resolv.conf"), "")
}

// InitMount is where aleph-init is: a file in the image, and an empty file in
// the folder, which a driver mounts it over.
const InitMount = "/usr/sbin/aleph-init"

func writeFile(path, text string) error {
	return os.WriteFile(path, []byte(text), 0o644) //nolint:gosec // a file of the root that is being made
}
