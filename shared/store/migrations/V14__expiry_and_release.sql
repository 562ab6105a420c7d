-- After this nobody wants to know of the event any more, as its producer said.
ALTER TABLE events ADD COLUMN expires_at timestamptz;
-- How long events of a type are of interest, in seconds.
ALTER TABLE event_types ADD COLUMN time_to_live integer;
-- Whatever waited for the endpoint at this moment is due.
ALTER TABLE endpoints ADD COLUMN released_at timestamptz;
