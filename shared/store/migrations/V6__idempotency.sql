-- Idempotency of the REST API: one row per key that a caller sent, kept for some hours.
--
-- A row is made before its request has any effect. Its seed (`minted_at`, `random`) names what the
-- request creates, so that whoever repeats the request after a crash creates the same object.
-- The reply is sealed: it may hold secrets. NULL = the request has not succeeded yet.
-- All times are the database's, so that the clocks of several processes do not matter.

CREATE TABLE idempotency_claims (
    key            bytea PRIMARY KEY,
    request_digest bytea NOT NULL,
    minted_at      timestamptz NOT NULL,
    random         bytea NOT NULL,
    holder         bytea NOT NULL,
    leased_until   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    sealed_reply   bytea
);

CREATE INDEX idempotency_claims_expiring ON idempotency_claims (expires_at);
