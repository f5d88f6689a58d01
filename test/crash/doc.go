// Package crash breaks the real program and looks for what is lost: it kills
// `aleph local` under load at random moments, fills its disk, stops it in the
// middle of work and takes its PostgreSQL away, and then asks whether everything
// that was acknowledged is there and nothing was applied twice.
//
//	go test ./test/crash -v                    # 20 cycles of kill -9 on each engine
//	go test ./test/crash -v -args -cycles 500  # many
//	go test ./test/crash -v -run Kill -args -cycles 500 -engine postgres
package crash
