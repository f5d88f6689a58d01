package api

import (
	"context"
	"encoding/json"
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
	u := &upload{api: a}
	defer u.discard()
	if err := u.read(w, r); err != nil {
		return err
	}
	if u.file == nil {
		return failReason(http.StatusBadRequest, "File should be sent as FormData or Raw Upload")
	}
	if len(u.metadata) == 0 {
		if u.file.Size > a.cfg.MaxAnonymousFileSize {
			return failTooLarge(a.cfg.MaxAnonymousFileSize)
		}
		if err := a.keepFile(r.Context(), u.file); err != nil {
			return err
		}
		return writeUpload(w, http.StatusOK, u.file.Hash)
	}
	signed, err := a.parseMetadata(u.metadata, u.file.Hash)
	if err != nil {
		return err
	}
	if err := a.keepFile(r.Context(), u.file); err != nil {
		return err
	}
	status, err := a.publish(r.Context(), signed.message, signed.sync)
	if err != nil {
		a.log.WarnContext(r.Context(), "the message of an upload was not taken", "item_hash", signed.message.ItemHash, "error", err)
		return writeUpload(w, http.StatusInternalServerError, u.file.Hash)
	}
	return writeUpload(w, publishedCode(status), u.file.Hash)
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

// upload is what a request brings: the bytes of a file, which are on disk and
// not yet kept, and the text that says whose they are.
type upload struct {
	api      *API
	file     *blob.Staged
	metadata []byte
}

func (u *upload) discard() {
	if u.file != nil {
		u.file.Discard()
		u.file = nil
	}
}

// read takes a form, or a body that is the file itself.
func (u *upload) read(w http.ResponseWriter, r *http.Request) error {
	cfg := &u.api.cfg
	packed := r.Header.Get("Content-Encoding") != ""
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		if r.ContentLength > cfg.MaxAnonymousFileSize && !packed {
			return failTooLarge(cfg.MaxAnonymousFileSize)
		}
		// What is packed may be a little longer than what comes out.
		file, err := unpack(r.Header, http.MaxBytesReader(w, r.Body, cfg.MaxAnonymousFileSize+cfg.MaxBody))
		if err != nil {
			return err
		}
		return u.stage(r.Context(), file, cfg.MaxAnonymousFileSize)
	}
	if params["boundary"] == "" {
		return failReason(http.StatusBadRequest, "the form has no boundary")
	}
	// A form holds at most one file and one message beside a little framing.
	most := cfg.MaxFileSize + 2*cfg.MaxBody
	if r.ContentLength > most && !packed {
		return failTooLarge(cfg.MaxFileSize)
	}
	// The last of two files counts, so a form may be as long as two.
	form, err := unpack(r.Header, http.MaxBytesReader(w, r.Body, most+cfg.MaxFileSize))
	if err != nil {
		return err
	}
	body := http.MaxBytesReader(w, form, most+cfg.MaxFileSize)
	if err := u.readForm(r.Context(), multipart.NewReader(body, params["boundary"])); err != nil {
		return err
	}
	// What may follow a form is read, so that the connection can be used again.
	if _, err := io.CopyN(io.Discard, body, cfg.MaxBody); err != nil && !errors.Is(err, io.EOF) {
		return badBody(err)
	}
	return nil
}

// mostParts bounds the parts of a form, which are ignored but for two.
const mostParts = 100

func (u *upload) readForm(ctx context.Context, form *multipart.Reader) error {
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

func (u *upload) readPart(ctx context.Context, part *multipart.Part) error {
	if kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		return failText(http.StatusBadRequest, "Invalid multipart structure")
	}
	switch part.FormName() {
	case "file":
		return u.stage(ctx, part, u.api.cfg.MaxFileSize)
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
func (u *upload) stage(ctx context.Context, r io.Reader, limit int64) error {
	u.discard()
	file, err := u.api.Blobs.Stage(ctx, r, limit)
	if err != nil {
		return u.badForm(err)
	}
	u.file = file
	return nil
}

// badForm is [badUpload] that knows which limit a form has.
func (u *upload) badForm(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return failTooLarge(min(large.Limit, u.api.cfg.MaxFileSize))
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
func (a *API) keepFile(ctx context.Context, file *blob.Staged) error {
	if err := file.Commit(); err != nil {
		return err
	}
	// A caller who leaves now does not undo what is half done.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.SyncTimeout)
	defer cancel()
	if err := a.Queue.Upload(ctx, file.Hash, file.Size); err != nil {
		// The queue knows whether somebody else needs the bytes.
		file.Discard()
		a.abandon(ctx, file.Hash)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: the file was not recorded in %s, try again later", message.ErrUnavailable, a.cfg.SyncTimeout)
		}
		return err
	}
	a.metrics.uploaded.Add(float64(file.Size))
	return nil
}

// abandonTime is how long an upload that failed waits until its bytes are gone.
const abandonTime = time.Second

func (a *API) abandon(ctx context.Context, h message.Hash) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTime)
	defer cancel()
	a.Queue.Abandon(ctx, h)
}

// metadata is the message that comes with a file.
type metadata struct {
	message *message.Message
	sync    bool
}

// parseMetadata reads and verifies the message that comes with a file whose
// bytes have the hash h. // spec ccn-http-api 10.2, 10.3
func (a *API) parseMetadata(raw []byte, h message.Hash) (*metadata, error) {
	members, issues := objectMembers(raw)
	if len(issues) > 0 {
		return nil, failMetadata(issuesJSON(issues))
	}
	sync, given := members["sync"]
	if !given {
		issues = append(issues, missingIssue("sync"))
	}
	wait, ok := jsonBool(sync)
	if given && !ok {
		issues = append(issues, boolIssue("sync", sync))
	}
	if issue, ok := messageIssue(members["message"]); !ok {
		issues = append(issues, issue)
	}
	if len(issues) > 0 {
		return nil, failMetadata(issuesJSON(issues))
	}
	m, err := a.parseMessage(members["message"])
	if err != nil {
		return nil, failEnvelope(err)
	}
	if m.Type != message.TypeStore || m.ItemType != message.ItemInline {
		return nil, failMetadata(issuesJSON([]issue{valueIssue("the message must be an inline STORE", string(m.Type), "message")}))
	}
	if err := a.Queue.Verify(m); err != nil {
		f := failDefault(http.StatusForbidden)
		f.cause = err
		return nil, f
	}
	content, ok := m.Content.(*message.Store)
	if !ok {
		return nil, failReason(http.StatusUnprocessableEntity, "Invalid store message content: []")
	}
	if content.ItemHash != h {
		return nil, failReason(http.StatusUnprocessableEntity, "File hash does not match (%s != %s)", h, content.ItemHash)
	}
	return &metadata{message: m, sync: wait}, nil
}

func failMetadata(array []byte) *failure {
	return failReason(http.StatusUnprocessableEntity, "Could not decode metadata: %s", array)
}

// failEnvelope refuses the message of an upload: its content has an answer of
// its own.
func failEnvelope(err error) *failure {
	var faults []any
	inContent := true
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		faults = rejection.Errors
	}
	for _, fault := range faults {
		field, ok := fault.(message.FieldError)
		inContent = inContent && ok && len(field.Loc) > 0 && field.Loc[0] == "content"
	}
	array, marshalErr := json.Marshal(faults)
	if marshalErr != nil || len(faults) == 0 {
		array, inContent = issuesJSON([]issue{valueIssue(err.Error(), nil, "message")}), false
	}
	if inContent {
		return failReason(http.StatusUnprocessableEntity, "Invalid store message content: %s", array)
	}
	return failMetadata(array)
}
