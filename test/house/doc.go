// Package house holds the laws of the repository: which package may import
// which, what each file owes its reader, and that documents point at things that
// exist.
//
// A law is a function from a tree (an [io/fs.FS]) or a list of packages to the
// offences in it, so that its test can show it a tree that offends as well as
// ours. house_test.go applies every law to this repository.
//
// CONTRIBUTING.md gives the reasons in prose.
package house
