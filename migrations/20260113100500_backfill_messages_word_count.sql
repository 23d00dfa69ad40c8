-- no-transaction
-- Word counts, step 2 of 2: count the words of the messages that are there already.
--
-- Goes through the table in batches that commit, so that no row stays locked for longer than one batch
-- takes. New messages are counted by whoever writes them. If it is broken off, run it again: it takes up
-- the rows that are not counted yet.

DO $$
DECLARE
    batch_size CONSTANT integer := 1000;
    batch uuid[];
    reached uuid := '00000000-0000-0000-0000-000000000000';
    processed bigint := 0;
    total bigint;
BEGIN
    SELECT count(*) INTO total FROM messages WHERE word_count IS NULL;
    LOOP
        batch := ARRAY(
            SELECT id FROM messages
            WHERE word_count IS NULL AND id > reached
            ORDER BY id
            LIMIT batch_size
        );
        EXIT WHEN cardinality(batch) = 0;
        UPDATE messages
        SET word_count = cardinality(regexp_split_to_array(btrim(content), '\s+'))
        WHERE id = ANY (batch);
        COMMIT;
        reached := batch[cardinality(batch)];
        processed := processed + cardinality(batch);
        RAISE NOTICE 'Processed % of % rows', least(processed, total), total;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;
