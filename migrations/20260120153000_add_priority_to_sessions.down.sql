-- Takes the column and its index away.
DROP INDEX IF EXISTS idx_sessions_user_priority;
ALTER TABLE sessions DROP COLUMN IF EXISTS priority;
