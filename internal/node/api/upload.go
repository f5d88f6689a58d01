package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"aleph/internal/node/blob"
	"aleph/message"
)

// addFile answers POST /api/v0/storage/add_file. With signed metadata the file
// belongs to the STORE message in it, which is then published; without, it is
// kept for the grace period. // spec ccn-http-api 10.3
func (a *API) addFile(w http.ResponseWriter, r *http.Request) error {
	done, err := a.beginUpload(r.Context())
	if err != nil {
		return err
	}
	defer done()
	u := &upload[*blob.Staged]{api: a, stageWith: a.Blobs.Stage, limit: a.cfg.MaxFileSize, rawLimit: a.cfg.MaxAnonymousFileSize}
	defer u.discard()
	if err := u.read(w, r); err != nil {
		return err
	}
	if !u.given {
		return failReason(http.StatusBadRequest, "File should be sent as FormData or Raw Upload")
	}
	file := u.file
	if len(u.metadata) == 0 {
		if file.Size > a.cfg.MaxAnonymousFileSize {
			return failTooLarge(a.cfg.MaxAnonymousFileSize)
		}
		if err := a.keepAnonymous(r.Context(), file, file.Info); err != nil {
			return err
		}
		return writeUpload(w, http.StatusOK, file.Hash)
	}
	signed, err := a.parseMetadata(r.Context(), u.metadata)
	if err != nil {
		return err
	}
	if err := signed.claims(file.Hash); err != nil {
		return err
	}
	if err := a.checkFunds(r.Context(), signed, file.Size); err != nil {
		return err
	}
	if err := a.keepFile(r.Context(), file, file.Info); err != nil {
		return err
	}
	return writeUpload(w, a.publishUpload(r.Context(), signed), file.Hash)
}

// publishUpload publishes the message of a file that was kept, and returns the
// HTTP status of the answer, whose body says only that the file is there.
// // spec ccn-http-api 10.2
func (a *API) publishUpload(ctx context.Context, signed *metadata) int {
	status, err := a.publish(ctx, signed.message, signed.sync)
	if err != nil {
		a.log.WarnContext(ctx, "the message of an upload was not taken", "item_hash", signed.message.ItemHash, "error", err)
		return http.StatusInternalServerError
	}
	return publishedCode(status)
}

// checkFunds demands that the owner of a STORE can pay for an upload of so many
// bytes. // spec ccn-http-api 10.2
func (a *API) checkFunds(ctx context.Context, signed *metadata, bytes int64) error {
	err := a.queue().MayUpload(ctx, signed.message, signed.content, bytes)
	if rejection, ok := errors.AsType[*message.Rejection](err); ok &&
		(rejection.Code == message.CodeBalanceInsufficient || rejection.Code == message.CodeCreditInsufficient) {
		f := failDefault(http.StatusPaymentRequired)
		f.cause = err
		return f
	}
	return err
}

func writeUpload(w http.ResponseWriter, status int, h message.Hash) error {
	return writeJSON(w, status, spacedJSON, object{{"status", "success"}, {"hash", h}})
}

// beginUpload waits for one of the places for uploads. The caller gives it back.
func (a *API) beginUpload(ctx context.Context) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.ReadTimeout)
	defer cancel()
	select {
	case a.uploads <- struct{}{}:
		return func() { <-a.uploads }, nil
	case <-ctx.Done():
		f := failReason(http.StatusServiceUnavailable, "too many uploads at once: try again later")
		f.header = http.Header{"Retry-After": {"10"}}
		return nil, f
	}
}

// staged is an upload that is on disk and not yet kept: a file, or blocks.
type staged interface {
	Commit() error
	Discard()
}

// upload is what a request brings: the bytes of a file, which are on disk and
// not yet kept, and the text that says whose they are.
type upload[F staged] struct {
	api *API
	// stageWith writes the bytes to disk.
	stageWith func(context.Context, io.Reader, int64) (F, error)
	// limit is the most bytes of the file in a form, and rawLimit of a body that
	// is the file itself; 0 takes no such body.
	limit, rawLimit int64

	given    bool // there is a file
	file     F
	name     string // of the file, by its sender
	metadata []byte
}

func (u *upload[F]) discard() {
	if u.given {
		u.file.Discard()
		u.given = false
	}
}

// read takes a form, or a body that is the file itself.
func (u *upload[F]) read(w http.ResponseWriter, r *http.Request) error {
	maxBody := u.api.cfg.MaxBody
	packed := r.Header.Get("Content-Encoding") != ""
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if u.rawLimit == 0 && (err != nil || kind != "multipart/form-data") {
		return failReason(http.StatusBadRequest, "Expected Content-Type: multipart/form-data")
	}
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		if r.ContentLength > u.rawLimit && !packed {
			return failTooLarge(u.rawLimit)
		}
		// What is packed may be a little longer than what comes out.
		file, err := unpack(r.Header, http.MaxBytesReader(w, r.Body, u.rawLimit+maxBody))
		if err != nil {
			return err
		}
		return u.stage(r.Context(), file, u.rawLimit)
	}
	if params["boundary"] == "" {
		return failReason(http.StatusBadRequest, "the form has no boundary")
	}
	// A form holds at most one file and one message beside a little framing.
	most := u.limit + 2*maxBody
	if r.ContentLength > most && !packed {
		return failTooLarge(u.limit)
	}
	// The last of two files counts, so a form may be as long as two.
	form, err := unpack(r.Header, http.MaxBytesReader(w, r.Body, most+u.limit))
	if err != nil {
		return err
	}
	body := http.MaxBytesReader(w, form, most+u.limit)
	if err := u.readForm(r.Context(), multipart.NewReader(body, params["boundary"])); err != nil {
		return err
	}
	// What may follow a form is read, so that the connection can be used again.
	if _, err := io.CopyN(io.Discard, body, maxBody); err != nil && !errors.Is(err, io.EOF) {
		return badBody(err)
	}
	return nil
}

// mostParts bounds the parts of a form, which are ignored but for two.
const mostParts = 100

func (u *upload[F]) readForm(ctx context.Context, form *multipart.Reader) error {
	for range mostParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return u.badForm(&blob.ReadError{Err: err})
		}
		if err := u.readPart(ctx, part); err != nil {
			return err
		}
	}
	return failReason(http.StatusBadRequest, "the form has more than %d parts", mostParts)
}

func (u *upload[F]) readPart(ctx context.Context, part *multipart.Part) error {
	if kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		return failText(http.StatusBadRequest, "Invalid multipart structure")
	}
	switch part.FormName() {
	case "file":
		u.name = part.FileName()
		return u.stage(ctx, part, u.limit)
	case "metadata":
		limit := u.api.cfg.MaxBody
		text, err := io.ReadAll(io.LimitReader(part, limit+1))
		if err != nil {
			return u.badForm(&blob.ReadError{Err: err})
		}
		if int64(len(text)) > limit {
			return failTooLarge(limit)
		}
		u.metadata = text
	}
	return nil
}

// stage writes a file to disk, in the place of one that came before.
func (u *upload[F]) stage(ctx context.Context, r io.Reader, limit int64) error {
	u.discard()
	file, err := u.stageWith(ctx, r, limit)
	if err != nil {
		return u.badForm(err)
	}
	u.file, u.given = file, true
	return nil
}

// badForm is [badUpload] that knows which limit a form has.
func (u *upload[F]) badForm(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failTooLarge(min(large.Limit, u.limit))
	}
	return badUpload(err)
}

// badUpload tells what is wrong with the bytes that came from what is wrong
// with the disk.
func badUpload(err error) error {
	if cut, ok := errors.AsType[*blob.ReadError](err); ok {
		return badBody(cut.Err)
	}
	return err
}

// keepFile makes a staged file part of the node, durably: its bytes, its row,
// and a pin that keeps it for the grace period, within which a STORE message
// can keep it for good. // spec ccn-http-api 10.2
func (a *API) keepFile(ctx context.Context, file staged, info blob.Info) error {
	if err := file.Commit(); err != nil {
		return err
	}
	// A caller who leaves now does not undo what is half done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.SyncTimeout)
	defer cancel()
	if err := a.queue().Upload(ctx, info.Hash, info.Size); err != nil {
		// The queue knows whether somebody else needs the bytes.
		file.Discard()
		a.abandon(ctx, info.Hash)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: the file was not recorded in %s, try again later", message.ErrUnavailable, a.cfg.SyncTimeout)
		}
		return err
	}
	a.metrics.uploaded.Add(float64(info.Size))
	return nil
}

// keepAnonymous is [API.keepFile] for a file without signed metadata.
func (a *API) keepAnonymous(ctx context.Context, file staged, info blob.Info) error {
	if err := a.throttle.anonymous(ctx, info.Size); err != nil {
		return err
	}
	return a.keepFile(ctx, file, info)
}

// abandonTime is how long an upload that failed waits until its bytes are gone.
const abandonTime = time.Second

func (a *API) abandon(ctx context.Context, h message.Hash) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	a.queue().Abandon(ctx, h)
}
