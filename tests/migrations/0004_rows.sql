INSERT INTO comments_in_doubt VALUES ('porter:task=01khr1bge0r5e052fc5m592szd:final', 1771407110000);
