-- Sessions can be put in an order of priority, and put aside for a while.

ALTER TABLE sessions ADD COLUMN priority SMALLINT NOT NULL DEFAULT 0;

ALTER TABLE sessions DROP CONSTRAINT sessions_status_check;
ALTER TABLE sessions ADD CONSTRAINT sessions_status_check
    CHECK (status IN ('active', 'paused', 'archived', 'deleted'));

CREATE INDEX idx_sessions_user_priority ON sessions (user_id, priority DESC);

COMMENT ON COLUMN sessions.priority IS 'The higher, the further up in the list';
