-- A session belongs to somebody with a membership; deleting the membership takes the sessions along.
--
-- Checks every session at once and meanwhile holds up all writing to sessions and memberships.

ALTER TABLE sessions
    ADD CONSTRAINT sessions_membership_fkey FOREIGN KEY (user_id)
    REFERENCES memberships (user_id) ON DELETE CASCADE;
