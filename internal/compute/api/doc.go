// Package api is the HTTP API of a compute host: calls of functions, what the
// host says about itself, and the operations of owners.
//
// Handlers return errors; errors.go is the table that makes answers of them.
// It implements chapter 1 of docs/spec/crn.md, for programs.
package api
