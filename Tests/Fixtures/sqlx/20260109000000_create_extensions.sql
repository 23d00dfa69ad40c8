-- 20260109000000_create_extensions.sql
-- Foundation: required PostgreSQL extensions

CREATE EXTENSION IF NOT EXISTS pgcrypto;
