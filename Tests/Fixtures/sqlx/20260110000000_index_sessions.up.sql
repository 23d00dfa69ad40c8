-- no-transaction
CREATE INDEX CONCURRENTLY idx_sessions_id ON sessions (id);
