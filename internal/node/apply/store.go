package apply

import (
	"context"
	"time"

	"aleph/internal/node/store"
	"aleph/message"
)

// tagOf returns the name under which a STORE is the latest version, and the
// message that it updates when its ref names one. // spec messages 6.3
func tagOf(item message.Hash, c *message.Store) (tag string, updates message.Hash) {
	if !c.HasRef {
		return string(item), ""
	}
	if ref, err := message.ParseHash(c.Ref); err == nil {
		return c.Ref, ref
	}
	return string(c.Address) + "/" + c.Ref, ""
}

// planStore decides about a STORE: permission (5.3, 5.4), the file itself, and
// what its ref updates (6.3).
func (s *Session) planStore(m Received, c *message.Store) (Effect, error) {
	if err := s.permitStore(m.Message, c); err != nil {
		return nil, err
	}
	tag, updates := tagOf(m.ItemHash, c)
	size, ok := s.rules.FileSize(c.ItemHash)
	if !ok {
		return nil, missing(c.ItemHash, message.CodeFileUnavailable, "File not found: "+string(c.ItemHash))
	}
	if updates != "" {
		if err := s.checkUpdates(updates); err != nil {
			return nil, err
		}
	}
	bill, err := s.checkStore(m.Message, c, size)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := s.charge(bill); err != nil {
			return err
		}
		err := s.tx.SetFile(store.FileRow{Hash: c.ItemHash, Size: size, Type: s.rules.typeOf(c.ItemHash)})
		if err != nil {
			return err
		}
		err = s.tx.InsertPin(store.PinRow{
			FileHash: c.ItemHash, Type: store.PinMessage, Created: c.Time, Owner: c.Address, ItemHash: m.ItemHash, Ref: c.Ref, Tag: tag,
		})
		if err != nil {
			return err
		}
		return s.tx.SetTag(store.TagRow{Tag: tag, Owner: c.Address, FileHash: c.ItemHash, ItemHash: m.ItemHash, LastUpdated: c.Time})
	}, nil
}

// typeOf says what a hash of the local store names. // spec messages 6.3
func (r *Rules) typeOf(file message.Hash) store.FileType {
	if r.IsDirectory != nil && r.IsDirectory(file) {
		return store.FileDirectory
	}
	return store.FileRegular
}

// MayStore decides, on the committed state, whether a STORE deserves that its
// file is fetched from elsewhere at the instant now. The error is that of a
// plan.
func (r *Rules) MayStore(ctx context.Context, read store.Reader, m *message.Message, c *message.Store, now message.Timestamp) error {
	return (&Session{rules: r, read: read, ctx: ctx, now: now}).permitStore(m, c)
}

// permitStore decides what needs no file: permission, the owner of the tag,
// whether it is worth fetching the file, and the kind of its hash, in this order.
// // spec messages 4.3
func (s *Session) permitStore(m *message.Message, c *message.Store) error {
	if err := s.permit(m.Sender, c.Address, subjectOf(m)); err != nil {
		return err
	}
	if c.HasRef {
		tag, _ := tagOf(m.ItemHash, c)
		if err := s.checkTagOwner(tag, c.Address); err != nil {
			return err
		}
	}
	if err := s.checkPreStore(m, c); err != nil {
		return err
	}
	if c.ItemHash.Kind() != c.ItemType {
		return message.Reject(message.CodeInvalidFormat, "item_type is %s but %s is the hash of a file of type %q",
			c.ItemType, c.ItemHash, c.ItemHash.Kind())
	}
	return nil
}

// checkTagOwner refuses to move the tag of somebody else. // spec messages 5.4
func (s *Session) checkTagOwner(tag string, owner message.Address) error {
	row, err := s.read.Tag(s.ctx, tag)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	if row.Owner != owner {
		return message.Reject(message.CodePermissionDenied, "file tag %s belongs to %s, not to %s", tag, row.Owner, owner)
	}
	return nil
}

// checkUpdates demands that a STORE updates an original. // spec messages 6.3
func (s *Session) checkUpdates(ref message.Hash) error {
	pin, err := s.read.Pin(s.ctx, ref, store.PinMessage)
	switch ok, err := found(err); {
	case err != nil:
		return err
	case !ok:
		return missing(ref, message.CodeStoreRefNotFound, string(ref))
	case pin.Tag != string(ref): // it has a ref itself, if only an empty one
		return &message.Rejection{Code: message.CodeStoreUpdateUpdate}
	}
	return nil
}

// forgetStore takes a STORE's hold on its file. // spec messages 4.7 effect 4
func (s *Session) forgetStore(m *store.MessageRow) error {
	pin, err := s.read.Pin(s.ctx, m.Message.ItemHash, store.PinMessage)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	if err := s.tx.DeletePin(pin.ItemHash, store.PinMessage); err != nil {
		return err
	}
	if err := s.tx.RebuildTag(pin.Tag); err != nil {
		return err
	}
	return s.graceUnlessPinned(pin)
}

// forgetBody takes a message's hold on its own body. // Q-13
func (s *Session) forgetBody(m *store.MessageRow) error {
	if m.Message.ItemType == message.ItemInline {
		return nil
	}
	pin, err := s.read.Pin(s.ctx, m.Message.ItemHash, store.PinContent)
	if ok, err := found(err); err != nil || !ok {
		return err
	}
	if err := s.tx.DeletePin(pin.ItemHash, store.PinContent); err != nil {
		return err
	}
	n, err := s.read.CountPins(s.ctx, pin.FileHash)
	if err != nil || n > 0 {
		return err
	}
	// In nobody's name: the message may need its own for the file that it stores.
	return s.tx.GraceUpload(pin.FileHash, s.now, s.now+message.Timestamp(s.rules.GracePeriod/time.Microsecond))
}

// graceUnlessPinned keeps a file for the grace period when nothing else does.
func (s *Session) graceUnlessPinned(was store.PinRow) error {
	n, err := s.read.CountPins(s.ctx, was.FileHash)
	if err != nil || n > 0 {
		return err
	}
	return s.tx.InsertPin(store.PinRow{
		FileHash: was.FileHash, Type: store.PinGrace, Created: s.now, Owner: was.Owner, ItemHash: was.ItemHash,
		DeleteBy: s.now + message.Timestamp(s.rules.GracePeriod/time.Microsecond),
	})
}

// Upload records a file that somebody sent without a message: it is kept for
// the grace period, in which a STORE may claim it. // spec messages 6.3
func (s *Session) Upload(file message.Hash, size int64) error {
	if err := s.tx.SetFile(store.FileRow{Hash: file, Size: size, Type: s.rules.typeOf(file)}); err != nil {
		return err
	}
	return s.tx.GraceUpload(file, s.now, s.now+message.Timestamp(s.rules.GracePeriod/time.Microsecond))
}
