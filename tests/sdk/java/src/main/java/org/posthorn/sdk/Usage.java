package org.posthorn.sdk;

import static org.posthorn.sdk.Harness.brokenInTheSdk;
import static org.posthorn.sdk.Harness.equal;
import static org.posthorn.sdk.Harness.eventually;
import static org.posthorn.sdk.Harness.fails;
import static org.posthorn.sdk.Harness.holds;
import static org.posthorn.sdk.Harness.list;
import static org.posthorn.sdk.Harness.set;
import static org.posthorn.sdk.Harness.step;
import static org.posthorn.sdk.Harness.with;

import com.svix.api.BackgroundTask;
import com.svix.api.BackgroundTaskListOptions;
import com.svix.api.Health;
import com.svix.models.AppUsageStatsIn;
import com.svix.models.AppUsageStatsOut;
import com.svix.models.BackgroundTaskOut;
import com.svix.models.BackgroundTaskStatus;
import com.svix.models.BackgroundTaskType;
import com.svix.models.ListResponseBackgroundTaskOut;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.function.Consumer;

/** Statistics, and the tasks that run in the background. */
record Usage(Walk walk) {
    /** Waits for a task's end. */
    void finished(String id, String name) throws Exception {
        eventually(() -> {
            BackgroundTaskOut found = walk.svix.getBackgroundTask().get(id);
            equal(list(found.getTask(), found.getStatus()), list(name, "finished"), "task and status");
            return null;
        });
    }

    private boolean lists(Consumer<BackgroundTaskListOptions> options) throws Exception {
        BackgroundTaskListOptions listing = with(new BackgroundTaskListOptions(), it -> it.setLimit(250L));
        options.accept(listing);
        List<BackgroundTaskOut> data = walk.svix.getBackgroundTask().list(listing).getData();
        return data.stream().anyMatch(task -> task.getId().equals(walk.statsTask));
    }

    void run() throws Exception {
        BackgroundTask api = walk.svix.getBackgroundTask();

        step("v1.statistics.aggregate-app-stats", "counts the messages of applications, as a task", () -> {
            String unknown = "app_000000000000000000000000000";
            OffsetDateTime now = OffsetDateTime.now();
            AppUsageStatsIn wanted =
                    new AppUsageStatsIn().since(now.minusHours(1)).until(now).appIds(set(walk.app.getId(), unknown));
            AppUsageStatsOut answer = walk.svix.getStatistics().aggregateAppStats(wanted);
            equal(answer.getUnresolvedAppIds(), List.of(unknown), "unknown applications");
            walk.statsTask = answer.getId();
            finished(answer.getId(), "application.stats");
        });

        step("v1.statistics.aggregate-event-types", "the SDK cannot send it", () ->
                brokenInTheSdk(() -> walk.svix.getStatistics().aggregateEventTypes()));

        step("v1.background-task.get", "gets a task; 404 if it is unknown", () -> {
            BackgroundTaskOut found = api.get(walk.statsTask);
            equal(list(found.getId(), found.getStatus()), list(walk.statsTask, "finished"), "id and status");
            fails(404, "not_found", () -> api.get("qtask_000000000000000000000000000"));
        });

        step("v1.background-task.list", "filters by task and status", () -> {
            equal(lists(it -> {
                it.setTask(BackgroundTaskType.APPLICATION_STATS);
                it.setStatus(BackgroundTaskStatus.FINISHED);
            }), true, "is listed");
            equal(lists(it -> it.setTask(BackgroundTaskType.ENDPOINT_RECOVER)), false, "is listed for another task");
            equal(lists(it -> it.setStatus(BackgroundTaskStatus.FAILED)), false, "is listed as failed");
        });

        step("v1.background-task.list", "iterates forwards and backwards", () -> {
            BackgroundTaskListOptions listing = with(new BackgroundTaskListOptions(), it -> it.setLimit(1L));
            ListResponseBackgroundTaskOut page = api.list(listing);
            equal(list(page.getData().size(), page.getDone()), list(1, false), "the first page");
            listing.setIterator(page.getIterator());
            ListResponseBackgroundTaskOut following = api.list(listing);
            String first = page.getData().get(0).getId();
            holds(!following.getData().get(0).getId().equals(first), "the second page is the first");
            listing.setIterator(following.getPrevIterator());
            equal(api.list(listing).getData().get(0).getId(), first, "back on the first page");
        });

        step("v1.health.get", "is healthy", () -> new Health(walk.svix.getHttpClient()).get());
    }
}
