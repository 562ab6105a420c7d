-- Tokens that have ended before their time, and codes that are exchanged for a token once.
--
-- Tokens themselves are not rows: whoever has the signing key makes them. All times are the
-- database's, those in tokens of portals included, so that the clocks of several processes do not
-- matter.

-- From `effective_at` on, an application's tokens that were issued until `issued_until` are not
-- valid any more: those of one session, or all of them.
CREATE TABLE token_revocations (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id text COLLATE "C" NOT NULL REFERENCES applications (id),
    session_id     text COLLATE "C",
    issued_until   timestamptz NOT NULL,
    effective_at   timestamptz NOT NULL
);

CREATE INDEX token_revocations_application ON token_revocations (application_id);

-- Single tokens that were logged out, by digest, until they end anyway (NULL = never).
CREATE TABLE revoked_tokens (
    digest     bytea PRIMARY KEY,
    expires_at timestamptz
);

CREATE INDEX revoked_tokens_expiring ON revoked_tokens (expires_at);

-- Codes of portal links, by digest. The token is sealed, bound to its code.
CREATE TABLE one_time_codes (
    code_digest     bytea PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    sealed_token    bytea NOT NULL,
    expires_at      timestamptz NOT NULL
);

CREATE INDEX one_time_codes_expiring ON one_time_codes (expires_at);
