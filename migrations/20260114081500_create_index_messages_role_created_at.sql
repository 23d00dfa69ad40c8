-- no-transaction
-- Lists of what a user said lately read far too much; built without holding up anybody who writes.

CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_messages_role_created_at ON messages (role, created_at DESC);
