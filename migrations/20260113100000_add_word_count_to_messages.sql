-- Word counts, step 1 of 2: make room. The column is nullable and has no default, so no row is touched.

ALTER TABLE messages ADD COLUMN word_count INTEGER;

COMMENT ON COLUMN messages.word_count IS 'Words in content; null until counted';
