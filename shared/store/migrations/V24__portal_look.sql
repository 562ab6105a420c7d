-- What customers' portals look like, as JSON; one row per organisation that said so.
CREATE TABLE portal_looks (
    organization_id text COLLATE "C" PRIMARY KEY,
    look            jsonb NOT NULL,
    updated_at      timestamptz NOT NULL
);
