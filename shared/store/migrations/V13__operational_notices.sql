-- What organisations are to be told of deliveries and of endpoints that were disabled.
--
-- A notice is written in the transaction that makes it true, if the organisation has an operational
-- endpoint then, and deleted once its event is stored on the bus. `subject` names what it is about;
-- with `kind` it is where the event's id comes from, so that telling it twice makes one event.
-- The lease only saves work.

CREATE TABLE operational_notices (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text COLLATE "C" NOT NULL,
    subject         text COLLATE "C" NOT NULL,
    organization_id text COLLATE "C" NOT NULL,
    application_id  text COLLATE "C" NOT NULL,
    endpoint_id     text COLLATE "C" NOT NULL,
    happened_at     timestamptz NOT NULL,
    -- Of an endpoint that was disabled.
    fail_since      timestamptz,
    -- Of an attempt; `day` is its event's.
    event_id        text COLLATE "C",
    day             date,
    attempt_id      text COLLATE "C",
    attempt_status  integer,
    attempted_at    timestamptz,
    leased_until    timestamptz NOT NULL DEFAULT '-infinity',
    UNIQUE (kind, subject)
);
