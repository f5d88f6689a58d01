package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aleph/internal/node"
	"aleph/internal/node/store"
	"aleph/message"
)

// databaseTimeout bounds the look at a database: it reads everything, and a
// doctor who takes an hour is not asked again.
const databaseTimeout = time.Minute

// database looks for what is wrong in the state of the node.
func database(ctx context.Context, cfg *store.Config, files string) []Check {
	if cfg == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	c := Check{Name: "database", Result: OK}
	found, err := node.Check(ctx, *cfg, files, func(int64, int64) {})
	switch {
	case errors.Is(err, message.ErrNotFound):
		c.Detail = "there is none yet: the node makes it when it starts"
	case errors.Is(err, store.ErrSchema) && !errors.Is(err, store.ErrNewerSchema):
		c.Detail = "of an older program: the node brings it forward when it starts"
	case errors.Is(err, context.DeadlineExceeded):
		c.Result, c.Detail, c.Fix = Warn, fmt.Sprintf("not looked at as a whole in %s", databaseTimeout), "give it more time: aleph db check"
	case errors.Is(err, store.ErrUnfinished):
		c.Result, c.Detail, c.Fix = Fail, err.Error(), "import again: aleph db import"
	case errors.Is(err, store.ErrDamaged):
		c.Result, c.Detail, c.Fix = Fail, err.Error(), "restore a copy of it: aleph db import, or move it away to begin with an empty one"
	case errors.Is(err, message.ErrUnavailable):
		c.Result, c.Detail, c.Fix = Fail, err.Error(), "start the database server, or configure another database"
	case err != nil:
		c.Result, c.Detail, c.Fix = Fail, err.Error(), "see docs/operating-database.md"
	case len(found.Problems) > 0:
		c.Result, c.Detail = Fail, fmt.Sprintf("%d things are wrong, first: %s", len(found.Problems), found.Problems[0])
		c.Fix = "list them: aleph db check; then restore a copy: aleph db import"
	default:
		c.Detail = "sound"
	}
	return []Check{c}
}
