-- Comments that were sent and whose fate nobody knows: GitHub's lists lag behind, so the look for one waits before another is
-- written.
CREATE TABLE comments_in_doubt (
  marker TEXT PRIMARY KEY,           -- the hidden marker without its brackets
  since INTEGER NOT NULL             -- when the last one was sent
) STRICT, WITHOUT ROWID;
