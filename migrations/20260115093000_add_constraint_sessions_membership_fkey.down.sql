ALTER TABLE sessions DROP CONSTRAINT IF EXISTS sessions_membership_fkey;
