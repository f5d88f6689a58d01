package store

import (
	"context"

	"aleph/message"
)

// VMRow is a registered PROGRAM, INSTANCE or V-PROGRAM.
type VMRow struct {
	ItemHash    message.Hash
	Type        string // program, instance, v-program
	Owner       message.Address
	AllowAmend  bool
	PaymentType message.PaymentType
	Replaces    string
	Created     message.Timestamp
	OnMessage   bool    // has message triggers. // spec ccn-http-api 5.9
	Refs        []VMRef // not read back by VM
}

// VMRef is a STORE that a VM refers to.
type VMRef struct {
	Ref       message.Hash
	Kind      string // code, runtime, data, rootfs, volume, parent, workload, hash_tree
	UseLatest bool
	Blocks    bool // the STORE must not be forgotten while the VM lives
}

const vmColumns = `item_hash, type, owner, allow_amend, payment_type, replaces, created, on_message`

func scanVM(row scanner) (VMRow, error) {
	var v VMRow
	var replaces text
	err := row.Scan(&v.ItemHash, &v.Type, &v.Owner, &v.AllowAmend, &v.PaymentType, &replaces, &v.Created, &v.OnMessage)
	v.Replaces = string(replaces)
	return v, err
}

const sqlVM = `SELECT ` + vmColumns + ` FROM vms WHERE item_hash = $1`

// VM returns a registered VM without its references, or [message.ErrNotFound].
func (r Reader) VM(ctx context.Context, hash message.Hash) (VMRow, error) {
	if row, ok, err := recall(r.known.vms, hash); ok {
		return deref(row), err
	}
	rows, err := r.q.query(ctx, "vm.get", sqlVM, string(hash))
	return one(rows, err, scanVM)
}

// VMsUsing returns, for each STORE that a VM keeps from being forgotten, the first
// such VM.
func (r Reader) VMsUsing(ctx context.Context, refs []message.Hash) (map[message.Hash]message.Hash, error) {
	users := map[message.Hash]message.Hash{}
	for _, ref := range refs {
		if vm := r.known.users[ref]; vm != "" {
			users[ref] = vm
		}
	}
	return users, ask(ctx, r.q, usersOf(unknown(r.known.users, refs), users))
}

// usersOf reads the first of the machines that keep each STORE.
func usersOf(refs []message.Hash, users map[message.Hash]message.Hash) []lookup {
	type use struct{ ref, vm message.Hash }
	return each("vm.using", `SELECT ref, MIN(vm_hash) FROM vm_refs WHERE blocks AND ref IN (`, refs, `) GROUP BY ref`,
		func(row scanner) (use, error) {
			var u use
			return u, row.Scan(&u.ref, &u.vm)
		}, func(u use) { users[u.ref] = u.vm })
}

const sqlVMVersion = `SELECT current_version FROM vm_versions WHERE vm_hash = $1`

// VMVersion returns the current version of a VM, or [message.ErrNotFound].
func (r Reader) VMVersion(ctx context.Context, hash message.Hash) (message.Hash, error) {
	rows, err := r.q.query(ctx, "vm.version", sqlVMVersion, string(hash))
	return one(rows, err, column[message.Hash])
}

const (
	sqlInsertVM    = `INSERT INTO vms (item_hash, type, owner, allow_amend, payment_type, replaces, created, on_message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`
	sqlInsertVMRef = `INSERT INTO vm_refs (vm_hash, ref, kind, position, use_latest, blocks) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlSetVersion  = `INSERT INTO vm_versions (vm_hash, owner, current_version, last_updated) VALUES ($1, $2, $3, $4)
ON CONFLICT (vm_hash) DO UPDATE SET current_version = excluded.current_version, last_updated = excluded.last_updated
WHERE excluded.last_updated > vm_versions.last_updated`
)

// InsertVM records a VM and its references.
func (tx *Tx) InsertVM(v *VMRow) error {
	hash := string(v.ItemHash)
	if _, ok := tx.known.vms[v.ItemHash]; ok {
		tx.known.vms[v.ItemHash] = v
	}
	err := tx.exec("vm.insert", sqlInsertVM, hash, v.Type, string(v.Owner), v.AllowAmend, string(v.PaymentType),
		null(v.Replaces), int64(v.Created), v.OnMessage)
	if err != nil {
		return err
	}
	for i, ref := range v.Refs {
		delete(tx.known.users, ref.Ref)
		err := tx.exec("vmref.insert", sqlInsertVMRef, hash, string(ref.Ref), ref.Kind, i, ref.UseLatest, ref.Blocks)
		if err != nil {
			return err
		}
	}
	return nil
}

// SetVMVersion records the current version of a VM.
func (tx *Tx) SetVMVersion(vm message.Hash, owner message.Address, current message.Hash, updated message.Timestamp) error {
	return tx.exec("vmversion.set", sqlSetVersion, string(vm), string(owner), string(current), int64(updated))
}

const (
	sqlDeleteVM      = `DELETE FROM vms WHERE item_hash = $1`
	sqlDeleteVMRefs  = `DELETE FROM vm_refs WHERE vm_hash = $1`
	sqlDeleteVersion = `DELETE FROM vm_versions WHERE vm_hash = $1`
)

// DeleteVM removes a VM, its references and its version.
func (tx *Tx) DeleteVM(hash message.Hash) error {
	tx.known.vms[hash] = nil
	clear(tx.known.users)
	if err := tx.exec("vm.delete", sqlDeleteVM, string(hash)); err != nil {
		return err
	}
	if err := tx.exec("vmref.delete", sqlDeleteVMRefs, string(hash)); err != nil {
		return err
	}
	return tx.exec("vmversion.delete", sqlDeleteVersion, string(hash))
}
