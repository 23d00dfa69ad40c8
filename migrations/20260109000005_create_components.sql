-- Components: the eight steps of a cycle, each with its own shape of data.

CREATE TABLE components (
    id UUID PRIMARY KEY,
    cycle_id UUID NOT NULL REFERENCES cycles (id) ON DELETE CASCADE,
    component_type VARCHAR(50) NOT NULL
        CHECK (component_type IN (
            'issue_raising', 'problem_frame', 'objectives', 'alternatives',
            'consequences', 'tradeoffs', 'recommendation', 'decision_quality'
        )),
    status VARCHAR(20) NOT NULL DEFAULT 'not_started'
        CHECK (status IN ('not_started', 'in_progress', 'completed', 'skipped')),
    data JSONB NOT NULL DEFAULT '{}',
    started_at TIMESTAMPTZ,
    completed_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    version INTEGER NOT NULL DEFAULT 1,

    -- A cycle has each step once.
    UNIQUE (cycle_id, component_type)
);

CREATE INDEX idx_components_cycle_id ON components (cycle_id);
CREATE INDEX idx_components_type_status ON components (component_type, status);
CREATE INDEX idx_components_data ON components USING gin (data);

CREATE TRIGGER update_components_updated_at
    BEFORE UPDATE ON components
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

COMMENT ON TABLE components IS 'The steps of a cycle and what was written down in each';
COMMENT ON COLUMN components.data IS 'What was written down; its shape depends on component_type';
