-- What the dashboard shows: figures as roll-ups, and the deliveries that wait.

-- Counts that the recorder notes in the transaction of what they count, and that are added to the
-- roll-ups soon after, many at a time: writers of history never wait for each other's counters.
-- Kind: 0 an event was accepted (then `endpoint_id` is empty), or how an attempt ended, as in
-- `attempts.state`: 1 waiting, 3 exhausted, 4 delivered.
-- Latency: the class of an attempt's duration d in ms: 0 below 1 ms, else 1 + floor(4 log2 d).
CREATE TABLE figures_pending (
    minute         timestamptz NOT NULL,
    count          bigint NOT NULL,
    kind           smallint NOT NULL,
    latency        smallint NOT NULL,
    application_id text COLLATE "C" NOT NULL,
    endpoint_id    text COLLATE "C" NOT NULL
);

CREATE TABLE figures_by_minute (
    bucket         timestamptz NOT NULL,
    count          bigint NOT NULL,
    kind           smallint NOT NULL,
    latency        smallint NOT NULL,
    application_id text COLLATE "C" NOT NULL,
    endpoint_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (application_id, bucket, endpoint_id, kind, latency)
) WITH (fillfactor = 70);

CREATE INDEX figures_by_minute_bucket ON figures_by_minute (bucket);

CREATE TABLE figures_by_hour (LIKE figures_by_minute INCLUDING ALL) WITH (fillfactor = 70);

-- Deliveries whose next attempt is to come: those of `deliveries` in state 1, and no others.
-- A table of its own, because an index on the state would make every update of a delivery dearer.
CREATE TABLE waiting_deliveries (
    next_attempt_at timestamptz NOT NULL,
    accepted_at     timestamptz NOT NULL,
    day             date NOT NULL,
    attempts        integer NOT NULL,
    application_id  text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    event_id        text COLLATE "C" NOT NULL,
    endpoint_id     text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C",
    PRIMARY KEY (application_id, id, day)
) WITH (fillfactor = 70);

CREATE INDEX waiting_deliveries_due ON waiting_deliveries (application_id, next_attempt_at)
    INCLUDE (endpoint_id);
CREATE INDEX waiting_deliveries_endpoint ON waiting_deliveries (endpoint_id, next_attempt_at, id);

-- Few rows are in these, so healthy traffic does not pay for them.
CREATE INDEX deliveries_cancelled ON deliveries (application_id, cancelled_at)
    WHERE cancelled_at IS NOT NULL;
CREATE INDEX attempts_failed ON attempts (application_id, id) WHERE state <> 4;

-- What is there already.
INSERT INTO waiting_deliveries
SELECT next_attempt_at, accepted_at, day, attempts, application_id, id, event_id, endpoint_id,
       event_type
FROM deliveries
WHERE state = 1 AND next_attempt_at IS NOT NULL;

INSERT INTO figures_pending
SELECT date_trunc('minute', started_at, 'UTC'), count(*), state,
       CASE WHEN duration_ms < 1 THEN 0
            ELSE LEAST(109, 1 + floor(4 * log(2, duration_ms::numeric) + 1e-9)) END,
       application_id, endpoint_id
FROM attempts
WHERE started_at > now() - interval '8 days' AND day > (now() - interval '12 days')::date
GROUP BY 1, 3, 4, 5, 6
UNION ALL
SELECT date_trunc('minute', accepted_at, 'UTC'), count(*), 0, 0, application_id, ''
FROM events
WHERE accepted_at > now() - interval '8 days' AND day > (now() - interval '9 days')::date
GROUP BY 1, 5;
