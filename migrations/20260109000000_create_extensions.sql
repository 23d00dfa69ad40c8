-- Foundation: the extensions that the application expects.
--
-- Both come with PostgreSQL's contrib package. The schema itself does without them (it makes its
-- identifiers with gen_random_uuid(), which is built in), so a server without contrib is told, not refused.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['uuid-ossp', 'pgcrypto'] LOOP
        IF EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted) THEN
            EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', wanted);
        ELSE
            RAISE NOTICE 'extension % is not available on this server, going on without it', wanted;
        END IF;
    END LOOP;
END
$$;
