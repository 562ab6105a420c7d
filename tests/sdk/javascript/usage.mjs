// Statistics, and the tasks that run in the background.

import { equal, eventually, fails, holds, inMinutes, step } from "./harness.mjs";
import { BackgroundTaskStatus, BackgroundTaskType } from "./sdk.mjs";

export async function walk(world) {
  const { backgroundTask, statistics, health } = world.svix;

  const finished = (id, name) =>
    eventually(async () => {
      const found = await backgroundTask.get(id);
      equal([found.task, found.status], [name, "finished"], "task and status");
    });

  await step("v1.statistics.aggregate-app-stats", "counts the messages of applications, as a task", async () => {
    const unknown = "app_000000000000000000000000000";
    const appIds = [world.app.id, unknown];
    const answer = await statistics.aggregateAppStats({ since: inMinutes(-60), until: new Date(), appIds });
    equal(answer.unresolvedAppIds, [unknown], "unknown applications");
    world.statsTask = answer.id;
    await finished(answer.id, "application.stats");
  });

  await step("v1.statistics.aggregate-event-types", "counts the messages of event types, as a task", async () => {
    const answer = await statistics.aggregateEventTypes();
    equal(answer.task, "event-type.aggregate", "task");
    await finished(answer.id, "event-type.aggregate");
  });

  await step("v1.background-task.get", "gets a task; 404 if it is unknown", async () => {
    const found = await backgroundTask.get(world.statsTask);
    equal([found.id, found.status], [world.statsTask, "finished"], "id and status");
    await fails(404, "not_found", () => backgroundTask.get("qtask_000000000000000000000000000"));
  });

  await step("v1.background-task.list", "filters by task and status", async () => {
    const has = async (options) => {
      const { data } = await backgroundTask.list({ limit: 250, ...options });
      return data.some(({ id }) => id === world.statsTask);
    };
    const task = BackgroundTaskType.ApplicationStats;
    equal(await has({ task, status: BackgroundTaskStatus.Finished }), true, "is listed");
    equal(await has({ task: BackgroundTaskType.EndpointRecover }), false, "is listed for another task");
    equal(await has({ status: BackgroundTaskStatus.Failed }), false, "is listed as failed");
  });

  await step("v1.background-task.list", "iterates forwards and backwards", async () => {
    const page = await backgroundTask.list({ limit: 1 });
    equal([page.data.length, page.done], [1, false], "the first page");
    const following = await backgroundTask.list({ limit: 1, iterator: page.iterator });
    holds(following.data[0].id !== page.data[0].id, "the second page is the first");
    const back = await backgroundTask.list({ limit: 1, iterator: following.prevIterator });
    equal(back.data.map(({ id }) => id), [page.data[0].id], "back on the first page");
  });

  await step("v1.health.get", "is healthy", async () => {
    await health.get();
  });
}
