-- Silence that other people's servers asked for, and the clocks of a launch.

-- Quotas that are used up. No call under one before its time, whichever isolate makes it.
CREATE TABLE pauses (
  quota TEXT PRIMARY KEY,            -- host and credential, as github:installation:7
  until INTEGER NOT NULL             -- by the database's clock
) STRICT, WITHOUT ROWID;

ALTER TABLE attempts ADD COLUMN made_at INTEGER;       -- when the machine was there: from then on its claim is waited for
ALTER TABLE attempts ADD COLUMN no_room_since INTEGER; -- when the host first had no room for it
