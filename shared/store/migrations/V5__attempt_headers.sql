-- What an attempt sent and received, as JSON text; NULL for attempts of before it was kept.
ALTER TABLE attempts ADD COLUMN headers text;
