package pricing

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"aleph/message"
)

// Files knows how large files are. A file that is not known is not charged for.
type Files interface {
	// Size returns the bytes of a file.
	Size(file message.Hash) (bytes int64, known bool, err error)
	// SizeOf returns the bytes of the file that a reference to a STORE means:
	// the latest one under its tag, or exactly its own. // spec messages 6.3
	SizeOf(ref message.Hash, latest bool) (bytes int64, known bool, err error)
}

// Order is what a message has to pay for.
type Order struct {
	Payment message.PaymentType
	Product Product
	// VCPUs and MemoryMiB are the size of a machine.
	VCPUs, MemoryMiB int
	// Internet says that a function which runs on demand may use the internet.
	Internet bool
	// Devices are the ids of the GPUs of an instance, which then is priced as a
	// product of GPUs.
	Devices []string
	Volumes []Volume
}

// Volume is a disk or file that is priced by its size.
type Volume struct {
	Type RowType
	Name string
	Ref  message.Hash
	MiB  apd.Decimal
}

// SizeOf returns how large the disk or file is that a row is for, nil when the
// row is for none.
func (o *Order) SizeOf(row RowType, name string) *apd.Decimal {
	for i := range o.Volumes {
		if v := &o.Volumes[i]; v.Type == row && v.Name == name {
			return &v.MiB
		}
	}
	return nil
}

// PaymentOf returns how a message pays: hold unless it says otherwise.
// // spec messages 7.3
func PaymentOf(p *message.Payment) message.PaymentType {
	if p != nil && (p.Type == message.PaymentCredit || p.Type == message.PaymentSuperfluid) {
		return p.Type
	}
	return message.PaymentHold
}

// OrderOf returns what a message has to pay for, nil when its type is free.
// // spec messages 7.3, 7.4
func OrderOf(item message.Hash, content message.Content, files Files) (*Order, error) {
	switch c := content.(type) {
	case *message.Store:
		bytes, known, err := files.Size(c.ItemHash)
		if err != nil {
			return nil, err
		}
		if !known {
			bytes = 0
		}
		return StoreOrder(item, c, Mebibytes(bytes)), nil
	case *message.Program:
		return programOrder(c, files)
	case *message.Instance:
		return instanceOrder(c, files)
	case *message.VProgram:
		o := machineOrder(&c.Executable, ProductConfidential)
		return o, nil
	}
	return nil, nil //nolint:nilnil // nothing to pay for is no failure
}

// StoreOrder returns the order of a STORE whose file has that size.
func StoreOrder(item message.Hash, c *message.Store, mib apd.Decimal) *Order {
	o := &Order{Payment: PaymentOf(c.Payment), Product: ProductStorage}
	if mib.Sign() <= 0 {
		return o
	}
	if least := apd.New(SmallFile>>20, 0); o.Payment == message.PaymentCredit && mib.Cmp(least) < 0 {
		mib = *least
	}
	o.Volumes = []Volume{{Type: RowStorage, Name: string(RowStorage), Ref: item, MiB: mib}}
	return o
}

func machineOrder(e *message.Executable, product Product) *Order {
	return &Order{
		Payment: PaymentOf(e.Payment), Product: product, VCPUs: e.Resources.VCPUs, MemoryMiB: e.Resources.Memory,
	}
}

func programOrder(c *message.Program, files Files) (*Order, error) {
	o := machineOrder(&c.Executable, ProductProgram)
	if c.On.Persistent {
		o.Product = ProductProgramPersistent
	}
	o.Internet = c.Environment.Internet
	parts := []struct {
		row    RowType
		ref    message.Hash
		latest bool
	}{{RowCode, c.Code.Ref, c.Code.UseLatest}, {RowRuntime, c.Runtime.Ref, c.Runtime.UseLatest}}
	if c.Data != nil {
		parts = append(parts, parts[0])
		parts[2].row, parts[2].ref, parts[2].latest = RowData, c.Data.Ref, c.Data.UseLatest
	}
	for _, part := range parts {
		if err := o.file(files, Volume{Type: part.row, Name: string(part.row), Ref: part.ref}, part.latest); err != nil {
			return nil, err
		}
	}
	if err := o.volumes(c.Volumes, files); err != nil {
		return nil, err
	}
	return o, nil
}

func instanceOrder(c *message.Instance, files Files) (*Order, error) {
	o := machineOrder(&c.Executable, ProductInstance)
	if c.Environment.TrustedExecution != nil {
		o.Product = ProductConfidential
	}
	o.Devices = devicesOf(c.Requirements)
	o.Volumes = append(o.Volumes, Volume{
		Type: RowRootfs, Name: string(RowRootfs), Ref: c.Rootfs.Parent.Ref, MiB: *apd.New(int64(c.Rootfs.SizeMiB), 0),
	})
	if err := o.volumes(c.Volumes, files); err != nil {
		return nil, err
	}
	return o, nil
}

// volumes adds the disks of a machine. Their names carry their place, so that
// they differ. // spec messages 7.4
func (o *Order) volumes(list []message.Volume, files Files) error {
	for i, v := range list {
		volume := Volume{Type: RowPersistent, MiB: *apd.New(int64(v.SizeMiB), 0)}
		if v.Kind == message.VolumeImmutable {
			volume = Volume{Type: RowImmutable, Ref: v.Ref}
		}
		volume.Name = v.Mount
		if v.Mount == "" {
			volume.Name = string(volume.Type)
		}
		volume.Name = fmt.Sprintf("#%d:%s", i, volume.Name)
		if v.Kind == message.VolumeImmutable {
			if err := o.file(files, volume, v.UseLatest); err != nil {
				return err
			}
			continue
		}
		o.Volumes = append(o.Volumes, volume)
	}
	return nil
}

// file adds a file that a machine refers to, if it is known.
func (o *Order) file(files Files, v Volume, latest bool) error {
	bytes, known, err := files.SizeOf(v.Ref, latest)
	if err != nil || !known {
		return err
	}
	v.MiB = Mebibytes(bytes)
	o.Volumes = append(o.Volumes, v)
	return nil
}

// multiplier is by how much the internet multiplies the price of a function
// that runs on demand. // spec messages 7.3
func (o *Order) multiplier() int {
	if o.Product == ProductProgram && o.Internet {
		return 2
	}
	return 1
}
