-- History: what happened to each event, in daily partitions.
--
-- Every table is partitioned by `day`, the UTC day on which the event was accepted, so that all of
-- an event's rows live and die together: retention is dropping partitions.
-- Each primary key names a fact, not an insertion: writing the same fact twice changes nothing.
-- Ids and names sort by byte (collation "C"), which is time order for generated ids.
-- There are as few indexes as there are ways to read, because every attempt pays for each of them.

-- Accepted events. The body is NULL once it was expunged.
-- `body_expires_at` is NULL for a body that is kept as long as its row.
CREATE TABLE events (
    accepted_at     timestamptz NOT NULL,
    body_expires_at timestamptz,
    day             date NOT NULL,
    application_id  text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    producer_key    text COLLATE "C",
    trace_id        text COLLATE "C",
    channels        text[] NOT NULL,
    tags            text[] NOT NULL,
    body            bytea,
    PRIMARY KEY (application_id, id, day)
) PARTITION BY RANGE (day);

CREATE INDEX events_newest ON events (application_id, accepted_at, id);
CREATE INDEX events_producer_key ON events (application_id, producer_key)
    WHERE producer_key IS NOT NULL;
CREATE INDEX events_expiring ON events (body_expires_at)
    WHERE body_expires_at IS NOT NULL AND body IS NOT NULL;

-- Fan-out's decisions, as far as deliveries do not tell them: a row only for a part that left out
-- some endpoint, or that had no endpoint at all. `reasons` runs parallel to `endpoints`:
-- 0 disabled, 1 event type, 2 channel.
CREATE TABLE fanouts (
    decided_at     timestamptz NOT NULL,
    day            date NOT NULL,
    part           integer NOT NULL,
    application_id text COLLATE "C" NOT NULL,
    event_id       text COLLATE "C" NOT NULL,
    endpoints      text[] NOT NULL,
    reasons        smallint[] NOT NULL,
    PRIMARY KEY (application_id, event_id, part, day)
) PARTITION BY RANGE (day);

-- Deliveries: one event x one endpoint, and one more row for each time that a person asked.
--
-- Outcomes arrive in any order and more than once, so a row holds facts of which each can only
-- grow: the earliest decision, the earliest cancellation, the highest attempt, and the attempt that
-- decides (`last_*`: the highest progress, then number, then start, then id).
-- The state follows from the facts: 0 pending, 1 waiting, 2 cancelled, 3 exhausted, 4 delivered.
CREATE TABLE deliveries (
    accepted_at     timestamptz NOT NULL,
    decided_at      timestamptz,
    cancelled_at    timestamptz,
    next_attempt_at timestamptz,
    last_started_at timestamptz,
    day             date NOT NULL,
    attempts        integer NOT NULL,
    last_number     integer,
    last_status     integer,
    last_progress   smallint,
    trigger         smallint,
    state           smallint NOT NULL GENERATED ALWAYS AS (
        GREATEST(COALESCE(last_progress, 0), CASE WHEN cancelled_at IS NULL THEN 0 ELSE 2 END)
    ) STORED,
    application_id  text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    endpoint_id     text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C",
    cancel_reason   text COLLATE "C",
    last_attempt_id text COLLATE "C",
    last_failure    text COLLATE "C",
    -- An id begins with its event and a dot: this key also finds an event's deliveries.
    PRIMARY KEY (application_id, id, day)
) PARTITION BY RANGE (day);

CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, accepted_at, event_id);

-- Attempts: one row per HTTP request. State: 1 waiting, 3 exhausted, 4 delivered.
CREATE TABLE attempts (
    started_at      timestamptz NOT NULL,
    next_attempt_at timestamptz,
    duration_ms     bigint NOT NULL,
    day             date NOT NULL,
    number          integer NOT NULL,
    status          integer,
    state           smallint NOT NULL,
    trigger         smallint NOT NULL,
    truncated       boolean NOT NULL,
    application_id  text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    endpoint_id     text COLLATE "C" NOT NULL,
    delivery_id     text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    failure         text COLLATE "C",
    trace_id        text COLLATE "C",
    url             text NOT NULL,
    response        text NOT NULL,
    PRIMARY KEY (application_id, event_id, id, day)
) PARTITION BY RANGE (day);

-- Attempt ids are time-ordered, so an endpoint's newest attempts are its highest ids.
CREATE INDEX attempts_endpoint ON attempts (endpoint_id, id);

-- Creates what is missing of a day's partitions.
--
-- A table is made alone and then attached: unlike CREATE TABLE ... PARTITION OF, that does not
-- lock out readers and writers of the other days. Callers take turns.
CREATE FUNCTION history_create_day(wanted date) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    parent    text;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('posthorn'), hashtext('history_create_day'));
    FOREACH parent IN ARRAY ARRAY['events', 'fanouts', 'deliveries', 'attempts'] LOOP
        partition := parent || '_' || to_char(wanted, 'YYYYMMDD');
        IF to_regclass(partition) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
            IF parent = 'deliveries' THEN
                -- Room for the updates that follow the first insert, on the same page.
                EXECUTE format('ALTER TABLE %I SET (fillfactor = 80)', partition);
            END IF;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                           parent, partition, wanted, wanted + 1);
        END IF;
    END LOOP;
END
$$;
