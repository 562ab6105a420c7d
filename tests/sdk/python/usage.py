"""Statistics, and the tasks that run in the background."""

from svix.models import AppUsageStatsIn, BackgroundTaskStatus, BackgroundTaskType

from harness import equal, eventually, fails, holds, minutes, now, step
from sdk import options


def walk(world):
    svix = world.svix

    def result_of(task_id, name):
        """The data of a task, once it has finished."""

        def probe():
            found = svix.background_task.get(task_id)
            equal((found.task.value, found.status.value), (name, "finished"), "task and status")
            return found.data

        return eventually(probe)

    @step("v1.statistics.aggregate-app-stats", "counts the messages of applications, as a task")
    def _():
        wanted = AppUsageStatsIn(
            since=now() - minutes(60), until=now(), app_ids=[world.app.id, "app_000000000000000000000000000"]
        )
        answer = svix.statistics.aggregate_app_stats(wanted)
        equal(answer.unresolved_app_ids, ["app_000000000000000000000000000"], "unknown applications")
        world.stats_task = answer.id
        result_of(answer.id, "application.stats")

    @step("v1.statistics.aggregate-event-types", "counts the messages of event types, as a task")
    def _():
        answer = svix.statistics.aggregate_event_types()
        equal(answer.task.value, "event-type.aggregate", "task")
        result_of(answer.id, "event-type.aggregate")

    @step("v1.background-task.get", "gets a task; 404 if it is unknown")
    def _():
        found = svix.background_task.get(world.stats_task)
        equal((found.id, found.status.value), (world.stats_task, "finished"), "id and status")
        fails(404, "not_found", lambda: svix.background_task.get("qtask_000000000000000000000000000"))

    @step("v1.background-task.list", "filters by task and status")
    def _():
        def listed(**more):
            page = svix.background_task.list(options.BackgroundTaskListOptions(limit=250, **more))
            return [task.id for task in page.data]

        stats = BackgroundTaskType.APPLICATION_STATS
        holds(world.stats_task in listed(task=stats, status=BackgroundTaskStatus.FINISHED), "it is not listed")
        holds(world.stats_task not in listed(task=BackgroundTaskType.ENDPOINT_RECOVER), "listed for another task")
        holds(world.stats_task not in listed(status=BackgroundTaskStatus.FAILED), "listed as failed")

    @step("v1.background-task.list", "iterates forwards and backwards")
    def _():
        page = svix.background_task.list(options.BackgroundTaskListOptions(limit=1))
        equal((len(page.data), page.done), (1, False), "the first page")
        following = svix.background_task.list(options.BackgroundTaskListOptions(limit=1, iterator=page.iterator))
        holds(following.data[0].id != page.data[0].id, "the second page is the first")
        back = svix.background_task.list(options.BackgroundTaskListOptions(limit=1, iterator=following.prev_iterator))
        equal([one.id for one in back.data], [page.data[0].id], "back on the first page")

    @step("v1.health.get", "is healthy")
    def _():
        svix.health.get()
