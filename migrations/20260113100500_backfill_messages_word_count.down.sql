UPDATE messages SET word_count = NULL WHERE word_count IS NOT NULL;
