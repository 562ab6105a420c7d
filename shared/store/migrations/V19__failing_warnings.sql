-- Warnings before an endpoint is disabled for its failures.

-- The last warning of an endpoint: when it was noted, and after how long a time of failures. It
-- counts only for the streak of failures that it was noted in: a success deletes the row, and what
-- was noted before the endpoint was enabled is of another streak.
ALTER TABLE endpoint_failures
    ADD COLUMN warned_at            timestamptz,
    ADD COLUMN warned_after_seconds bigint NOT NULL DEFAULT 0;

-- When an endpoint that fails is disabled if it goes on; NULL = never.
ALTER TABLE operational_notices ADD COLUMN disable_at timestamptz;
