package store

import (
	"context"
	"sync"
)

// mostQueued is how many statements may wait to be run.
const mostQueued = 256

// statement is one that is run later.
type statement struct {
	ctx        context.Context //nolint:containedctx // of the transaction that the statement belongs to
	name, text string
	args       []any
}

// statementQueue runs statements in a goroutine of its own, in their order, so
// that a message is looked at while the rows of the one before it are written.
// After one that failed the others are left out until [statementQueue.wait] has
// told the error.
type statementQueue struct {
	run     func(statement) error
	list    chan statement
	ended   chan struct{}
	running sync.WaitGroup
	err     error // of the first that failed; belongs to whoever runs
}

func newStatementQueue(run func(statement) error) *statementQueue {
	q := &statementQueue{run: run, list: make(chan statement, mostQueued), ended: make(chan struct{})}
	go q.work()
	return q
}

func (q *statementQueue) work() {
	defer close(q.ended)
	for s := range q.list {
		if q.err == nil {
			q.err = q.run(s)
		}
		q.running.Done()
	}
}

// add gives a statement to be run. It waits while there are too many.
func (q *statementQueue) add(s statement) {
	q.running.Add(1)
	q.list <- s
}

// wait returns when every statement was run. The error is that of the first
// which failed since the last call.
func (q *statementQueue) wait() error {
	q.running.Wait()
	err := q.err
	q.err = nil
	return err
}

// close ends the goroutine after the statements that are left.
func (q *statementQueue) close() {
	close(q.list)
	<-q.ended
}
