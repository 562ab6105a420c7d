-- Whom an event left out, where those are many: which roster of endpoints was decided about, and what
-- was decided about each of them. A roster is kept once for each day, and not with every event.

-- `left_out` is runs of equal decisions in the roster's order, each a count (none for a single one) and
-- a letter: m matched, d disabled, t event type, c channel. With a roster, `endpoints` is empty.
ALTER TABLE fanouts ADD COLUMN roster bytea, ADD COLUMN left_out text;

-- `id` is a digest of `endpoints`, so a row never changes.
CREATE TABLE fanout_rosters (
    day            date NOT NULL,
    application_id text COLLATE "C" NOT NULL,
    id             bytea NOT NULL,
    endpoints      text[] NOT NULL,
    PRIMARY KEY (application_id, id, day)
) PARTITION BY RANGE (day);

-- The reasons behind `left_out`, as in `fanouts.reasons`; NULL for who matched.
CREATE FUNCTION fanout_reasons(left_out text) RETURNS smallint[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
$$
    SELECT array_agg(CASE run.part[2] WHEN 'd' THEN 0 WHEN 't' THEN 1 WHEN 'c' THEN 2 END::smallint
                     ORDER BY run.place)
    FROM regexp_matches(left_out, '([0-9]*)([a-z])', 'g') WITH ORDINALITY AS run (part, place),
         generate_series(1, COALESCE(NULLIF(run.part[1], '')::int, 1))
$$;

CREATE OR REPLACE FUNCTION history_create_day(wanted date) RETURNS void
    LANGUAGE plpgsql AS
$$
DECLARE
    parent    text;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('posthorn'), hashtext('history_create_day'));
    FOREACH parent IN ARRAY
        ARRAY['events', 'fanout_rosters', 'fanouts', 'deliveries', 'attempts']
    LOOP
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

-- For the days that have partitions already.
SELECT history_create_day(to_date(right(c.relname, 8), 'YYYYMMDD'))
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'events'::regclass AND c.relname ~ '^events_[0-9]{8}$';

-- An endpoint's own waits between attempts, in milliseconds; NULL = those of the event's type, or the
-- deployment's.
ALTER TABLE endpoints ADD COLUMN retry_waits_ms bigint[];
