// Package vm is the life of one machine: what it runs ([Spec]), the ordered
// steps that start it ([Starter.Start]), the record that survives the host
// ([Record]) and the contract every isolation technique fulfils ([Driver]).
//
//	content → disks → network → launch → ready
//	 starting ─────────────────────────────────▶ running
//	   │ a step fails                              │ Stop, or the guest ends
//	   ▼                                           ▼
//	 failed ◀──────── undo, in reverse ───────── stopping ──▶ stopped
//
// Each step has a do and an undo. The record is saved before a step's do, so a
// host that is killed in the middle finds at its next start which machines
// existed; undo assumes nothing about what do achieved and may run twice.
//
// A [Machine] is safe for concurrent use.
package vm
