-- What an import from elsewhere set, object by object, so that the next import can tell what was
-- changed at the source since from what was changed here.
--
-- `base` is sealed: it names values that may be secret. Rows of objects that were deleted stay; they
-- are never read again.

CREATE TABLE imports (
    organization_id text COLLATE "C" NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('application', 'endpoint', 'event_type')),
    name            text COLLATE "C" NOT NULL,
    base            bytea NOT NULL,
    PRIMARY KEY (organization_id, kind, name)
);
