-- Session tags: labels by which users find their sessions again.

CREATE TABLE session_tags (
    session_id UUID NOT NULL,
    tag VARCHAR(50) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),

    CONSTRAINT session_tags_pkey PRIMARY KEY (session_id, tag),
    CONSTRAINT session_tags_session_fkey FOREIGN KEY (session_id)
        REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT session_tags_tag_check CHECK (tag = lower(btrim(tag)) AND tag <> '')
);

CREATE INDEX idx_session_tags_tag ON session_tags (tag);

COMMENT ON TABLE session_tags IS 'Labels that users put on their sessions';
