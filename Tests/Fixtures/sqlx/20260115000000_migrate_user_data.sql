-- 20260115000000_migrate_user_data.sql
-- WARNING: Non-reversible migration - data transformation

UPDATE sessions SET id = id;
