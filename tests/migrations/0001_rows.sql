-- Rows as the first version of the tables has them: a finished task and a running one, with all that belongs to them.
INSERT INTO deliveries VALUES ('delivery-1', 'issue_comment', 1771407000000);
INSERT INTO repositories VALUES (501, 'acme/demo', 7001, 1771407000000);
INSERT INTO installations VALUES (7001, 'acme', 101, 'active', 1771407000000);
INSERT INTO commands VALUES (501, 'issue_comment', 9001, '01khr1bge0r5e052fc5m592szc', 1771407000000);
INSERT INTO retries VALUES (501, 'issue_comment', 9002, '01khr1bge0r5e052fc5m592szd');
INSERT INTO tasks VALUES
  ('01khr1bge0r5e052fc5m592szc', 501, 'acme/demo', '{"by":"app","installation":7001}', 1,
   '{"text":{"kind":"issue_comment","id":9001},"written_at":1771407000000,"instructions":"greet","title":"Greet","body":"","labels":[],"place":{"kind":"issue"}}',
   102, 'bob', 'claude', 1, '{"priority":"normal","model":null,"branch":null,"base":null,"no_tests":false,"budget_micros":null}', 1, NULL,
   1771407000000, 6, 'succeeded',
   '{"state":"succeeded","pull_request":{"number":2,"url":"https://github.com/acme/demo/pull/2"},"how":{"how":"opened"}}',
   1, 1771407010000, 1771407090000, 'acme/demo #1 greet claude bob'),
  ('01khr1bge0r5e052fc5m592szd', 501, 'acme/demo', '{"by":"token"}', 3,
   '{"text":{"kind":"review_comment","id":9002},"written_at":1771407000000,"instructions":"","title":"Again","body":"b","labels":["bug"],"place":{"kind":"review_line","path":"src/main.rs","line":3,"hunk":"@@"}}',
   102, 'bob', 'opencode', 0, '{"priority":"high","model":"openai/gpt-5","branch":"porter/x","base":"main","no_tests":true,"budget_micros":500000}', 2, '01khr1bge0r5e052fc5m592szc',
   1771407100000, 4, 'running', '{"state":"running","attempt":1,"deadline":1771407700000}',
   1, 1771407110000, NULL, 'acme/demo #3 again opencode bob');
INSERT INTO task_events VALUES
  ('01khr1bge0r5e052fc5m592szc', 1, 1771407000000, 'accepted', '{"event":"accepted"}'),
  ('01khr1bge0r5e052fc5m592szd', 1, 1771407100000, 'accepted', '{"event":"accepted"}'),
  ('01khr1bge0r5e052fc5m592szd', 2, 1771407101000, 'attempt_lost', '{"event":"attempt_lost","attempt":1,"how":"it went away","not_before":1771407102000}');
INSERT INTO live_tasks VALUES ('01khr1bge0r5e052fc5m592szd', 501, 3, 102, 1);
INSERT INTO attempts VALUES
  ('01khr1bge0r5e052fc5m592szc', 1, 1, 1771407001000, 'm1', 'boot', 'bwrap', 1771407600000, 1771407080000, 9, 'handing_over', 100,
   '{"calls":3,"input_tokens":2000,"output_tokens":100,"cache_read_tokens":null,"cost_micros":5000,"model":"m"}', 120, 1771407090000, NULL),
  ('01khr1bge0r5e052fc5m592szd', 1, 1, 1771407101000, NULL, NULL, NULL, NULL, 1771407101000, 0, NULL, 0, NULL, 0, NULL, NULL);
INSERT INTO jobs VALUES ('01khr1bge0r5e052fc5m592szc', 'claude', 'main', '1111111111111111111111111111111111111111', 'porter/01khr1bge0r5e052fc5m592szc',
  '{"target":"new_pull_request","into":"main"}', 'prompt', 'aa', '{"score":40,"signals":[]}',
  '{"read_at":null,"model":null,"protected_paths":[],"warnings":[]}', 1771407001000);
INSERT INTO results VALUES ('01khr1bge0r5e052fc5m592szc', 1, 'bb', 1771407080000,
  '{"message":"Greet","summary":"I did.","files":1,"paths":["src/main.rs"],"protected":[],"usage":null}',
  '2222222222222222222222222222222222222222', 0, 200, '{"status":"success","pull_request":{"number":2,"url":"https://github.com/acme/demo/pull/2"}}');
INSERT INTO pull_requests VALUES (501, 2, '01khr1bge0r5e052fc5m592szc', 'porter/01khr1bge0r5e052fc5m592szc', 'https://github.com/acme/demo/pull/2', 'open');
INSERT INTO own_comments VALUES ('porter:task=01khr1bge0r5e052fc5m592szc', 8001, 'cc');
INSERT INTO effects VALUES
  ('status:01khr1bge0r5e052fc5m592szd', 'show_status', '{"kind":"show_status","task":"01khr1bge0r5e052fc5m592szd"}', '01khr1bge0r5e052fc5m592szd', 1, 'pending', 0, 0, 1771407101000, 0, 0, NULL, 1771407101000),
  ('answer:501:issue_comment:9003', 'answer', '{"kind":"answer","question":{"repo_id":501,"repo":"acme/demo","issue":1,"on_pull_request":false,"text":{"kind":"issue_comment","id":9003},"asker":{"id":102,"login":"bob"},"credential":{"by":"token"},"ask":{"ask":"help"}}}', NULL, 1, 'dead', 0, 9, 0, 0, 9, 'GitHub said no', 1771407000000);
INSERT INTO log_batches VALUES ('01khr1bge0r5e052fc5m592szc', 1, 1, 1771407020000, '[{"at":"2026-02-18T09:30:00Z","level":"info","text":"reading"}]');
INSERT INTO refusals VALUES (501, 1, 104, 'issue_comment', 9004, 1771407000000);
INSERT INTO polls VALUES ('acme/demo', 'issue_comments', 501, 1771407000000, 'W/"1"', 0, 0);
INSERT INTO facts VALUES ('last_tick', '', 1771407000000);
