package pricing_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"

	"aleph/internal/node/pricing"
	"aleph/message"
)

const (
	fileA = message.Hash("7eb2eca2378ea8855336ed76c8b26219f1cb90234d04441de9cf8cb1c649d003")
	fileB = message.Hash("bd79839bf96e595a06da5ac0b6ba51dea6f7e2591bb913deccded04d831d29f4")
	item  = message.Hash("9c7136fe3598b940158b5f0bb5c313e9152b53412db7649618003f6807739684")
	mib   = int64(1 << 20)
)

// files are sizes in bytes.
type files map[message.Hash]int64

func (f files) Size(file message.Hash) (int64, bool, error) {
	n, ok := f[file]
	return n, ok, nil
}

func (f files) SizeOf(ref message.Hash, _ bool) (int64, bool, error) { return f.Size(ref) }

// content is the JSON of a content without its address and time.
type content map[string]any

func (c content) with(more content) content {
	merged := content{}
	for _, part := range []content{c, more} {
		maps.Copy(merged, part)
	}
	return merged
}

func (c content) parse(t testing.TB, kind message.Type) message.Content {
	t.Helper()
	raw, err := json.Marshal(c.with(content{"address": "0xA1", "time": 1.5}))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := message.ParseContent(kind, raw)
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return parsed
}

func machine(vcpus, memory, rootfs int, more content) content {
	return content{
		"allow_amend": false, "environment": content{"hypervisor": "qemu"}, "resources": content{"vcpus": vcpus, "memory": memory},
		"rootfs": content{"parent": content{"ref": fileA}, "persistence": "host", "size_mib": rootfs}, "volumes": []any{},
	}.with(more)
}

func function(more content) content {
	return content{
		"type": "vm-function", "allow_amend": false, "environment": content{"internet": true}, "resources": content{"vcpus": 1, "memory": 128},
		"code": content{"encoding": "zip", "entrypoint": "main:app", "ref": fileA}, "runtime": content{"ref": fileB, "comment": ""},
		"on": content{"http": true}, "volumes": []any{},
	}.with(more)
}

func disks(sizes ...int) content {
	list := make([]any, 0, len(sizes))
	for _, size := range sizes {
		list = append(list, content{"persistence": "host", "name": "disk", "size_mib": size})
	}
	return content{"volumes": list}
}

func pays(how message.PaymentType) content { return content{"payment": content{"type": how}} }

func gpus(devices ...string) content {
	list := make([]any, 0, len(devices))
	for _, id := range devices {
		list = append(list, content{"vendor": "NVIDIA", "device_name": "gpu", "device_class": "0300", "device_id": id})
	}
	return content{"requirements": content{"node": content{"node_hash": fileB}, "gpu": list}}
}

func store(more content) content {
	return content{"item_type": "storage", "item_hash": fileA}.with(more)
}

func verified(vcpus, memory int) content {
	digest := strings.Repeat("ab", 48)
	root := strings.Repeat("cd", 32)
	return content{
		"allow_amend": false, "payment": content{"type": "credit"}, "environment": content{}, "resources": content{"vcpus": vcpus, "memory": memory},
		"runtime": content{"ref": fileA}, "workload": content{"ref": fileA, "hash_tree": fileB, "roothash": root},
		"verification": content{"backend": "sev_snp", "measurements": []any{content{"platform": "sev_snp", "digest": digest}}},
		"volumes":      []any{content{"ref": fileA, "hash_tree": fileB, "roothash": root}},
	}
}

const (
	a100    = "10de:20b2"
	rtx4090 = "10de:2684"
	l40s    = "10de:26b9"
)

// The worked examples, to the last digit. // spec messages 7.9
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	none := files{}
	for _, test := range []struct {
		name    string
		kind    message.Type
		content content
		files   files
		pays    message.PaymentType
		rows    string // "name amount, …" in the column that is paid
		total   string
		day     string // credits that last a day
	}{
		{
			"instance, hold", message.TypeInstance, machine(1, 2048, 20480, nil), none, message.PaymentHold,
			"instance 1000, EXECUTION_INSTANCE_VOLUME_ROOTFS 1024, EXECUTION_VOLUME_DISCOUNT -1024", "1000", "",
		},
		{
			"confidential, hold", message.TypeInstance, machine(1, 2048, 20480, content{"environment": content{"hypervisor": "qemu", "trusted_execution": content{}}}),
			none, message.PaymentHold,
			"instance_confidential 2000, EXECUTION_INSTANCE_VOLUME_ROOTFS 1024, EXECUTION_VOLUME_DISCOUNT -1024", "2000", "",
		},
		{
			"confidential with volumes, hold", message.TypeInstance,
			machine(1, 2048, 20480, disks(50, 100, 100, 100)).with(content{"environment": content{"hypervisor": "qemu", "trusted_execution": content{"policy": 1}}}),
			none, message.PaymentHold,
			"instance_confidential 2000, EXECUTION_INSTANCE_VOLUME_ROOTFS 1024, #0:EXECUTION_VOLUME_PERSISTENT 2.5, " +
				"#1:EXECUTION_VOLUME_PERSISTENT 5, #2:EXECUTION_VOLUME_PERSISTENT 5, #3:EXECUTION_VOLUME_PERSISTENT 5, EXECUTION_VOLUME_DISCOUNT -1024",
			"2017.5", "",
		},
		{
			"instance with volumes, hold", message.TypeInstance, machine(1, 2048, 20480, disks(50, 100, 100, 100)), none, message.PaymentHold,
			"instance 1000, EXECUTION_INSTANCE_VOLUME_ROOTFS 1024, #0:EXECUTION_VOLUME_PERSISTENT 2.5, #1:EXECUTION_VOLUME_PERSISTENT 5, " +
				"#2:EXECUTION_VOLUME_PERSISTENT 5, #3:EXECUTION_VOLUME_PERSISTENT 5, EXECUTION_VOLUME_DISCOUNT -1024", "1017.5", "",
		},
		{
			"program on demand, hold", message.TypeProgram, function(disks(2048, 1024, 2048, 512, 1024)), none, message.PaymentHold,
			"program 400, #0:EXECUTION_VOLUME_PERSISTENT 102.4, #1:EXECUTION_VOLUME_PERSISTENT 51.2, #2:EXECUTION_VOLUME_PERSISTENT 102.4, " +
				"#3:EXECUTION_VOLUME_PERSISTENT 25.6, #4:EXECUTION_VOLUME_PERSISTENT 51.2, EXECUTION_VOLUME_DISCOUNT -102.4", "630.4", "",
		},
		{
			"instance, stream", message.TypeInstance, machine(1, 2048, 20480, pays("superfluid")), none, message.PaymentSuperfluid,
			"instance 0.000015277777777777, EXECUTION_INSTANCE_VOLUME_ROOTFS 0.000005558044444444, EXECUTION_VOLUME_DISCOUNT -0.000005558044444444",
			"0.000015277777777777", "",
		},
		{
			"confidential, stream", message.TypeInstance,
			machine(1, 2048, 20480, pays("superfluid")).with(content{"environment": content{"hypervisor": "qemu", "trusted_execution": content{}}}),
			none, message.PaymentSuperfluid, "", "0.000030555555555555", "",
		},
		{
			"instance with volumes, stream", message.TypeInstance, machine(1, 2048, 20480, disks(50, 1024, 10240, 51200)).with(pays("superfluid")),
			none, message.PaymentSuperfluid, "", "0.000032243382777775", "",
		},
		{
			"instance, credit", message.TypeInstance, machine(1, 2048, 20480, pays("credit")), none, message.PaymentCredit,
			"", "3.958333333333333333", "341999.9999999999999712",
		},
		{
			"large instance, credit", message.TypeInstance, machine(4, 8192, 102400, disks(10240)).with(pays("credit")), none, message.PaymentCredit,
			"instance 15.833333333333333333, EXECUTION_INSTANCE_VOLUME_ROOTFS 5.110752435378092942, " +
				"#0:EXECUTION_VOLUME_PERSISTENT 0.511075243537809294, EXECUTION_VOLUME_DISCOUNT -4.088601948302474354",
			"17.366559063946761215", "1500470.703125000168976",
		},
		{
			"verified program", message.TypeVProgram, verified(2, 2048), none, message.PaymentCredit,
			"instance_confidential 15.833333333333333333, EXECUTION_VOLUME_DISCOUNT 0", "15.833333333333333333", "",
		},
		{
			"14 bytes, hold", message.TypeStore, store(nil),
			files{fileA: 14},
			message.PaymentHold,
			"STORAGE 0.000004450480138778", "0.000004450480138778", "",
		},
		{"26 MiB, hold", message.TypeStore, store(nil), files{fileA: 26 * mib}, message.PaymentHold, "", "8.666666658", ""},
		{"100 MiB, hold", message.TypeStore, store(nil), files{fileA: 100 * mib}, message.PaymentHold, "", "33.3333333", ""},
		{
			"14 bytes, credit", message.TypeStore, store(pays("credit")),
			files{fileA: 14},
			message.PaymentCredit,
			"STORAGE 0.001247742293793479", "0.001247742293793479", "107.8049341837565856",
		},
		{"25 MiB, credit", message.TypeStore, store(pays("credit")), files{fileA: 25 * mib}, message.PaymentCredit, "", "0.001247742293793479", ""},
		{"100 MiB, credit", message.TypeStore, store(pays("credit")), files{fileA: 100 * mib}, message.PaymentCredit, "", "0.004990969175173918", ""},
		{"1 GiB, credit", message.TypeStore, store(pays("credit")), files{fileA: 1024 * mib}, message.PaymentCredit, "", "0.051107524353780929", ""},
		{"empty file", message.TypeStore, store(nil), files{fileA: 0}, message.PaymentHold, "none", "0", ""},
		{"unknown file", message.TypeStore, store(pays("credit")), none, message.PaymentCredit, "none", "0", ""},
		{
			"GPU smaller than its machine", message.TypeInstance, machine(8, 16384, 20480, gpus(rtx4090)), none, message.PaymentHold,
			"instance_gpu_standard 2240, EXECUTION_INSTANCE_VOLUME_ROOTFS 0, EXECUTION_VOLUME_DISCOUNT 0", "2240", "",
		},
		{"two GPUs", message.TypeInstance, machine(1, 2048, 20480, gpus(a100, a100)), none, message.PaymentHold, "", "17920", ""},
		{"two models", message.TypeInstance, machine(1, 2048, 20480, gpus(rtx4090, l40s)), none, message.PaymentHold, "", "5040", ""},
		{
			"two products", message.TypeInstance, machine(1, 2048, 20480, gpus(a100, rtx4090)), none, message.PaymentHold,
			"instance_gpu_premium 8960, instance_gpu_standard 1680, EXECUTION_INSTANCE_VOLUME_ROOTFS 0, EXECUTION_VOLUME_DISCOUNT 0", "10640", "",
		},
		{
			"least cost of a volume", message.TypeInstance, machine(1, 2048, 1, pays("credit")), none, message.PaymentCredit,
			"instance 3.958333333333333333, EXECUTION_INSTANCE_VOLUME_ROOTFS 0.000277777777777777, EXECUTION_VOLUME_DISCOUNT -0.000277777777777777",
			"3.958333333333333333", "",
		},
		{
			"persistent program with files", message.TypeProgram,
			function(content{"on": content{"http": false, "persistent": true}, "volumes": []any{
				content{"ref": fileB, "mount": "/lib"}, content{"ref": item, "mount": "/gone"}, content{"mount": "", "size_mib": 10},
			}}),
			files{fileA: 2 * mib, fileB: 3 * mib},
			message.PaymentHold,
			"program_persistent 1000, EXECUTION_PROGRAM_VOLUME_CODE 0.1, EXECUTION_PROGRAM_VOLUME_RUNTIME 0.15, #0:/lib 0.15, " +
				"#2:EXECUTION_VOLUME_PERSISTENT 0.5, EXECUTION_VOLUME_DISCOUNT -0.9", "1000", "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			rows, payment := price(t, test.content.parse(t, test.kind), test.files)
			if payment != test.pays {
				t.Errorf("paid by %s, want %s", payment, test.pays)
			}
			if test.rows != "" {
				if diff := cmp.Diff(test.rows, describe(rows, payment)); diff != "" {
					t.Error(diff)
				}
			}
			total, err := pricing.Total(rows, payment)
			if err != nil {
				t.Fatal(err)
			}
			if total.Exponent != -18 || total.Cmp(decimal(t, test.total)) != 0 {
				t.Errorf("total is %s, want %s", &total, test.total)
			}
			if test.day != "" {
				day := new(apd.Decimal)
				if _, err := apd.BaseContext.WithPrecision(28).Mul(day, &total, apd.New(pricing.Day, 0)); err != nil {
					t.Fatal(err)
				}
				if day.Cmp(decimal(t, test.day)) != 0 {
					t.Errorf("a day costs %s, want %s", day, test.day)
				}
			}
		})
	}
}

func decimal(t testing.TB, text string) *apd.Decimal {
	t.Helper()
	d, _, err := apd.NewFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func price(t testing.TB, c message.Content, known files) ([]pricing.Row, message.PaymentType) {
	t.Helper()
	order, err := pricing.OrderOf(item, c, known)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pricing.DefaultPrices().Rows(order, pricing.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	return rows, order.Payment
}

// describe lists rows with the amount that counts, without trailing zeros.
func describe(rows []pricing.Row, payment message.PaymentType) string {
	if len(rows) == 0 {
		return "none"
	}
	list := make([]string, 0, len(rows))
	for i := range rows {
		amount, _ := new(apd.Decimal).Reduce(rows[i].Cost.Of(payment))
		list = append(list, fmt.Sprintf("%s %s", rows[i].Name, amount.Text('f')))
	}
	return strings.Join(list, ", ")
}

// Rows say what they are for, and all three prices whatever the payment.
func TestRowsNameWhatTheyPrice(t *testing.T) {
	t.Parallel()
	rows, _ := price(t, store(nil).parse(t, message.TypeStore), files{fileA: 26 * mib})
	row := rows[0]
	if row.Type != pricing.RowStorage || row.Ref != item || row.Cost.Credit.IsZero() || !row.Cost.Stream.IsZero() {
		t.Errorf("row of a STORE: %+v", row)
	}
	rows, _ = price(t, function(content{"volumes": []any{content{"ref": fileB, "mount": "/a"}}}).parse(t, message.TypeProgram), files{fileA: mib, fileB: mib})
	var got []string
	for _, row := range rows {
		got = append(got, fmt.Sprintf("%s %s %s", row.Type, row.Name, row.Ref))
	}
	want := []string{
		"EXECUTION program ",
		"EXECUTION_PROGRAM_VOLUME_CODE EXECUTION_PROGRAM_VOLUME_CODE " + string(fileA),
		"EXECUTION_PROGRAM_VOLUME_RUNTIME EXECUTION_PROGRAM_VOLUME_RUNTIME " + string(fileB),
		"EXECUTION_VOLUME_INMUTABLE #0:/a " + string(fileB),
		"EXECUTION_VOLUME_DISCOUNT EXECUTION_VOLUME_DISCOUNT ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFreeTypesHaveNoOrder(t *testing.T) {
	t.Parallel()
	for kind, c := range map[message.Type]content{
		message.TypePost:      {"type": "x", "content": content{}},
		message.TypeAggregate: {"key": "x", "content": content{}},
		message.TypeForget:    {"hashes": []any{item}},
	} {
		if o, err := pricing.OrderOf(item, c.parse(t, kind), files{}); o != nil || err != nil {
			t.Errorf("%s: %+v, %v", kind, o, err)
		}
	}
}

// What the lists lack has no price, and nothing is put in its place. // Q-25
func TestWithoutPrice(t *testing.T) {
	t.Parallel()
	one := machine(1, 2048, 20480, nil).parse(t, message.TypeInstance)
	unknownGPU := machine(1, 2048, 20480, gpus("10de:ffff")).parse(t, message.TypeInstance)
	noTier := machine(1, 2048, 20480, gpus("10de:2687")).parse(t, message.TypeInstance) // RTX 5090
	defaults := string(pricing.DefaultPricesJSON())
	for name, test := range map[string]struct {
		prices  string
		content message.Content
	}{
		"no product":          {`{}`, one},
		"no price":            {`{"instance":{}}`, one},
		"null price":          {`{"instance":{"price":null}}`, one},
		"no unit":             {`{"instance":{"price":{"storage":{}}}}`, one},
		"no unit price":       {`{"instance":{"price":{"storage":{}},"compute_unit":{"vcpus":1,"disk_mib":1,"memory_mib":1}}}`, one},
		"incomplete unit":     {`{"instance":{"price":{"storage":{},"compute_unit":{}},"tiers":[{"id":"a","compute_units":1}],"compute_unit":{"vcpus":1}}}`, one},
		"unit without memory": {`{"instance":{"price":{"storage":{},"compute_unit":{}},"tiers":[{"id":"a","compute_units":1}],"compute_unit":{"vcpus":1,"disk_mib":1,"memory_mib":0}}}`, one},
		"no number":           {`{"instance":{"price":{"storage":{"holding":"free"}}}}`, one},
		"not a number":        {`{"instance":{"price":{"storage":{"holding":"NaN"}}}}`, one},
		"negative":            {`{"instance":{"price":{"storage":{"holding":-1}}}}`, one},
		"huge":                {`{"instance":{"price":{"storage":{"holding":"1e999999"}}}}`, one},
		"too large to cut": {
			`{"instance":{"price":{"storage":{},"compute_unit":{"holding":"99999999999"}},"compute_unit":{"vcpus":1}}}`, one,
		},
		"GPU that nobody knows": {defaults, unknownGPU},
		"GPU without a tier":    {defaults, noTier},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prices, err := pricing.ParsePrices([]byte(test.prices))
			if err != nil {
				t.Fatal(err)
			}
			order, err := pricing.OrderOf(item, test.content, files{})
			if err != nil {
				t.Fatal(err)
			}
			if rows, err := prices.Rows(order, pricing.DefaultSettings()); err == nil {
				t.Errorf("priced as %s", describe(rows, order.Payment))
			} else if name != "too large to cut" && !errors.Is(err, pricing.ErrIncomplete) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A product without tiers has units of 2048 MiB that include no disk. A number
// counts with the value of its double. // spec messages 7.2
func TestListWithoutTiers(t *testing.T) {
	t.Parallel()
	prices, err := pricing.ParsePrices([]byte(`{"instance":{"price":{"storage":{"holding":0.1},"compute_unit":{"holding":3,"payg":null}},
"compute_unit":{"memory_mib":1}}}`))
	if err != nil {
		t.Fatal(err)
	}
	order, err := pricing.OrderOf(item, machine(1, 4097, 10, nil).parse(t, message.TypeInstance), files{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := prices.Rows(order, pricing.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	want := "instance 9, EXECUTION_INSTANCE_VOLUME_ROOTFS 1.000000000000000055, EXECUTION_VOLUME_DISCOUNT 0"
	if got := describe(rows, message.PaymentHold); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseSettings(t *testing.T) {
	t.Parallel()
	s, err := pricing.ParseSettings([]byte(`{"compatible_gpus":[{"name":"n","model":"m","vendor":"v","device_id":"d","more":1}],
"community_wallet_address":"0xW","community_wallet_timestamp":12,"last_crn_version":"1"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := &pricing.Settings{GPUs: []pricing.GPU{{Name: "n", Model: "m", Vendor: "v", DeviceID: "d"}}, CommunityWallet: "0xW", CommunityWalletSince: 12}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
	if s, err := pricing.ParseSettings([]byte(`{}`)); err != nil || len(s.GPUs) != 0 {
		t.Errorf("empty: %+v, %v", s, err)
	}
	for _, text := range []string{`[]`, `{"compatible_gpus":null}`, `{"compatible_gpus":[{"name":"n"}]}`, `{"community_wallet_address":1}`} {
		if _, err := pricing.ParseSettings([]byte(text)); !errors.Is(err, pricing.ErrIncomplete) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
