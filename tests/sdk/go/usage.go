package main

// Statistics, and the tasks that run in the background.

import (
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

// Waits for a task's end.
func (w *world) finished(id, name string) {
	eventually(func() {
		found := must(w.svix.BackgroundTask.Get(ctx, id))
		equal([]any{found.Task, found.Status}, []string{name, "finished"}, "task and status")
	})
}

func (w *world) usage() {
	api := w.svix.BackgroundTask

	step("v1.statistics.aggregate-app-stats", "counts the messages of applications, as a task", func() {
		unknown := "app_000000000000000000000000000"
		answer := must(w.svix.Statistics.AggregateAppStats(ctx, models.AppUsageStatsIn{
			Since: time.Now().Add(-time.Hour), Until: time.Now(), AppIds: []string{w.app.Id, unknown},
		}, nil))
		equal(answer.UnresolvedAppIds, []string{unknown}, "unknown applications")
		w.statsTask = answer.Id
		w.finished(answer.Id, "application.stats")
	})

	step("v1.statistics.aggregate-event-types", "counts the messages of event types, as a task", func() {
		answer := must(w.svix.Statistics.AggregateEventTypes(ctx))
		equal(answer.Task, "event-type.aggregate", "task")
		w.finished(answer.Id, "event-type.aggregate")
	})

	step("v1.background-task.get", "gets a task; 404 if it is unknown", func() {
		found := must(api.Get(ctx, w.statsTask))
		equal([]any{found.Id, found.Status}, []string{w.statsTask, "finished"}, "id and status")
		fails(404, "not_found", errorOf(api.Get(ctx, "qtask_000000000000000000000000000")))
	})

	step("v1.background-task.list", "filters by task and status", func() {
		has := func(options svix.BackgroundTaskListOptions) bool {
			options.Limit = pointer[uint64](250)
			ids := idsOf(must(api.List(ctx, &options)).Data, func(task models.BackgroundTaskOut) string { return task.Id })
			return contains(ids, w.statsTask)
		}
		equal(has(svix.BackgroundTaskListOptions{
			Task:   pointer(models.BACKGROUNDTASKTYPE_APPLICATION_STATS),
			Status: pointer(models.BACKGROUNDTASKSTATUS_FINISHED),
		}), true, "is listed")
		other := pointer(models.BACKGROUNDTASKTYPE_ENDPOINT_RECOVER)
		equal(has(svix.BackgroundTaskListOptions{Task: other}), false, "is listed for another task")
		failed := pointer(models.BACKGROUNDTASKSTATUS_FAILED)
		equal(has(svix.BackgroundTaskListOptions{Status: failed}), false, "is listed as failed")
	})

	step("v1.background-task.list", "iterates forwards and backwards", func() {
		one := pointer[uint64](1)
		page := must(api.List(ctx, &svix.BackgroundTaskListOptions{Limit: one}))
		equal([]any{len(page.Data), page.Done}, []any{1, false}, "the first page")
		following := must(api.List(ctx, &svix.BackgroundTaskListOptions{Limit: one, Iterator: page.Iterator}))
		holds(following.Data[0].Id != page.Data[0].Id, "the second page is the first")
		back := must(api.List(ctx, &svix.BackgroundTaskListOptions{Limit: one, Iterator: following.PrevIterator}))
		equal(back.Data[0].Id, page.Data[0].Id, "back on the first page")
	})

	step("v1.health.get", "is healthy", func() {
		check(w.svix.Health.Get(ctx))
	})
}
