-- Configuration: the source of truth for what customers set up.
--
-- Ids sort by byte (collation "C"), which is time order for generated ids.
-- Organisations are not rows: any correctly signed token names one.
-- `version` counts the changes that the configuration snapshot depends on; the snapshot's readers
-- never let a lower version replace a higher one.
-- Deleting is marking: the row stays, so that its last version can be told to the fleet, and its
-- uid is free again at once.

CREATE TABLE applications (
    id              text COLLATE "C" PRIMARY KEY,
    organization_id text COLLATE "C" NOT NULL,
    uid             text COLLATE "C",
    name            text NOT NULL,
    throttle_rate   integer CHECK (throttle_rate BETWEEN 1 AND 65535),
    metadata        jsonb NOT NULL DEFAULT '{}',
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted         boolean NOT NULL DEFAULT false,
    CONSTRAINT applications_deleted_has_no_uid CHECK (NOT deleted OR uid IS NULL)
);

-- Deleted rows have no uid, so this is uniqueness among live applications.
CREATE UNIQUE INDEX applications_uid ON applications (organization_id, uid) WHERE uid IS NOT NULL;
CREATE INDEX applications_live ON applications (organization_id, id) WHERE NOT deleted;

CREATE TABLE endpoints (
    id              text COLLATE "C" PRIMARY KEY,
    application_id  text COLLATE "C" NOT NULL REFERENCES applications (id),
    organization_id text COLLATE "C" NOT NULL,
    uid             text COLLATE "C",
    url             text NOT NULL,
    description     text NOT NULL DEFAULT '',
    event_types     text[] CHECK (cardinality(event_types) > 0),
    channels        text[] CHECK (cardinality(channels) > 0),
    disabled        boolean NOT NULL DEFAULT false,
    throttle_rate   integer CHECK (throttle_rate BETWEEN 1 AND 65535),
    metadata        jsonb NOT NULL DEFAULT '{}',
    sealed_headers  bytea,
    version         bigint NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    deleted         boolean NOT NULL DEFAULT false,
    CONSTRAINT endpoints_deleted_has_no_uid CHECK (NOT deleted OR uid IS NULL)
);

CREATE UNIQUE INDEX endpoints_uid ON endpoints (application_id, uid) WHERE uid IS NOT NULL;
CREATE INDEX endpoints_live ON endpoints (application_id, id) WHERE NOT deleted;

-- The signing secrets of endpoints, sealed. The one without an end is the current one; the others
-- were rotated out and still sign until their grace period ends.
CREATE TABLE endpoint_secrets (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text COLLATE "C" NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz
);

CREATE UNIQUE INDEX endpoint_secrets_current ON endpoint_secrets (endpoint_id)
    WHERE expires_at IS NULL;
CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id, id);

CREATE TABLE event_types (
    organization_id text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    description     text NOT NULL,
    archived        boolean NOT NULL DEFAULT false,
    deprecated      boolean NOT NULL DEFAULT false,
    schemas         jsonb,
    feature_flag    text,
    group_name      text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, name)
);
