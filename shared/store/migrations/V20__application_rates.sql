-- Senders keep the rate of an application. Its entry in the bucket `config` has it from here on: a new
-- version makes api write the entries of those anew that had a rate before.
UPDATE applications SET version = version + 1 WHERE throttle_rate IS NOT NULL;
