-- Cycles: one run through the steps of a decision; a cycle can branch off another.

CREATE TABLE cycles (
    id UUID PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent_cycle_id UUID REFERENCES cycles (id),
    branch_point_component VARCHAR(50),
    status VARCHAR(20) NOT NULL DEFAULT 'in_progress'
        CHECK (status IN ('in_progress', 'completed', 'abandoned')),
    current_component VARCHAR(50),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    completed_at TIMESTAMPTZ,
    version INTEGER NOT NULL DEFAULT 1
);

CREATE INDEX idx_cycles_session_id ON cycles (session_id);
CREATE INDEX idx_cycles_parent ON cycles (parent_cycle_id) WHERE parent_cycle_id IS NOT NULL;
CREATE INDEX idx_cycles_status ON cycles (status);

CREATE TRIGGER update_cycles_updated_at
    BEFORE UPDATE ON cycles
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

COMMENT ON TABLE cycles IS 'Runs through the eight steps of a decision';
COMMENT ON COLUMN cycles.parent_cycle_id IS 'The cycle that this one branched off';
COMMENT ON COLUMN cycles.branch_point_component IS 'The step at which it branched off';
