package pricing

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// ErrIncomplete is why something has no price: the price list or the settings
// lack what it needs. Nothing is ever put in its place. // spec messages 7.2
var ErrIncomplete = errors.New("incomplete prices")

// Prices is a price list.
type Prices struct {
	products map[Product]*product
	// faults say what is wrong with products that cannot be priced.
	faults map[Product]error
}

// product is the entry of one product.
type product struct {
	storage *Amounts // per MiB, streams and credits by the second
	unit    *Amounts // per compute unit, likewise; nil when the product has none
	size    unitSize
	tiers   []tier
}

// unitSize is what one compute unit comprises.
type unitSize struct {
	memoryMiB int64
	diskMiB   int64
}

// defaultUnit counts for products without tiers. // spec messages 7.2
const defaultUnitMemory = 2048

// units returns how many compute units a machine needs. // spec messages 7.3
func (u unitSize) units(o *Order) int64 {
	memory := (int64(o.MemoryMiB) + u.memoryMiB - 1) / u.memoryMiB
	return max(int64(o.VCPUs), memory)
}

// tier is an offer of a product; only those that name a GPU constrain anything.
type tier struct {
	model string
	units int64
}

// product returns an entry of the list.
func (p *Prices) product(name Product) (*product, error) {
	if list, ok := p.products[name]; ok {
		return list, nil
	}
	if err := p.faults[name]; err != nil {
		return nil, fmt.Errorf("%w: product %s: %w", ErrIncomplete, name, err)
	}
	return nil, fmt.Errorf("%w: there is no product %s", ErrIncomplete, name)
}

//go:embed defaults.json
var defaults []byte

// DefaultPrices returns the list that counts when the network has published
// none. // spec messages 7.2
func DefaultPrices() *Prices {
	p, err := ParsePrices(defaults)
	if err != nil {
		panic(err) // a test reads the embedded list
	}
	return p
}

// DefaultPricesJSON returns the content of an aggregate with the default prices.
func DefaultPricesJSON() json.RawMessage { return bytes.Clone(defaults) }

// ParsePrices reads the content of the aggregate `pricing`. Products that are
// malformed cannot be priced, the others can. // spec messages 7.2
func ParsePrices(content json.RawMessage) (*Prices, error) {
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(content, &entries); err != nil {
		return nil, fmt.Errorf("%w: the aggregate is no object of products: %w", ErrIncomplete, err)
	}
	p := &Prices{products: map[Product]*product{}, faults: map[Product]error{}}
	for _, name := range []Product{
		ProductProgram, ProductProgramPersistent, ProductStorage,
		ProductInstance, ProductConfidential, ProductGPUPremium, ProductGPUStandard,
	} {
		text, ok := entries[string(name)]
		if !ok {
			continue
		}
		if list, err := parseProduct(text); err != nil {
			p.faults[name] = err
		} else {
			p.products[name] = list
		}
	}
	return p, nil
}

// entryJSON is a product as the network writes it.
type entryJSON struct {
	Price *struct {
		Storage *rateJSON `json:"storage"`
		Unit    *rateJSON `json:"compute_unit"`
	} `json:"price"`
	Tiers []struct {
		ID    *string `json:"id"`
		Units *int64  `json:"compute_units"`
		Model *string `json:"model"`
	} `json:"tiers"`
	Unit map[string]json.RawMessage `json:"compute_unit"`
}

type rateJSON struct {
	Holding json.RawMessage `json:"holding"`
	Payg    json.RawMessage `json:"payg"`
	Credit  json.RawMessage `json:"credit"`
}

func parseProduct(text json.RawMessage) (*product, error) {
	var e entryJSON
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	if e.Price == nil || e.Price.Storage == nil {
		return nil, errors.New("there is no price.storage")
	}
	list := &product{size: unitSize{memoryMiB: defaultUnitMemory}}
	var err error
	if list.storage, err = e.Price.Storage.parse(); err != nil {
		return nil, fmt.Errorf("price.storage: %w", err)
	}
	if len(e.Unit) > 0 { // else the price of a unit is not read at all
		if e.Price.Unit == nil {
			return nil, errors.New("there is no price.compute_unit")
		}
		if list.unit, err = e.Price.Unit.parse(); err != nil {
			return nil, fmt.Errorf("price.compute_unit: %w", err)
		}
	}
	if len(e.Tiers) == 0 { // then the sizes of a unit do not count
		return list, nil
	}
	if list.size, err = parseUnit(e.Unit); err != nil {
		return nil, err
	}
	for i, t := range e.Tiers {
		if t.ID == nil || t.Units == nil || *t.Units < 0 || *t.Units > mostOf {
			return nil, fmt.Errorf("tier %d needs an id and compute_units", i)
		}
		offer := tier{units: *t.Units}
		if t.Model != nil {
			offer.model = *t.Model
		}
		list.tiers = append(list.tiers, offer)
	}
	return list, nil
}

// mostOf bounds the sizes of a unit and the units of a tier, far above anything
// that exists, so that products of them are exact.
const mostOf = 1 << 31

func parseUnit(unit map[string]json.RawMessage) (unitSize, error) {
	var sizes [3]int64
	for i, name := range []string{"vcpus", "disk_mib", "memory_mib"} {
		if json.Unmarshal(unit[name], &sizes[i]) != nil || sizes[i] < 0 || sizes[i] > mostOf {
			return unitSize{}, fmt.Errorf("compute_unit.%s is no whole number from 0 to %d", name, mostOf)
		}
	}
	if sizes[2] == 0 {
		return unitSize{}, errors.New("compute_unit.memory_mib is zero")
	}
	return unitSize{diskMiB: sizes[1], memoryMiB: sizes[2]}, nil
}

// parse reads three prices; streams and credits are by the hour and become
// prices by the second.
func (r *rateJSON) parse() (*Amounts, error) {
	var hold, stream, credit apd.Decimal
	for _, p := range []struct {
		name string
		text json.RawMessage
		into *apd.Decimal
	}{{"holding", r.Holding, &hold}, {"payg", r.Payg, &stream}, {"credit", r.Credit, &credit}} {
		if err := parsePrice(p.text, p.into); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	m := newMath()
	a := &Amounts{Hold: hold, Stream: *m.perSecond(&stream), Credit: *m.perSecond(&credit)}
	return a, m.err
}

// A price has fewer digits and a smaller exponent than this, whoever writes it.
const (
	maxPriceText     = 100
	maxPriceExponent = 100
)

// parsePrice reads a price: a decimal in a string, or a number, which counts
// with the exact value of the double that it is. What is missing is zero.
func parsePrice(text json.RawMessage, into *apd.Decimal) error {
	switch string(text) {
	case "", "null", "false", `""`:
		return nil
	}
	if len(text) > maxPriceText {
		return errors.New("the price is too long")
	}
	var s string
	if text[0] == '"' {
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		s = strings.TrimSpace(s)
	} else {
		var err error
		if s, err = exactNumber(string(text)); err != nil {
			return err
		}
	}
	d, _, err := apd.NewFromString(s)
	switch {
	case err != nil || d.Form != apd.Finite:
		return fmt.Errorf("%s is no price", text)
	case d.Negative && !d.IsZero():
		return fmt.Errorf("the price %s is negative", text)
	case d.Exponent > maxPriceExponent || !d.IsZero() && int64(d.Exponent)+d.NumDigits() < -maxPriceExponent:
		return fmt.Errorf("the price %s is out of range", text)
	}
	into.Set(d)
	return nil
}

// exactNumber returns the decimal text of a JSON number: of the digits of an
// integer, else of the double.
func exactNumber(text string) (string, error) {
	if !strings.ContainsAny(text, ".eE") {
		if _, err := strconv.ParseInt(text, 10, 64); err == nil {
			return text, nil
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", fmt.Errorf("%s is no price", text)
	}
	const digits = 1074 // enough for any double
	s := strconv.FormatFloat(f, 'f', digits, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), "."), nil
}
