-- Work that the API does in the background: replays, clean-ups, figures.
--
-- A task is done a step at a time. `step` counts the steps whose results are stored, and a step is
-- stored only on top of the one before it: should two processes do the same step, one is dropped.
-- The lease only saves that work; `leased_until` is also when a task is due again.
-- State: 0 running, 1 finished, 2 failed.

CREATE TABLE background_tasks (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    application_id  text COLLATE "C",
    kind            text COLLATE "C" NOT NULL,
    state           smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),
    parameters      jsonb NOT NULL,
    data            jsonb NOT NULL,
    cursor          jsonb,
    step            bigint NOT NULL DEFAULT 0,
    -- What the caller's request was called: asking again under the same name makes no second task.
    request_key     text COLLATE "C",
    worker          text,
    leased_until    timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

CREATE INDEX background_tasks_listed ON background_tasks (organization_id, id);
CREATE INDEX background_tasks_due ON background_tasks (leased_until) WHERE state = 0;
CREATE INDEX background_tasks_over ON background_tasks (updated_at) WHERE state <> 0;
CREATE UNIQUE INDEX background_tasks_request ON background_tasks (organization_id, request_key)
    WHERE request_key IS NOT NULL;
