// Package pricing says what a message costs. It is pure arithmetic: prices,
// settings and file sizes come in as values, rows of costs come out.
//
// [OrderOf] reads from a content what has to be paid for, an [Order];
// [Prices.Rows] prices it, and [Total] is what the owner pays. [Prices] and
// [Settings] are parsed from the aggregates in which the network publishes them.
//
// Every operation rounds to 28 significant digits, half to even, in the order
// of the specification, and every amount of a row is cut to 18 decimals towards
// minus infinity: nodes that round otherwise disagree about who can pay. Values
// are safe for concurrent use as long as nobody changes them.
//
// It implements sections 7.1 to 7.5 of docs/spec/messages.md.
package pricing

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"aleph/message"
)

// Product names what is priced, as in the aggregate `pricing`.
type Product string

// The products. // spec messages 7.2
const (
	ProductProgram           Product = "program"
	ProductProgramPersistent Product = "program_persistent"
	ProductStorage           Product = "storage"
	ProductInstance          Product = "instance"
	ProductConfidential      Product = "instance_confidential"
	ProductGPUPremium        Product = "instance_gpu_premium"
	ProductGPUStandard       Product = "instance_gpu_standard"
)

// RowType says what a row of costs is for.
type RowType string

// The types of row, in the network's spelling. // spec messages 7.4
const (
	RowExecution  RowType = "EXECUTION"
	RowRootfs     RowType = "EXECUTION_INSTANCE_VOLUME_ROOTFS"
	RowCode       RowType = "EXECUTION_PROGRAM_VOLUME_CODE"
	RowRuntime    RowType = "EXECUTION_PROGRAM_VOLUME_RUNTIME"
	RowData       RowType = "EXECUTION_PROGRAM_VOLUME_DATA"
	RowImmutable  RowType = "EXECUTION_VOLUME_INMUTABLE"
	RowPersistent RowType = "EXECUTION_VOLUME_PERSISTENT"
	RowDiscount   RowType = "EXECUTION_VOLUME_DISCOUNT"
	RowStorage    RowType = "STORAGE"
)

// SmallFile is the size in bytes up to which a file is kept without payment
// for those who pay by holding, and for which everybody else pays at least.
// // spec messages 7.1
const SmallFile = 25 << 20

// Day is the number of seconds for which credits must last. // spec messages 7.6
const Day = 86400

// Amounts are the three prices of one thing: tokens to hold, tokens that flow
// each second, credits that are used up each second.
type Amounts struct {
	Hold, Stream, Credit apd.Decimal
}

// Of returns the amount that counts for a way of paying.
func (a *Amounts) Of(payment message.PaymentType) *apd.Decimal {
	switch payment {
	case message.PaymentSuperfluid:
		return &a.Stream
	case message.PaymentCredit:
		return &a.Credit
	case message.PaymentHold:
	}
	return &a.Hold
}

// Row is one line of what a message costs. Type and Name together are unique
// within a message.
type Row struct {
	Type RowType
	Name string
	Ref  message.Hash // empty when the row is for no file
	Cost Amounts
}

// Total returns the sum of the rows by the way in which they are paid.
// // spec messages 7.4
func Total(rows []Row, payment message.PaymentType) (apd.Decimal, error) {
	m := newMath()
	sum := new(apd.Decimal)
	for i := range rows {
		sum = m.add(sum, rows[i].Cost.Of(payment))
	}
	sum = m.floor18(sum)
	return *sum, m.err
}

// Rows prices an order. The error says what the price list or the settings
// lack; there is no price then. // spec messages 7.2
func (p *Prices) Rows(o *Order, s *Settings) ([]Row, error) {
	m := newMath()
	var rows []Row
	var err error
	switch {
	case o.Product == ProductStorage:
		rows, err = p.storageRows(m, o)
	case len(o.Devices) > 0:
		rows, err = p.deviceRows(m, o, s)
	default:
		rows, err = p.machineRows(m, o)
	}
	if err == nil {
		err = m.err
	}
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (p *Prices) storageRows(m *math, o *Order) ([]Row, error) {
	list, err := p.product(ProductStorage)
	if err != nil {
		return nil, err
	}
	return volumeRows(m, o, list.storage), nil
}

// machineRows prices a machine without GPUs: its compute units, its volumes,
// and what the units include.
func (p *Prices) machineRows(m *math, o *Order) ([]Row, error) {
	list, err := p.product(o.Product)
	if err != nil {
		return nil, err
	}
	if list.unit == nil {
		return nil, fmt.Errorf("%w: product %s has no price of a compute unit", ErrIncomplete, o.Product)
	}
	units := list.size.units(o)
	row := executionRow(m, o.Product, units*int64(o.multiplier()), list.unit)
	if o.Payment == message.PaymentCredit {
		row.Cost.Credit = *atLeast(&row.Cost.Credit, m.leastCredit())
	}
	return append([]Row{row}, machineVolumes(m, o, list, units)...), nil
}

// executionRow prices compute units. // spec messages 7.4
func executionRow(m *math, product Product, units int64, price *Amounts) Row {
	return Row{Type: RowExecution, Name: string(product), Cost: m.price(apd.New(units, 0), price)}
}

// machineVolumes prices the disks of a machine and takes off what its compute
// units include. // spec messages 7.4
func machineVolumes(m *math, o *Order, list *product, units int64) []Row {
	rows := volumeRows(m, o, list.storage)
	included := apd.New(list.size.diskMiB*units, 0)
	discount := Row{Type: RowDiscount, Name: string(RowDiscount)}
	for _, payment := range []message.PaymentType{message.PaymentHold, message.PaymentSuperfluid, message.PaymentCredit} {
		sum := new(apd.Decimal)
		for i := range rows {
			sum = m.add(sum, rows[i].Cost.Of(payment))
		}
		least := sum
		if most := m.mul(included, list.storage.Of(payment)); most.Cmp(sum) < 0 {
			least = most
		}
		*discount.Cost.Of(payment) = *m.floor18(m.neg(least))
	}
	return append(rows, discount)
}

// volumeRows prices disks and files by their size.
func volumeRows(m *math, o *Order, price *Amounts) []Row {
	rows := make([]Row, 0, len(o.Volumes)+2)
	for i := range o.Volumes {
		v := &o.Volumes[i]
		cost := m.price(&v.MiB, price)
		if o.Payment == message.PaymentCredit {
			cost.Credit = *atLeast(&cost.Credit, m.leastCredit())
		}
		rows = append(rows, Row{Type: v.Type, Name: v.Name, Ref: v.Ref, Cost: cost})
	}
	return rows
}

func atLeast(x, least *apd.Decimal) *apd.Decimal {
	if x.Cmp(least) < 0 {
		return least
	}
	return x
}

// Required returns what somebody must have to add a cost to what is running:
// that many tokens, or as many credits as last for a day. // spec messages 7.6
func Required(running, cost *apd.Decimal, payment message.PaymentType) (apd.Decimal, error) {
	m := newMath()
	sum := m.add(m.floor18(running), cost)
	if payment == message.PaymentCredit {
		sum = m.mul(sum, apd.New(Day, 0))
	}
	return *sum, m.err
}
