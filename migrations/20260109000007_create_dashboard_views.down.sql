DROP VIEW IF EXISTS outbox_backlog;
DROP VIEW IF EXISTS conversation_activity;
DROP VIEW IF EXISTS cycle_progress;
DROP VIEW IF EXISTS session_overview;
