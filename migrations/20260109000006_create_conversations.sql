-- Conversations about a component, and their messages.

CREATE TABLE conversations (
    id UUID PRIMARY KEY,
    component_id UUID NOT NULL REFERENCES components (id) ON DELETE CASCADE,
    status VARCHAR(20) NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'paused', 'completed')),
    agent_phase VARCHAR(50) NOT NULL DEFAULT 'opening',
    context_summary TEXT,
    token_count INTEGER NOT NULL DEFAULT 0,
    message_count INTEGER NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    completed_at TIMESTAMPTZ,
    version INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE messages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id UUID NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    role VARCHAR(20) NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    content TEXT NOT NULL,
    token_count INTEGER,
    metadata JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    sequence_number INTEGER NOT NULL
);

CREATE INDEX idx_conversations_component ON conversations (component_id);
CREATE INDEX idx_messages_conversation ON messages (conversation_id, sequence_number);
CREATE INDEX idx_messages_created_at ON messages (created_at);

CREATE TRIGGER update_conversations_updated_at
    BEFORE UPDATE ON conversations
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

COMMENT ON TABLE conversations IS 'Talks that lead through one component';
COMMENT ON TABLE messages IS 'What was said in a conversation, in the order of sequence_number';
