-- What an endpoint asks of whoever sends to it, beside its URL and headers, a row for each kind:
-- its client certificate, the roots that its server is signed by, the OAuth client that has its
-- tokens. `shown` may be shown to whoever may read the endpoint, `sealed` is the secret that goes
-- with it.
CREATE TABLE endpoint_access (
    endpoint_id text COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('mtls', 'ca', 'oauth')),
    shown       text NOT NULL,
    sealed      bytea,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (endpoint_id, kind)
);
