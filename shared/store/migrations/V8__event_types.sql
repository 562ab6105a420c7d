-- Event types: several feature flags, and a retry schedule of their own.
--
-- `schedule_version` counts the changes of the schedule for the configuration snapshot; 0 = it was
-- never set. It grows with the clock, so that a type that was forgotten and made anew does not
-- begin below its former self.

ALTER TABLE event_types
    ADD COLUMN feature_flags text[] CHECK (cardinality(feature_flags) > 0),
    ADD COLUMN retry_waits_ms bigint[],
    ADD COLUMN schedule_version bigint NOT NULL DEFAULT 0;

UPDATE event_types SET feature_flags = ARRAY[feature_flag] WHERE feature_flag IS NOT NULL;

ALTER TABLE event_types DROP COLUMN feature_flag;
