-- no-transaction
DROP INDEX CONCURRENTLY idx_sessions_id;
