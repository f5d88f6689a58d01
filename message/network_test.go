package message_test

import (
	"testing"

	"aleph/message"
)

// The dates of the code are the numbers of the protocol. // spec messages 7.1
// // spec messages 7.6, Q-38
func TestPaymentChanged(t *testing.T) {
	t.Parallel()
	c := message.PublicNetwork().Cutoffs
	for _, test := range []struct {
		from, to message.Timestamp
		want     bool
	}{
		{c.FreeTime - 1, c.FreeTime, true},
		{c.FreeTime, c.FreeTime + 1, false},
		{c.FreeTime - 2, c.FreeTime - 1, false},
		{c.FreeTime, c.FreeTime - 1, false},
		{c.FreeTime, c.MachineCreditOnly, true},
		{c.MachineCreditOnly, c.CreditOnly - 1, false},
		{c.MachineCreditOnly, c.CreditOnly, true},
		{0, c.CreditOnly, true},
		{c.CreditOnly, c.CreditOnly + 1e15, false},
	} {
		if got := c.PaymentChanged(test.from, test.to); got != test.want {
			t.Errorf("from %v to %v: %t", test.from.Time(), test.to.Time(), got)
		}
	}
	if (&message.Cutoffs{}).PaymentChanged(-1, 1) {
		t.Error("without rules nothing changes")
	}
}

func TestPublicNetworkCutoffs(t *testing.T) {
	t.Parallel()
	c := message.PublicNetwork().Cutoffs
	for want, got := range map[int64]message.Timestamp{
		1743775079: c.FreeTime, 1773187200: c.MachineCreditOnly, 1798761600: c.CreditOnly, 1769990400: c.CreditPrecision,
	} {
		if got != message.Timestamp(want*1e6) {
			t.Errorf("got %v, want %d s", got.Time(), want)
		}
	}
}

func TestPublicNetworkImages(t *testing.T) {
	t.Parallel()
	n := message.PublicNetwork()
	for _, image := range n.Images {
		if _, err := message.ParseHash(string(image.Ref)); err != nil {
			t.Errorf("%s: %v", image.Name, err)
		}
		if got, ok := n.Image(image.Ref); !ok || got != image {
			t.Errorf("image of %s is %v, %v", image.Ref, got, ok)
		}
	}
	if _, ok := n.Image("unknown"); ok {
		t.Error("an unknown hash has an image")
	}
}

func TestGovernedBy(t *testing.T) {
	t.Parallel()
	public := message.PublicNetwork()
	local := public.GovernedBy("0xLocal")
	a := local.Authorities
	for _, got := range []message.Address{a.CoreChannel, a.Settings, a.Balances[0], a.Credits[0], a.Metrics[0], a.Scores[0], a.Scheduler} {
		if got != "0xLocal" {
			t.Errorf("authority %s", got)
		}
	}
	if local.Contracts.EthereumSync != "" || len(a.Unbuilt) != 0 || a.AdminKey != "" {
		t.Errorf("kept parts of the public network: %+v", local)
	}
	if local.Cutoffs != public.Cutoffs || local.Topic != public.Topic {
		t.Error("the rules changed")
	}
	if public.Authorities.Settings == "0xLocal" {
		t.Error("changed the network it was called on")
	}
}
