-- Operational events: an organisation is told of what happens to its endpoints.
--
-- They are events of an application of the organisation's own that is hidden from its list.
-- `announced_version` is the last change of an endpoint that was told; what lags is told later, so
-- a crash between a change and its event loses nothing.

ALTER TABLE applications ADD COLUMN hidden boolean NOT NULL DEFAULT false;

ALTER TABLE endpoints ADD COLUMN announced_version bigint NOT NULL DEFAULT 0;
UPDATE endpoints SET announced_version = version;

CREATE INDEX applications_hidden ON applications (organization_id) WHERE hidden;
CREATE INDEX endpoints_unannounced ON endpoints (organization_id)
    WHERE announced_version < version;
