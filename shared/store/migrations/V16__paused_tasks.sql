-- A task that is paused is not taken by anybody until somebody wants it to go on.
ALTER TABLE background_tasks ADD COLUMN paused boolean NOT NULL DEFAULT false;
