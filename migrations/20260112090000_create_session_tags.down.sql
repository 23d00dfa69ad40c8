DROP TABLE IF EXISTS session_tags;
