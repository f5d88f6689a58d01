package cli

import (
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"aleph/client"
)

// progress shows a bar on a terminal while bytes move. done ends it, and wipes
// it when the transfer failed; both may be called when there is no bar.
func (a *app) progress(what string, total int64) (report client.Progress, done func(err error)) {
	return a.bar(total,
		mpb.PrependDecorators(decor.Name(what+" "), decor.CountersKibiByte("% .1f / % .1f")),
		mpb.AppendDecorators(decor.Percentage(), decor.AverageSpeed(decor.SizeB1024(0), " % .1f")))
}

// rowProgress shows a bar while rows move.
func (a *app) rowProgress(what string) (report func(done, total int64), done func(err error)) {
	return a.bar(0,
		mpb.PrependDecorators(decor.Name(what+" "), decor.CountersNoUnit("%d / %d rows")),
		mpb.AppendDecorators(decor.Percentage(), decor.AverageSpeed(0, " %.0f/s")))
}

// stepProgress shows a bar while something is done in steps. Its report is never
// nil.
func (a *app) stepProgress(what string) (report func(done, total int64), done func(err error)) {
	report, done = a.bar(0, mpb.PrependDecorators(decor.Name(what+" "), decor.CountersNoUnit("%d / %d")))
	if report == nil {
		report = func(int64, int64) {}
	}
	return report, done
}

func (a *app) bar(total int64, decorators ...mpb.BarOption) (report client.Progress, done func(err error)) {
	if _, seen := terminal(a.Err); !seen || a.flags.quiet || a.flags.json {
		return nil, func(error) {}
	}
	bars := mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(40))
	bar := bars.AddBar(max(total, 0), decorators...)
	report = func(done, total int64) {
		if total > 0 {
			bar.SetTotal(total, false)
		}
		bar.SetCurrent(done)
	}
	return report, func(err error) {
		if err != nil {
			bar.Abort(true)
		} else {
			bar.SetTotal(bar.Current(), true)
		}
		bars.Wait()
	}
}

// countProgress is progress for things that are counted. A total of zero is not
// known.
func (a *app) countProgress(what string, total int) (report func(done int), done func(err error)) {
	if _, seen := terminal(a.Err); !seen || a.flags.quiet || a.flags.json {
		return nil, func(error) {}
	}
	bars := mpb.New(mpb.WithOutput(a.Err), mpb.WithWidth(40))
	bar := bars.AddBar(int64(total),
		mpb.PrependDecorators(decor.CountersNoUnit("%d / %d "+what)),
		mpb.AppendDecorators(decor.Percentage(), decor.AverageSpeed(0, " %.0f/s")),
	)
	return func(n int) { bar.SetCurrent(int64(n)) }, func(err error) {
		if err != nil {
			bar.Abort(true)
		} else {
			bar.SetTotal(bar.Current(), true)
		}
		bars.Wait()
	}
}
