-- A used-up quota, and a launch for which there is no room.
INSERT INTO pauses VALUES ('github:installation:7001', 1771407200000);
UPDATE attempts SET no_room_since = 1771407102000 WHERE task_id = '01khr1bge0r5e052fc5m592szd';
