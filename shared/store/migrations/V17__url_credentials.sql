-- The user name and password of an endpoint's URL, sealed; the URL itself is stored without them.
ALTER TABLE endpoints ADD COLUMN sealed_credentials bytea;
