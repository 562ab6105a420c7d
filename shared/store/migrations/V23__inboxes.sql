-- Inboxes: receivers for tests, each with a secret address that anybody may send to.
--
-- Whoever has the address can write here, so everything is bounded: the requests of an inbox, their
-- bytes, and its life. All times are the database's.

CREATE TABLE inboxes (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    application_id  text COLLATE "C" NOT NULL REFERENCES applications (id),
    -- Whose signatures are expected; NULL = of endpoints with the inbox's address.
    endpoint_id     text COLLATE "C",
    name            text NOT NULL,
    token_digest    bytea NOT NULL UNIQUE,
    sealed_token    bytea NOT NULL,
    -- How it answers: so many requests get 500 first.
    status          integer NOT NULL CHECK (status BETWEEN 200 AND 599),
    delay_ms        integer NOT NULL CHECK (delay_ms BETWEEN 0 AND 30000),
    fail_first      integer NOT NULL CHECK (fail_first BETWEEN 0 AND 1000),
    received        bigint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);

CREATE INDEX inboxes_listed ON inboxes (application_id, id);
CREATE INDEX inboxes_expiring ON inboxes (expires_at);

CREATE TABLE inbox_requests (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inbox_id    text COLLATE "C" NOT NULL REFERENCES inboxes (id) ON DELETE CASCADE,
    received_at timestamptz NOT NULL,
    method      text NOT NULL,
    path        text NOT NULL,
    query       text,
    -- JSON: an array of pairs.
    headers     text NOT NULL,
    body        bytea NOT NULL,
    truncated   boolean NOT NULL,
    answered    integer NOT NULL
);

CREATE INDEX inbox_requests_newest ON inbox_requests (inbox_id, id);
