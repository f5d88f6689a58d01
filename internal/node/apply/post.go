package apply

import (
	"cmp"

	"aleph/internal/node/store"
	"aleph/message"
)

// planPost decides about a POST. // spec messages 6.2
func (s *Session) planPost(m Received, p *message.Post) (Effect, error) {
	if p.IsAmend() {
		return s.planAmend(m, p)
	}
	if err := s.permit(m.Sender, p.Address, subjectOf(m.Message)); err != nil {
		return nil, err
	}
	report, err := s.planReport(m, p)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := s.tx.InsertPost(postRow(m, p)); err != nil || report == nil {
			return err
		}
		return report()
	}, nil
}

// planAmend decides about an amend: who may do it (5.3), whether its target is
// there (6.2), and whether the target is the owner's (5.4).
func (s *Session) planAmend(m Received, p *message.Post) (Effect, error) {
	ref, err := message.ParseHash(p.Ref)
	if err != nil {
		// No message can ever have this name. It is tried again all the same and
		// then rejected, as other nodes do. // Q-18
		return nil, &message.Rejection{Code: message.CodePostAmendNotFound}
	}
	if err := s.permitAmend(m, p, ref); err != nil {
		return nil, err
	}
	original, err := s.read.Post(s.ctx, ref)
	switch ok, err := found(err); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, missing(ref, message.CodePostAmendNotFound, nil)
	case original.Owner != p.Address:
		return nil, message.Reject(message.CodePermissionDenied, "post %s belongs to %s, not to %s", ref, original.Owner, p.Address)
	case original.Amends != "":
		return nil, &message.Rejection{Code: message.CodePostAmendAmend}
	}
	amend := postRow(m, p)
	amend.Amends = ref
	return func() error {
		if err := s.tx.InsertPost(amend); err != nil {
			return err
		}
		// On equal times the first that was processed stays.
		if amend.Created <= original.LastUpdated {
			return nil
		}
		return s.showAmend(original, amend)
	}, nil
}

// permitAmend decides whether the sender may amend. // spec messages 5.3
func (s *Session) permitAmend(m Received, p *message.Post, ref message.Hash) error {
	if m.Sender.EqualFold(p.Address) {
		return nil
	}
	original, err := s.read.Message(s.ctx, ref)
	switch ok, err := found(err); {
	case err != nil:
		return err
	case !ok:
		return s.permit(m.Sender, p.Address, subjectOf(m.Message))
	case !original.Owner.EqualFold(p.Address):
		return message.Reject(message.CodePermissionDenied, "post %s belongs to %s, not to %s", ref, original.Owner, p.Address)
	}
	return s.permit(m.Sender, original.Owner, subjectOfRow(original))
}

func postRow(m Received, p *message.Post) *store.PostRow {
	row := &store.PostRow{
		ItemHash: m.ItemHash, Owner: p.Address, Type: p.Type, Channel: m.Channel, Created: p.Time,
	}
	if p.HasRef {
		row.Ref = &p.Ref
	}
	if row.Tags = unique(message.DerivedOf(m.Message).Tags); len(row.Tags) > 0 {
		row.TagsFrom = m.ItemHash
	}
	return row
}

// showAmend makes the original show an amend, whose tags count if it has any.
func (s *Session) showAmend(original, amend *store.PostRow) error {
	tags := amend.TagsFrom
	if tags == "" {
		var err error
		if tags, err = s.ownTags(original); err != nil {
			return err
		}
	}
	return s.tx.ShowAmend(original, amend.ItemHash, amend.Created, tags)
}

// ownTags returns the hash of an original when it has tags of its own, else "".
func (s *Session) ownTags(original *store.PostRow) (message.Hash, error) {
	if original.LatestAmend == "" || original.TagsFrom == "" || original.TagsFrom == original.ItemHash {
		return original.TagsFrom, nil
	}
	return s.read.OwnTags(s.ctx, original.ItemHash)
}

// forgetPost removes a post with its amends, or one amend. // spec messages 4.7 effect 4
func (s *Session) forgetPost(f *forgetting, m *store.MessageRow) error {
	hash := m.Message.ItemHash
	post, err := s.read.Post(s.ctx, hash)
	if err != nil {
		return err
	}
	if err := s.tx.DeletePost(post); err != nil {
		return err
	}
	if post.Type == message.NodeMetricsType {
		if err := s.tx.DeleteNodeMetrics(hash); err != nil {
			return err
		}
	}
	amends, err := s.read.Amends(s.ctx, cmp.Or(post.Amends, hash))
	if err != nil {
		return err
	}
	if post.Amends == "" {
		for _, amend := range amends {
			if err := s.forgetAmend(f, amend); err != nil {
				return err
			}
		}
		return nil
	}
	original, err := s.read.Post(s.ctx, post.Amends)
	if ok, err := found(err); err != nil || !ok || original.LatestAmend != hash {
		return err
	}
	if len(amends) > 0 {
		return s.showAmend(original, amends[0])
	}
	tags, err := s.ownTags(original)
	if err != nil {
		return err
	}
	return s.tx.ShowAmend(original, "", original.Created, tags)
}

// forgetAmend removes an amend because its original goes.
func (s *Session) forgetAmend(f *forgetting, amend *store.PostRow) error {
	row, err := s.read.Message(s.ctx, amend.ItemHash)
	if err != nil {
		return err
	}
	if err := s.tx.DeletePost(amend); err != nil {
		return err
	}
	return s.remove(f, row)
}
