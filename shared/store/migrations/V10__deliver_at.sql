-- Events that were put off until a time that their producer chose.
ALTER TABLE events ADD COLUMN deliver_at timestamptz;
