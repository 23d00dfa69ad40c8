-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_messages_role_created_at;
