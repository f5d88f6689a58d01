package apply

import (
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// ReadAhead reads together what the plans and effects of messages will ask for
// one by one, and more. It is a matter of speed alone: what it does not foresee is
// read when it is needed.
func (s *Session) ReadAhead(list []*message.Message, more store.Ahead) error {
	a := ahead{Ahead: more}
	for _, m := range list {
		a.add(s.rules, m)
	}
	if err := s.tx.ReadAhead(&a.Ahead); err != nil {
		return err
	}
	return s.readAuthorizations(a.grantors)
}

// ahead is what messages will ask for.
type ahead struct {
	store.Ahead
	grantors []message.Address // for whom somebody else acts
}

func (a *ahead) add(r *Rules, m *message.Message) {
	if m.Content == nil {
		return
	}
	owner := m.Content.Owner()
	if !m.Sender.EqualFold(owner) {
		a.grantors = append(a.grantors, owner)
	}
	switch c := m.Content.(type) {
	case *message.Post:
		a.addPost(r, m, c)
	case *message.Store:
		a.addStore(m, c)
	case *message.Program:
		a.addNeeds(r.programNeeds(c))
		a.addNeeds(volumeNeeds(c.Volumes))
		if c.HasReplaces {
			a.VMs = append(a.VMs, message.Hash(c.Replaces))
		}
	case *message.Instance:
		a.addNeeds(instanceNeeds(c))
		a.addNeeds(volumeNeeds(c.Volumes))
		if c.HasReplaces {
			a.VMs = append(a.VMs, message.Hash(c.Replaces))
		}
	case *message.Forget:
		a.Forget = append(a.Forget, c.Hashes...)
	}
	switch m.Type {
	case message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
		if r.priced() {
			a.Owners = append(a.Owners, owner)
		}
	default:
	}
}

func (a *ahead) addPost(r *Rules, m *message.Message, p *message.Post) {
	if p.IsAmend() {
		if ref, err := message.ParseHash(p.Ref); err == nil {
			a.Posts = append(a.Posts, ref)
		}
		return
	}
	authorities := &r.Network.Authorities
	if authorities.CreditChannel == "" || m.Channel == nil || *m.Channel != authorities.CreditChannel {
		return
	}
	// A content that is no such thing is refused when its plan is made.
	authority := slices.Contains(authorities.Credits, p.Address)
	switch {
	case p.Type == message.CreditDistributionType && authority:
		if c, err := message.ParseCreditDistribution(p.Content); err == nil {
			for i := range c.Grants {
				a.Ledgers = append(a.Ledgers, c.Grants[i].Address)
			}
		}
	case p.Type == message.CreditExpenseType && authority:
		if c, err := message.ParseCreditExpense(p.Content); err == nil {
			for i := range c.Charges {
				a.Ledgers = append(a.Ledgers, c.Charges[i].Address)
			}
		}
	case p.Type == message.CreditTransferType:
		a.Ledgers = append(a.Ledgers, p.Address)
		if c, err := message.ParseCreditTransfer(p.Content); err == nil {
			for i := range c.Gifts {
				a.Ledgers = append(a.Ledgers, c.Gifts[i].Address)
			}
		}
	}
}

func (a *ahead) addStore(m *message.Message, c *message.Store) {
	if !c.HasRef {
		return
	}
	tag, updates := tagOf(m.ItemHash, c)
	a.Tags = append(a.Tags, tag)
	if updates != "" {
		a.Pins = append(a.Pins, updates)
	}
}

func (a *ahead) addNeeds(list []need) {
	for _, n := range list {
		if n.UseLatest {
			a.Tags = append(a.Tags, string(n.Ref))
			continue
		}
		a.Pins = append(a.Pins, n.Ref)
	}
}
