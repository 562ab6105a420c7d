-- Ways for an organisation to call beside its signed tokens: keys that can be listed and ended, and
-- sessions of browsers. Only digests of both are stored; all times are the database's.

CREATE TABLE api_keys (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    name            text NOT NULL,
    -- The beginning of the key, by which people recognise it.
    prefix          text NOT NULL,
    digest          bytea NOT NULL UNIQUE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz,
    last_used_at    timestamptz
);

CREATE INDEX api_keys_listed ON api_keys (organization_id, id);
CREATE INDEX api_keys_expiring ON api_keys (expires_at) WHERE expires_at IS NOT NULL;

-- A session that began with a key ends with it.
CREATE TABLE browser_sessions (
    digest          bytea PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    api_key_id      text COLLATE "C" REFERENCES api_keys (id) ON DELETE CASCADE,
    expires_at      timestamptz NOT NULL
);

CREATE INDEX browser_sessions_expiring ON browser_sessions (expires_at);
CREATE INDEX browser_sessions_key ON browser_sessions (api_key_id) WHERE api_key_id IS NOT NULL;
