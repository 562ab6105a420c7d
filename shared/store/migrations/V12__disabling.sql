-- Endpoints that Posthorn disables: because the receiver asks for it, or after days of failures.

-- What the receiver asked for in its answer: abort_message, disable or gone.
ALTER TABLE attempts ADD COLUMN wish text COLLATE "C";

-- `disabled_by` says why Posthorn disabled an endpoint: gone, receiver or failures. It is NULL while
-- the endpoint is enabled and after a person disabled it.
-- `enabled_version` is the version that made the endpoint what it is now: the last one that enabled
-- it or gave it another URL; `enabled_at` is when. What was seen of an older one does not count.
ALTER TABLE endpoints
    ADD COLUMN disabled_by     text COLLATE "C",
    ADD COLUMN disabled_at     timestamptz,
    ADD COLUMN fail_since      timestamptz,
    ADD COLUMN enabled_version bigint NOT NULL DEFAULT 0,
    ADD COLUMN enabled_at      timestamptz NOT NULL DEFAULT '-infinity';

-- Endpoints to disable, as the recorder found out or the API from `endpoint_failures`. The API carries
-- them out, and deletes an order once the fleet knows: what a crash left is found again.
CREATE TABLE disable_orders (
    endpoint_id      text COLLATE "C" PRIMARY KEY,
    application_id   text COLLATE "C" NOT NULL,
    -- The version of the endpoint that the reason was seen at.
    endpoint_version bigint NOT NULL,
    reason           text COLLATE "C" NOT NULL,
    ordered_at       timestamptz NOT NULL
);

-- Endpoints that have failed since their last success; a success deletes the row. Only scheduled
-- deliveries fail here, those that a person asked for can only heal.
CREATE TABLE endpoint_failures (
    endpoint_id     text COLLATE "C" PRIMARY KEY,
    first_failed_at timestamptz NOT NULL,
    last_failed_at  timestamptz NOT NULL,
    -- When a delivery last failed for good; NULL = none has.
    exhausted_at    timestamptz
) WITH (fillfactor = 70);

CREATE INDEX endpoint_failures_oldest ON endpoint_failures (first_failed_at);
