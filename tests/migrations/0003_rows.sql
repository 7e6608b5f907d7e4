-- A delivery that has not arrived and was asked for, one that has, and a live task whose asker was looked at.
INSERT INTO missed_deliveries VALUES
  ('d-1', '9007199254740993', 'issue_comment', 1771407000000, NULL, 1, 1771407300000),
  ('d-2', '12', 'issues', 1771407000000, 1771407200000, 0, 0);
UPDATE live_tasks SET permission_seen_at = 1771407300000;
UPDATE polls SET unfinished_from = 1771406970000;
