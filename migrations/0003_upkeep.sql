-- Upkeep: deliveries that have to be asked for again, when an asker's permission was last looked at, and indexes for
-- what is counted and forgotten.

-- Deliveries GitHub tried and Porter did not take, until they have arrived. GitHub never repeats one by itself.
CREATE TABLE missed_deliveries (
  id TEXT PRIMARY KEY,               -- X-GitHub-Delivery, the same for every attempt
  attempt TEXT NOT NULL,             -- GitHub's number of the attempt to repeat; as text, for it may pass 2^53
  event TEXT NOT NULL,               -- X-GitHub-Event
  tried_at INTEGER NOT NULL,         -- when GitHub first tried
  settled_at INTEGER,                -- since when nothing more is done: it arrived after all, or was given up; NULL before
  asked INTEGER NOT NULL,            -- how often GitHub was asked for it
  not_before INTEGER NOT NULL        -- the earliest moment to ask again
) STRICT;
CREATE INDEX missed_deliveries_open ON missed_deliveries (tried_at) WHERE settled_at IS NULL;
CREATE INDEX missed_deliveries_by_time ON missed_deliveries (tried_at);

-- When the asker's permission was last looked at while the task is live; NULL: at the launch.
ALTER TABLE live_tasks ADD COLUMN permission_seen_at INTEGER;

-- From when on what is found counts as new while a reading has been left unfinished; NULL: from the watermark.
ALTER TABLE polls ADD COLUMN unfinished_from INTEGER;

-- What is counted for the metrics and forgotten after a while is found without reading a table. Partial, so that the outbox
-- and the queue keep the indexes they go by.
CREATE INDEX effects_done ON effects (created_at) WHERE state = 'done';
CREATE INDEX effects_dead ON effects (created_at) WHERE state = 'dead';
CREATE INDEX tasks_ended ON tasks (state, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX refusals_by_time ON refusals (at);
