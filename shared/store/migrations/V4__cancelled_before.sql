-- Deliveries of events accepted before this moment end without another request, except those that a
-- person asked for.
ALTER TABLE endpoints ADD COLUMN cancelled_before timestamptz;
