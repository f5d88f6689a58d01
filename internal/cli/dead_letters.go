package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aleph/internal/node/store"
	"aleph/message"
)

func newDeadLettersCommand(a *app) *cobra.Command {
	opts := new(nodeOptions)
	cmd := newGroupCommand(a, "dead-letters", "Messages that the node rejected, or that still wait",
		newDeadLettersListCommand(a, opts), newDeadLettersShowCommand(a, opts),
		newDeadLettersRetryCommand(a, opts), newDeadLettersDropCommand(a, opts))
	cmd.Long = `Messages that the node rejected, and messages that wait for content, a file or
another message and are tried again.

list and show read the node's database, whether the node runs or not. retry and
drop ask the running node through a socket in its data folder, which only the
user who runs the node may open.`
	opts.register(cmd)
	return cmd
}

// letterOptions are the flags that select dead letters.
type letterOptions struct {
	codes, senders, types []string
	since                 timeOption
}

func (o *letterOptions) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.codes, "code", nil, "only with these error codes: numbers, or names as POST_AMEND_TARGET_NOT_FOUND")
	f.StringSliceVar(&o.senders, "sender", nil, "only signed by these addresses")
	f.StringSliceVar(&o.types, "type", nil, "only of these types: post, aggregate, store, forget, program, instance")
	f.Var(&o.since, "since", "only from this `TIME` on: a date, RFC 3339, Unix seconds, or how long ago, as 2h or 7d")
	codes, types := []string{}, []string{}
	for _, c := range message.Codes() {
		codes = append(codes, c.String())
	}
	for _, t := range message.Types() {
		types = append(types, strings.ToLower(string(t)))
	}
	complete(cmd, "code", codes...)
	complete(cmd, "type", types...)
}

// filter checks the flags.
func (o *letterOptions) filter() (store.LetterFilter, error) {
	f := store.LetterFilter{Senders: addresses(o.senders)}
	if !o.since.value.IsZero() {
		f.Since = message.TimestampOf(o.since.value)
	}
	for _, text := range o.codes {
		code, err := parseCode(text)
		if err != nil {
			return f, err
		}
		f.Codes = append(f.Codes, code)
	}
	for _, text := range o.types {
		t := message.Type(strings.ToUpper(text))
		if !t.Valid() {
			return f, usagef("--type %s: want one of %v", text, message.Types())
		}
		f.Types = append(f.Types, t)
	}
	return f, nil
}

// given reports whether the flags select anything.
func (o *letterOptions) given() bool {
	return len(o.codes)+len(o.senders)+len(o.types) > 0 || !o.since.value.IsZero()
}

// parseCode reads an error code as people write it.
func parseCode(text string) (message.Code, error) {
	for _, c := range message.Codes() {
		if strings.EqualFold(text, c.String()) || text == strconv.Itoa(int(c)) {
			return c, nil
		}
	}
	return 0, usagef("--code %s: want an error code as 101 or POST_AMEND_TARGET_NOT_FOUND", text)
}

// letter is a dead letter as --json prints it.
type letter struct {
	State       store.LetterState `json:"state"`
	Hash        message.Hash      `json:"item_hash"`
	Type        message.Type      `json:"type"`
	Sender      message.Address   `json:"sender"`
	Code        message.Code      `json:"error_code"`
	Error       string            `json:"error"`
	Details     json.RawMessage   `json:"details"`
	Traceback   string            `json:"traceback,omitempty"`
	At          time.Time         `json:"at"`
	Transaction string            `json:"tx_hash,omitempty"`
	Trusted     bool              `json:"trusted,omitempty"`
	Retries     int               `json:"retries,omitempty"`
	NextAttempt *time.Time        `json:"next_attempt,omitempty"`
	WaitsFor    message.Hash      `json:"waits_for,omitempty"`
	Message     json.RawMessage   `json:"message,omitempty"`
}

func rejectedLetter(r *store.RejectedRow) letter {
	return letter{
		State: store.LetterRejected, Hash: r.ItemHash, Type: r.Type, Sender: r.Sender, Code: r.Code, Error: r.Code.String(),
		Details: r.Details, Traceback: r.Traceback, At: r.At.Time().UTC(), Transaction: r.TxHash, Trusted: r.Trusted, Message: r.Message,
	}
}

func pendingLetter(p *store.PendingRow) letter {
	next := p.NextAttempt.Time().UTC()
	return letter{
		State: store.LetterPending, Hash: p.Message.ItemHash, Type: p.Message.Type, Sender: p.Message.Sender, Code: p.Code,
		Error: p.Code.String(), Details: p.Details, Traceback: p.Traceback, At: p.ReceptionTime.Time().UTC(), Trusted: !p.CheckMessage,
		Retries: p.Retries, NextAttempt: &next, WaitsFor: p.WaitsFor,
	}
}

// letterTotal is how many dead letters have a reason.
type letterTotal struct {
	State store.LetterState `json:"state"`
	Code  message.Code      `json:"error_code"`
	Error string            `json:"error"`
	Total int64             `json:"total"`
}

// letterList is what list prints.
type letterList struct {
	Letters []letter `json:"letters"`
	// Next begins the next page; empty when there is none.
	Next   string        `json:"next_cursor,omitempty"`
	Totals []letterTotal `json:"totals"`
}

func newDeadLettersListCommand(a *app, node *nodeOptions) *cobra.Command {
	var opts letterOptions
	var pending bool
	var limit int
	var cursor string
	cmd := &cobra.Command{
		Use: "list", Short: "Show them, the newest first, and how many there are", Args: cobra.NoArgs,
		Example: `  aleph node dead-letters list --code POST_AMEND_TARGET_NOT_FOUND --since 7d
  aleph node dead-letters list --pending --json`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := opts.filter()
			if err != nil {
				return err
			}
			if limit < 1 || limit > 10_000 {
				return usagef("--limit %d: want a number from 1 to 10000", limit)
			}
			db, err := a.readStore(cmd.Context(), node)
			if err != nil {
				return err
			}
			defer db.Close()
			list := letterList{Letters: []letter{}}
			if list.Totals, err = letterTotals(cmd.Context(), db); err != nil {
				return err
			}
			if pending {
				err = list.readPending(cmd.Context(), db, filter, cursor, limit)
			} else {
				err = list.readRejected(cmd.Context(), db, filter, cursor, limit)
			}
			if err != nil {
				return err
			}
			return a.present(list, func(w io.Writer) error { return a.writeLetters(w, list, pending) })
		},
	}
	opts.register(cmd)
	f := cmd.Flags()
	f.BoolVar(&pending, "pending", false, "those that wait, instead of those that are rejected")
	f.IntVarP(&limit, "limit", "n", 20, "rows of a page")
	f.StringVar(&cursor, "cursor", "", "go on after a page: the `CURSOR` that it ended with")
	return cmd
}

func letterTotals(ctx context.Context, db *store.DB) ([]letterTotal, error) {
	totals, err := db.LetterTotals(ctx)
	if err != nil {
		return nil, err
	}
	keys := slices.SortedFunc(maps.Keys(totals), func(a, b store.LetterKey) int {
		return cmp.Or(-cmp.Compare(a.State, b.State), cmp.Compare(a.Code, b.Code))
	})
	list := []letterTotal{}
	for _, key := range keys {
		if key.State != store.LetterRetried { // it waits, and counts there
			list = append(list, letterTotal{key.State, key.Code, key.Code.String(), totals[key].Total})
		}
	}
	return list, nil
}

var errCursor = usageError{errors.New("--cursor: want what `aleph node dead-letters list` printed, with the same flags")}

func (l *letterList) readPending(ctx context.Context, db *store.DB, f store.LetterFilter, cursor string, limit int) error {
	var before int64
	if cursor != "" {
		var err error
		if before, err = strconv.ParseInt(cursor, 10, 64); err != nil || before < 1 {
			return errCursor
		}
	}
	rows, err := db.ListPending(ctx, f, before, int64(limit)+1)
	if err != nil {
		return err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		l.Next = strconv.FormatInt(rows[limit-1].ID, 10)
	}
	for _, row := range rows {
		l.Letters = append(l.Letters, pendingLetter(row))
	}
	return nil
}

func (l *letterList) readRejected(ctx context.Context, db *store.DB, f store.LetterFilter, cursor string, limit int) error {
	var after *store.After
	if cursor != "" {
		at, hash, _ := strings.Cut(cursor, "_")
		micros, err := strconv.ParseInt(at, 10, 64)
		if err != nil || hash == "" {
			return errCursor
		}
		after = &store.After{Time: message.Timestamp(micros), Hash: message.Hash(hash)}
	}
	rows, err := db.ListRejected(ctx, f, after, int64(limit)+1)
	if err != nil {
		return err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		l.Next = fmt.Sprintf("%d_%s", int64(last.At), last.ItemHash)
	}
	for _, row := range rows {
		l.Letters = append(l.Letters, rejectedLetter(row))
	}
	return nil
}

func (a *app) writeLetters(w io.Writer, list letterList, pending bool) error {
	if len(list.Letters) == 0 {
		a.note("no message")
	} else {
		t := &table{columns: []column{
			{title: "MESSAGE"}, {title: "TYPE"}, {title: "SENDER", least: 10}, {title: "WHEN"}, {title: "ERROR"}, {title: "WHY", least: 16},
		}}
		for _, l := range list.Letters {
			when := ago(l.At)
			if pending {
				when += fmt.Sprintf(", tried %d×", l.Retries)
			}
			t.add(string(l.Hash), string(l.Type), string(l.Sender), when, fmt.Sprintf("%d %s", int(l.Code), l.Error), l.why())
		}
		if err := a.writeTable(w, t); err != nil {
			return err
		}
	}
	if list.Next != "" {
		a.note("more with --cursor %s", list.Next)
	}
	for _, total := range list.Totals {
		a.note("%s  %d %s: %d", total.State, int(total.Code), total.Error, total.Total)
	}
	return nil
}

// why is the reason of a dead letter in one line.
func (l letter) why() string {
	if string(l.Details) != "null" && len(l.Details) > 0 {
		return compact(l.Details)
	}
	return l.Traceback
}

func newDeadLettersShowCommand(a *app, node *nodeOptions) *cobra.Command {
	return &cobra.Command{
		Use: "show HASH", Short: "Show one of them and its cause", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseLooseHash(args[0])
			if err != nil {
				return err
			}
			db, err := a.readStore(cmd.Context(), node)
			if err != nil {
				return err
			}
			defer db.Close()
			letters, err := lettersOf(cmd.Context(), db, hash)
			if err != nil {
				return err
			}
			return a.present(letters, func(w io.Writer) error {
				for _, l := range letters {
					if err := a.writeLetter(w, l); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// lettersOf returns the record of a rejected message, or the copies that wait.
func lettersOf(ctx context.Context, db *store.DB, hash message.Hash) ([]letter, error) {
	status, err := db.Status(ctx, hash)
	switch {
	case errors.Is(err, message.ErrNotFound):
		return nil, fmt.Errorf("%w: the node does not know message %s", message.ErrNotFound, hash)
	case err != nil:
		return nil, err
	case status.Status == message.StatusRejected:
		row, err := db.Rejected(ctx, hash)
		if err != nil {
			return nil, err
		}
		return []letter{rejectedLetter(row)}, nil
	case status.Status != message.StatusPending:
		return nil, fmt.Errorf("%w: message %s is %s, neither rejected nor waiting", message.ErrNotFound, hash, status.Status)
	}
	rows, err := db.PendingOf(ctx, hash)
	letters := make([]letter, len(rows))
	for i, row := range rows {
		letters[i] = pendingLetter(row)
		letters[i].Message, err = json.Marshal(&row.Message)
		if err != nil {
			return nil, err
		}
	}
	return letters, err
}

func (a *app) writeLetter(w io.Writer, l letter) error {
	fields := [][2]string{
		{"message", string(l.Hash)},
		{"state", string(l.State)},
		{"type", string(l.Type)},
		{"sender", string(l.Sender)},
		{"error", fmt.Sprintf("%d %s", int(l.Code), l.Error)},
		{"cause", l.Traceback},
		{"waits for", string(l.WaitsFor)},
		{"transaction", l.Transaction},
		{"what to do", rejectionHint(l.Code)},
	}
	if l.State == store.LetterPending {
		fields = append(fields, [2]string{"received", instant(l.At)}, [2]string{"tried", strconv.Itoa(l.Retries) + "×"},
			[2]string{"next attempt", instant(*l.NextAttempt)})
	} else {
		fields = append(fields, [2]string{"rejected", instant(l.At)})
	}
	if err := a.writeFields(w, fields...); err != nil {
		return err
	}
	for _, part := range []struct {
		title string
		raw   json.RawMessage
	}{{"details", l.Details}, {"content", l.Message}} {
		if len(part.raw) == 0 || string(part.raw) == "null" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s\n%s\n", a.bold(w, part.title), indented(part.raw)); err != nil {
			return err
		}
	}
	return nil
}
