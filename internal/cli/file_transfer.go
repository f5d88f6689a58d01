package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

// uploadOptions are the flags of `aleph file upload`.
type uploadOptions struct {
	publishOptions
	ref      string
	name     string
	metadata string
}

// uploaded is a file that was uploaded, as --json prints it.
type uploaded struct {
	File    message.Hash    `json:"file_hash"`
	Message message.Hash    `json:"item_hash"`
	Status  message.Status  `json:"status"`
	Size    int64           `json:"size"`
	Name    string          `json:"name"`
	Sender  message.Address `json:"sender"`
	URL     string          `json:"url"`
}

func newFileUploadCommand(a *app) *cobra.Command {
	var opts uploadOptions
	cmd := &cobra.Command{
		Use: "upload PATH", Short: "Keep a file on the network", Args: cobra.ExactArgs(1),
		Long: `Upload a file and publish the STORE message that keeps it, in one request. The file
is read twice, for its hash and for the transfer, and never held in memory.`,
		Example: `  aleph file upload photo.jpg
  aleph file upload site.tar --ref my-site --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.runUpload(cmd.Context(), &opts, args[0]) },
	}
	opts.register(cmd)
	f := cmd.Flags()
	f.StringVar(&opts.ref, "ref", "", "a name for the file that later versions share, or the STORE message of which this is a new version")
	f.StringVar(&opts.name, "name", "", "name for people, kept in the metadata (default: that of PATH)")
	f.StringVar(&opts.metadata, "metadata", "", "JSON object to keep with the file")
	return cmd
}

func (a *app) runUpload(ctx context.Context, opts *uploadOptions, path string) error {
	file, total, err := openRegular(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if opts.name == "" {
		opts.name = filepath.Base(path)
	}
	metadata, err := opts.metadataOf()
	if err != nil {
		return err
	}
	c, signer, err := a.clientAndSigner()
	if err != nil {
		return err
	}
	defer c.Close()
	report, done := a.progress("upload", total)
	published, err := c.Upload(ctx, signer, file, client.UploadOptions{
		PublishOptions: opts.options(), Name: opts.name, Ref: opts.ref, Metadata: metadata,
		Owner: opts.ownerOf(signer.Address()), Progress: report,
	})
	done(err)
	if err != nil {
		return err
	}
	hash, err := storedFile(published.Message)
	if err != nil {
		return err
	}
	v := uploaded{
		File: hash, Message: published.Message.ItemHash, Status: published.Status, Size: total, Name: opts.name,
		Sender: published.Message.Sender, URL: c.API() + "/api/v0/storage/raw/" + string(hash),
	}
	return a.present(v, func(w io.Writer) error {
		return a.writeFields(w,
			[2]string{"file", string(v.File)}, [2]string{"message", string(v.Message)}, [2]string{"status", string(v.Status)},
			[2]string{"size", size(v.Size)}, [2]string{"url", v.URL},
		)
	})
}

// metadataOf is the metadata with the name in it.
func (o *uploadOptions) metadataOf() (json.RawMessage, error) {
	members := map[string]any{}
	if o.metadata != "" {
		if err := json.Unmarshal([]byte(o.metadata), &members); err != nil || members == nil {
			return nil, usagef("--metadata is no JSON object")
		}
	}
	if _, named := members["name"]; !named {
		members["name"] = o.name
	}
	return json.Marshal(members)
}

// openRegular opens a file that has a size.
func openRegular(path string) (*os.File, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, inputError(err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%w: %s is a folder: pack it into one file first, for instance with tar", message.ErrInvalid, path)
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%w: %s is no regular file, and its size is not known: save it to a file first", message.ErrInvalid, path)
	default:
		return file, info.Size(), nil
	}
	return nil, 0, errors.Join(err, file.Close())
}

func storedFile(m *message.Message) (message.Hash, error) {
	content, err := message.ParseContent(message.TypeStore, []byte(m.ItemContent))
	if err != nil {
		return "", err
	}
	return content.(*message.Store).ItemHash, nil
}

// downloadOptions are the flags of `aleph file download`.
type downloadOptions struct {
	output string
	force  bool
	latest bool
}

func newFileDownloadCommand(a *app) *cobra.Command {
	var opts downloadOptions
	cmd := &cobra.Command{
		Use: "download HASH", Short: "Fetch a file and verify it", Args: cobra.ExactArgs(1),
		Long: `Fetch a file. HASH is that of the file or of the STORE message that keeps it. The
bytes are verified against the hash as they arrive. An interrupted download leaves a
file that ends in .part; the same command goes on from there.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			if opts.output == "-" && a.flags.json {
				return usagef("--output - and --json both write to standard output")
			}
			return a.runDownload(cmd.Context(), &opts, hash)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&opts.output, "output", "o", "", "`FILE` or folder to write; - for standard output (default: the file's own name, here)")
	f.BoolVar(&opts.force, "force", false, "replace an existing file")
	f.BoolVar(&opts.latest, "latest", false, "the newest version of what the STORE message HASH keeps")
	return cmd
}

func (a *app) runDownload(ctx context.Context, opts *downloadOptions, hash message.Hash) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	defer c.Close()
	if opts.latest {
		if hash, err = c.LatestStore(ctx, hash); err != nil {
			return err
		}
	}
	file, name := hash, string(hash)
	store, err := c.StoreFile(ctx, hash)
	switch {
	case err == nil:
		file, name = store.ItemHash, safeName(metadataName(store.Metadata), string(store.ItemHash))
	case !isNotFound(err): // of no message: it names the file itself
		return err
	}
	if opts.output == "-" {
		return a.stream(ctx, c, file)
	}
	path, err := opts.path(name)
	if err != nil {
		return err
	}
	report, done := a.progress("download", -1)
	n, err := c.DownloadTo(ctx, file, path, report)
	done(err)
	if err != nil {
		return err
	}
	v := struct {
		File message.Hash `json:"file_hash"`
		Size int64        `json:"size"`
		Path string       `json:"path"`
	}{file, n, path}
	return a.present(v, func(w io.Writer) error {
		a.note("%s, verified", size(n))
		_, err := fmt.Fprintln(w, path)
		return err
	})
}

// stream writes a file to standard output; a wrong hash is an error after the
// last byte.
func (a *app) stream(ctx context.Context, c *client.Client, file message.Hash) error {
	body, _, err := c.Download(ctx, file)
	if err != nil {
		return err
	}
	defer body.Close()
	verified, err := client.VerifyReader(body, file)
	if err != nil {
		return err
	}
	_, err = io.Copy(a.Out, verified)
	return err
}

// path decides where the file goes and keeps what is there.
func (o *downloadOptions) path(name string) (string, error) {
	path := o.output
	if path == "" {
		path = name
	} else if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, name)
	}
	if _, err := os.Lstat(path); err == nil && !o.force {
		return "", fmt.Errorf("%w: %s exists: choose another name with --output, or replace it with --force", message.ErrConflict, path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", inputError(err)
	}
	return path, nil
}

// safeName is a name that somebody else chose, if it is harmless as the name of
// a file here; otherwise the fallback.
func safeName(name, fallback string) string {
	const most = 200
	plain := name != "" && len(name) <= most && printable(name) == name && !strings.HasPrefix(name, ".") &&
		!strings.ContainsAny(name, `/\:*?"<>|`) && filepath.IsLocal(name)
	if !plain {
		return fallback
	}
	return name
}
