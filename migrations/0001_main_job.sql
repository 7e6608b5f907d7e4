-- The main job: a delivery becomes a task, a task gathers events, events ask for effects.
-- Times are milliseconds since 1970, booleans 0 and 1, JSON is text.

-- Webhook deliveries that were for us. GitHub repeats a delivery under the same id.
CREATE TABLE deliveries (
  id TEXT PRIMARY KEY,               -- X-GitHub-Delivery
  event TEXT NOT NULL,               -- X-GitHub-Event
  received_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_by_time ON deliveries (received_at);

-- Repositories Porter has been asked to work in.
CREATE TABLE repositories (
  id INTEGER PRIMARY KEY,            -- GitHub's number; survives renames
  full_name TEXT NOT NULL,           -- owner/name, as last seen
  installation_id INTEGER,           -- the App installation that covers it; NULL when none does
  seen_at INTEGER NOT NULL
) STRICT;

-- App installations, as GitHub last told us.
CREATE TABLE installations (
  id INTEGER PRIMARY KEY,
  account_login TEXT NOT NULL,
  account_id INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'deleted')),
  updated_at INTEGER NOT NULL
) STRICT;

-- Texts that commanded something, by the key that makes a command unique.
CREATE TABLE commands (
  repo_id INTEGER NOT NULL,
  text_kind TEXT NOT NULL CHECK (text_kind IN ('issue_comment', 'review_comment', 'review', 'issue')),
  text_id INTEGER NOT NULL,
  task_id TEXT,                      -- the task it made; NULL when it made none
  accepted_at INTEGER NOT NULL,
  PRIMARY KEY (repo_id, text_kind, text_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_by_time ON commands (accepted_at);

-- Tasks made because a text asked to run one again, so that the same text makes one.
CREATE TABLE retries (
  repo_id INTEGER NOT NULL,
  text_kind TEXT NOT NULL,
  text_id INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  PRIMARY KEY (repo_id, text_kind, text_id)
) STRICT, WITHOUT ROWID;

-- Tasks. Columns up to created_at never change; the event log is the lock for the others.
CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  repo_id INTEGER NOT NULL,
  repo_name TEXT NOT NULL,           -- owner/name at accept
  credential TEXT NOT NULL,          -- JSON: by which credential Porter acts, for the task's whole life
  issue_number INTEGER NOT NULL,
  origin TEXT NOT NULL,              -- JSON: the text that asked and the snapshot of the issue at accept
  asker_id INTEGER NOT NULL,
  asker_login TEXT NOT NULL,
  agent TEXT NOT NULL,
  agent_named INTEGER NOT NULL,      -- whether the command named it
  flags TEXT NOT NULL,               -- JSON: model, branches, budget, tests
  priority INTEGER NOT NULL,         -- 0 low, 1 normal, 2 high
  retry_of TEXT,                     -- the task a person asked to run again
  created_at INTEGER NOT NULL,
  version INTEGER NOT NULL,          -- of the newest event
  state TEXT NOT NULL,               -- flat code; its data is in state_data
  state_data TEXT NOT NULL,          -- JSON
  attempt INTEGER NOT NULL,          -- launches so far
  started_at INTEGER,                -- first claim by a machine
  finished_at INTEGER,
  search TEXT NOT NULL               -- lower-case words for the list's filter
) STRICT;
CREATE INDEX tasks_by_time ON tasks (created_at DESC, id DESC);
CREATE INDEX tasks_by_issue ON tasks (repo_id, issue_number, created_at DESC);
CREATE INDEX tasks_open ON tasks (state, priority DESC, created_at) WHERE finished_at IS NULL;

-- What happened to a task. The primary key is the compare-and-swap: who comes second changes nothing.
CREATE TABLE task_events (
  task_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  data TEXT NOT NULL,                -- JSON
  PRIMARY KEY (task_id, version)
) STRICT, WITHOUT ROWID;

-- What holds a place: one live task an issue, a numbered seat for each live task of a person.
CREATE TABLE live_tasks (
  task_id TEXT PRIMARY KEY,
  repo_id INTEGER NOT NULL,
  issue_number INTEGER NOT NULL,
  asker_id INTEGER NOT NULL,
  seat INTEGER NOT NULL,             -- 1 to MAX_RUNNING_PER_USER
  UNIQUE (repo_id, issue_number),
  UNIQUE (asker_id, seat)
) STRICT;

-- Launches of a task.
CREATE TABLE attempts (
  task_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  key_version INTEGER NOT NULL,      -- which of ENCRYPTION_KEYS its tokens derive from
  created_at INTEGER NOT NULL,
  machine_id TEXT,                   -- as the host named it, once known
  boot_id TEXT,                      -- the boot that claimed; NULL until then
  isolation TEXT,                    -- what keeps the agent in, as the runner said at the claim
  deadline INTEGER,                  -- from the claim on
  last_seen INTEGER NOT NULL,        -- last sign of life, kept to within 30 s
  last_seq INTEGER NOT NULL DEFAULT 0,
  phase TEXT,                        -- where the run is
  progress INTEGER NOT NULL DEFAULT 0,
  usage TEXT,                        -- JSON, cumulative
  log_bytes INTEGER NOT NULL DEFAULT 0,
  closed_at INTEGER,                 -- its tokens are refused from here on
  machine_gone_at INTEGER,           -- the machine was seen to be gone
  PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_to_destroy ON attempts (closed_at) WHERE closed_at IS NOT NULL AND machine_gone_at IS NULL;

-- What a task is to do, fixed at its first launch and reused by every later one.
CREATE TABLE jobs (
  task_id TEXT PRIMARY KEY,
  agent TEXT NOT NULL,               -- who does it: as commanded, else as the repository prefers
  base_ref TEXT NOT NULL,
  base_sha TEXT NOT NULL,
  branch TEXT NOT NULL,
  target TEXT NOT NULL,              -- JSON: a new pull request, or a follow-up on one
  prompt TEXT NOT NULL,
  prompt_sha256 TEXT NOT NULL,
  assessment TEXT NOT NULL,          -- JSON: readiness and its signals
  settings TEXT NOT NULL,            -- JSON: the repository's configuration and the commit it was read at
  created_at INTEGER NOT NULL
) STRICT;

-- What a machine handed over, by the digest of its bytes, and what Porter answered.
CREATE TABLE results (
  task_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  digest TEXT NOT NULL,              -- SHA-256 of the raw body
  received_at INTEGER NOT NULL,
  publication TEXT,                  -- JSON: title, message, summary, protected paths; NULL when there is nothing to publish
  tree_sha TEXT,                     -- from here on the bytes are not needed again
  lease_until INTEGER NOT NULL,      -- who is publishing holds this
  answer_status INTEGER,             -- NULL until finally decided
  answer TEXT,                       -- JSON
  PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;

-- Pull requests that Porter opened; nothing else says that a pull request is ours.
CREATE TABLE pull_requests (
  repo_id INTEGER NOT NULL,
  number INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  branch TEXT NOT NULL,
  url TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'merged', 'closed')),
  PRIMARY KEY (repo_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX pull_requests_by_task ON pull_requests (task_id);

-- Comments of ours that are edited or must not be made twice.
CREATE TABLE own_comments (
  marker TEXT PRIMARY KEY,           -- the hidden marker without its brackets
  comment_id INTEGER NOT NULL,
  body_sha256 TEXT NOT NULL          -- of what GitHub has; an edit to the same text is not sent
) STRICT;

-- What must happen outside. Committed with the event that asks for it.
CREATE TABLE effects (
  key TEXT PRIMARY KEY,              -- the same thing asked twice is one effect
  kind TEXT NOT NULL,
  payload TEXT NOT NULL,             -- JSON
  task_id TEXT,
  rank INTEGER NOT NULL,             -- 0 first; cosmetic effects last
  state TEXT NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
  generation INTEGER NOT NULL,       -- grows when a projection is asked for again
  tries INTEGER NOT NULL,
  not_before INTEGER NOT NULL,
  lease_until INTEGER NOT NULL,
  lease_epoch INTEGER NOT NULL,      -- the fence: only the holder of the newest lease may settle it
  last_error TEXT,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX effects_due ON effects (not_before, rank, created_at) WHERE state = 'pending';

-- Lines of a run, one row a report.
CREATE TABLE log_batches (
  task_id TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  at INTEGER NOT NULL,
  lines TEXT NOT NULL,               -- JSON
  PRIMARY KEY (task_id, attempt, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX log_batches_by_time ON log_batches (at);

-- Refusals already answered: once a person and issue, at most five an hour and repository.
CREATE TABLE refusals (
  repo_id INTEGER NOT NULL,
  issue_number INTEGER NOT NULL,
  user_id INTEGER NOT NULL,
  text_kind TEXT NOT NULL,           -- the text whose refusal is the one that is answered
  text_id INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (repo_id, issue_number, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_hour ON refusals (repo_id, at);

-- Polled sources: one row a repository and list.
CREATE TABLE polls (
  repo TEXT NOT NULL,                -- owner/name as configured, lower case
  source TEXT NOT NULL,              -- which list
  repo_id INTEGER NOT NULL,
  watermark INTEGER NOT NULL,        -- everything up to here has been taken in
  etag TEXT,
  not_before INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  PRIMARY KEY (repo, source)
) STRICT, WITHOUT ROWID;

-- Small facts of the instance: the last cron tick, the last fault.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;
