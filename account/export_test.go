package account

// UseCheapCost makes the keystore's encryption fast enough for tests.
func (s *Keystore) UseCheapCost() { s.cost = scryptCost{N: 16, R: 1, P: 1} }

// SLIP10 exposes one derivation for the standard's vectors.
var SLIP10 = slip10
