package local

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"aleph/client"
	"aleph/internal/compute/runtime"
	"aleph/internal/node/pricing"
	"aleph/internal/telemetry"
	"aleph/message"
)

// The documents that clients expect of a network, beside those made here.
// // spec clients 2.6.2, messages 7.2
var (
	//go:embed seed/settings.json
	settings []byte
)

// document is the content of an aggregate.
type document map[string]any

// seeder publishes what clients expect of a network, signed by its authority,
// through the front door of the node. What is there already is left alone, so a
// restart publishes nothing new.
type seeder struct {
	cloud *Cloud
	log   *slog.Logger
	// images are the STORE messages of the runtimes that are built, by name.
	images map[string]message.Hash
}

// Times of the seeder.
const (
	watchRuntimes = 2 * time.Second // between two looks for a new runtime
	seedTimeout   = 5 * time.Minute // an upload of a runtime included
	seedRetry     = 10 * time.Second
)

func (s *seeder) open(context.Context) (service, error) { return service{run: s.run}, nil }

// run seeds, and registers runtimes as they are built, until ctx ends.
func (s *seeder) run(ctx context.Context) error {
	s.images = make(map[string]message.Hash)
	var registered []string
	seeded := false
	for {
		wait := watchRuntimes
		if built := s.built(); !seeded || !sameKeys(built, registered) {
			err := s.seed(ctx)
			switch {
			case ctx.Err() != nil:
				return nil //nolint:nilerr // it was told to stop
			case err != nil:
				s.log.WarnContext(ctx, "seeding the network failed, it is tried again", "error", err)
				s.cloud.health.Set("seeds", telemetry.StateDegraded, "prices, settings or runtimes are not published yet: "+err.Error())
				wait = seedRetry
			default:
				seeded, registered = true, built
				s.cloud.health.Set("seeds", telemetry.StateOK, "")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// built lists the runtimes that are built, with the keys of their recipes.
func (s *seeder) built() []string {
	var keys []string
	for _, name := range runtime.Names() {
		if image, ok := s.cloud.runtimes.Lookup(name); ok {
			keys = append(keys, runtimeRef(image))
		}
	}
	return keys
}

func sameKeys(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") }

// seed brings the network up to date.
func (s *seeder) seed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seedTimeout)
	defer cancel()
	documents := map[string]document{"pricing": nil, "settings": nil}
	for key, text := range map[string][]byte{"pricing": pricing.DefaultPricesJSON(), "settings": settings} {
		var doc document
		if err := json.Unmarshal(text, &doc); err != nil {
			return fmt.Errorf("seed %s: %w", key, err)
		}
		documents[key] = doc
	}
	documents["settings"]["community_wallet_address"] = s.cloud.authority.Address()
	documents["settings"]["last_crn_version"] = s.cloud.deps.Version
	documents["corechannel"] = document{"nodes": []any{}, "resource_nodes": []any{}}
	var errs []error
	for _, key := range []string{"settings", "pricing", "corechannel"} {
		errs = append(errs, s.aggregate(ctx, key, documents[key]))
	}
	// The lists first, then the images, which take longer, then their names.
	errs = append(errs, s.findImages(ctx), s.listRuntimes(ctx), s.uploadImages(ctx), s.listRuntimes(ctx))
	return errors.Join(errs...)
}

func (s *seeder) listRuntimes(ctx context.Context) error {
	images, entries := s.runtimeDocuments()
	return errors.Join(s.aggregate(ctx, "vm-images", images), s.aggregate(ctx, "runtimes", entries))
}

// aggregate publishes the members of a document that differ from what the node
// has.
func (s *seeder) aggregate(ctx context.Context, key string, want document) error {
	have, err := s.current(ctx, key)
	if err != nil {
		return fmt.Errorf("seed %s: %w", key, err)
	}
	changed := document{}
	for member, value := range want {
		if !sameJSON(value, have[member]) {
			changed[member] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	text, err := json.Marshal(changed)
	if err != nil {
		return fmt.Errorf("seed %s: %w", key, err)
	}
	content := client.AggregateContent{
		Address: s.cloud.authority.Address(), Time: message.TimestampOf(time.Now()), Key: key, Content: text,
	}
	published, err := s.cloud.client.Publish(ctx, s.cloud.authority, message.TypeAggregate, content, client.PublishOptions{Sync: true})
	if err != nil {
		return fmt.Errorf("seed %s: %w", key, err)
	}
	s.log.InfoContext(ctx, "seeded", "aggregate", key, "message", published.Message.ItemHash)
	return nil
}

// current returns the members that an aggregate of the authority has.
func (s *seeder) current(ctx context.Context, key string) (map[string]json.RawMessage, error) {
	text, err := s.cloud.client.Aggregate(ctx, s.cloud.authority.Address(), key)
	if errors.Is(err, message.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	err = json.Unmarshal(text, &members)
	return members, err
}

// sameJSON compares a value with the text of another, whatever its layout.
func sameJSON(value any, text []byte) bool {
	var other any
	if json.Unmarshal(text, &other) != nil {
		return false
	}
	left, errLeft := json.Marshal(value) // sorts the members
	right, errRight := json.Marshal(other)
	return errLeft == nil && errRight == nil && bytes.Equal(left, right)
}

// runtimeRef names the STORE message of a built runtime among those of the
// authority.
func runtimeRef(image *runtime.Image) string { return "runtime/" + image.Name + "/" + image.Key }

// findImages looks for the images that are published already.
func (s *seeder) findImages(ctx context.Context) error {
	known, err := s.cloud.publishedRuntimes(ctx)
	if err != nil {
		return err
	}
	for store, name := range known {
		s.registered(name, store)
	}
	return nil
}

func (s *seeder) registered(name string, store message.Hash) {
	s.images[name] = store
	s.cloud.aliases.register(store, name)
}

// uploadImages publishes the image of each built runtime as a file.
func (s *seeder) uploadImages(ctx context.Context) error {
	var errs []error
	for _, name := range runtime.Names() {
		image, ok := s.cloud.runtimes.Lookup(name)
		if _, known := s.images[name]; !ok || known {
			continue
		}
		store, err := s.upload(ctx, image)
		if err != nil {
			errs = append(errs, fmt.Errorf("publish runtime %s: %w", name, err))
			continue
		}
		s.log.InfoContext(ctx, "runtime published", "runtime", name, "message", store, "bytes", image.SquashfsSize)
		s.registered(name, store)
	}
	return errors.Join(errs...)
}

func (s *seeder) upload(ctx context.Context, image *runtime.Image) (message.Hash, error) {
	f, err := os.Open(image.Squashfs)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	published, err := s.cloud.client.Upload(ctx, s.cloud.authority, f, client.UploadOptions{
		PublishOptions: client.PublishOptions{Sync: true}, Name: image.Name + ".squashfs", Ref: runtimeRef(image),
	})
	if err != nil {
		return "", err
	}
	return published.Message.ItemHash, nil
}

// runtimeDocuments are the two lists of runtimes that clients read. The hash of
// a runtime is the one by which the network knows it, built or not, so that the
// same program always has the same content; image is the STORE message of what
// was built. // spec messages 8.5
func (s *seeder) runtimeDocuments() (images, entries document) {
	described := map[string]string{
		"python":  "Python 3 with FastAPI, from Debian packages",
		"minimal": "for static programs",
	}
	runtimes := document{}
	list := make([]any, 0)
	for _, image := range s.cloud.network.Images {
		if image.Kind != message.ImageRuntime {
			continue
		}
		entry := document{"hash": image.Ref, "display_name": image.Name, "description": described[image.Name]}
		if store, ok := s.images[image.Name]; ok {
			entry["image"] = store
		}
		runtimes[image.Name] = maps.Clone(entry)
		list = append(list, document{
			"id": image.Name, "name": image.Name, "type": "program", "item_hash": image.Ref, "default": image.Name == defaultRuntime,
		})
	}
	images = document{
		"rootfs": document{}, "firmwares": document{}, "runtimes": runtimes, "defaults": document{"runtime": defaultRuntime},
	}
	return images, document{"entries": list}
}

// defaultRuntime is what clients take when they are told no other.
const defaultRuntime = "python"

// publishedRuntimes returns the STORE messages of the authority that keep the
// image of a runtime as it is built now.
func (c *Cloud) publishedRuntimes(ctx context.Context) (map[message.Hash]string, error) {
	names := make(map[string]string) // by ref
	for _, name := range runtime.Names() {
		if image, ok := c.runtimes.Lookup(name); ok {
			names[runtimeRef(image)] = name
		}
	}
	found := make(map[message.Hash]string)
	filter := client.MessageFilter{Types: []message.Type{message.TypeStore}, Owners: []message.Address{c.authority.Address()}}
	for received, err := range c.client.AllMessages(ctx, filter) {
		if err != nil {
			return nil, fmt.Errorf("find the runtimes that are published: %w", err)
		}
		if store, ok := received.Content.(*message.Store); ok && names[store.Ref] != "" {
			found[received.ItemHash] = names[store.Ref]
		}
	}
	return found, nil
}

// loadAliases makes the published images stand for their runtimes, before the
// first call.
func (c *Cloud) loadAliases(ctx context.Context) error {
	known, err := c.publishedRuntimes(ctx)
	for store, name := range known {
		c.aliases.register(store, name)
	}
	return err
}
