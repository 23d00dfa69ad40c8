-- migrate:up
CREATE TABLE a ();
-- migrate:down
DROP TABLE a;
-- migrate:up
CREATE TABLE b ();
-- migrate:down
DROP TABLE b;
