package pricing

import (
	"github.com/cockroachdb/apd/v3"
)

// The arithmetic of the network. // spec messages 7.1
const (
	precision = 28 // significant digits of every operation
	decimals  = 18 // of every amount that is kept
	hour      = 3600
)

// math computes by the rules of the network. The first failure is kept, and
// what follows it means nothing.
type math struct {
	even  apd.Context
	floor apd.Context
	err   error
}

func newMath() *math {
	c := apd.BaseContext
	c.Precision = precision
	c.Rounding = apd.RoundHalfEven
	m := &math{even: c, floor: c}
	m.floor.Rounding = apd.RoundFloor
	return m
}

func (m *math) keep(d *apd.Decimal, err error) *apd.Decimal {
	if err != nil && m.err == nil {
		m.err = err
	}
	return d
}

func (m *math) add(x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	_, err := m.even.Add(d, x, y)
	return m.keep(d, err)
}

func (m *math) mul(x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	_, err := m.even.Mul(d, x, y)
	return m.keep(d, err)
}

func (m *math) quo(x, y *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	_, err := m.even.Quo(d, x, y)
	return m.keep(d, err)
}

// neg changes the sign; zero stays without one.
func (m *math) neg(x *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	if x.IsZero() {
		return d
	}
	_, err := m.even.Neg(d, x)
	return m.keep(d, err)
}

// floor18 cuts to 18 decimals towards minus infinity. An amount of more than
// ten digits before the point does not fit the precision and is an error.
func (m *math) floor18(x *apd.Decimal) *apd.Decimal {
	d := new(apd.Decimal)
	_, err := m.floor.Quantize(d, x, -decimals)
	return m.keep(d, err)
}

// price multiplies a quantity with the three prices.
func (m *math) price(quantity *apd.Decimal, price *Amounts) Amounts {
	return Amounts{
		Hold:   *m.floor18(m.mul(quantity, &price.Hold)),
		Stream: *m.floor18(m.mul(quantity, &price.Stream)),
		Credit: *m.floor18(m.mul(quantity, &price.Credit)),
	}
}

// perSecond turns a price per hour into one per second.
func (m *math) perSecond(x *apd.Decimal) *apd.Decimal { return m.quo(x, apd.New(hour, 0)) }

// leastCredit is the smallest price of a row that is paid by credit: one credit
// each hour. // spec messages 7.1
func (m *math) leastCredit() *apd.Decimal { return m.floor18(m.perSecond(apd.New(1, 0))) }

// Mebibytes returns a number of bytes in MiB, exactly.
func Mebibytes(bytes int64) apd.Decimal {
	exact := apd.BaseContext // no precision: nothing is rounded
	var d apd.Decimal
	// Dividing by 2^20 is multiplying with 5^20 and moving the point.
	if _, err := exact.Mul(&d, apd.New(bytes, 0), apd.New(95367431640625, -20)); err != nil {
		panic(err) // the product of two integers of 64 bits is exact
	}
	return d
}
