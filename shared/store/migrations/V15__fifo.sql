-- It gets its deliveries one at a time, in the order in which their events were accepted.
ALTER TABLE endpoints ADD COLUMN fifo boolean NOT NULL DEFAULT false;
