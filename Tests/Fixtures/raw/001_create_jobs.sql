-- Migration: 001_create_jobs.sql
-- Purpose: Keep the jobs and when they changed
-- Phase: 1
-- Checklist: docs/migration_checklist.md

-- ============================================================================
-- JOBS
-- ============================================================================
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- ============================================================================
-- ROLLBACK
-- ============================================================================
-- To rollback this migration:
--   DROP TABLE IF EXISTS jobs CASCADE;
--
-- WARNING: This will delete all job data. Backup before rollback.
