-- Outbox: events are written in the transaction that causes them and published afterwards.

CREATE TABLE outbox (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    aggregate_type VARCHAR(100) NOT NULL,
    aggregate_id UUID NOT NULL,
    event_type VARCHAR(100) NOT NULL,
    payload JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    processed_at TIMESTAMPTZ
);

-- The publisher asks for the oldest events that are still to be sent.
CREATE INDEX idx_outbox_unprocessed ON outbox (created_at) WHERE processed_at IS NULL;

CREATE INDEX idx_outbox_aggregate ON outbox (aggregate_type, aggregate_id);

CREATE TABLE processed_events (
    event_id UUID PRIMARY KEY,
    handler_name VARCHAR(100) NOT NULL,
    processed_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_processed_events_handler ON processed_events (handler_name, processed_at);

COMMENT ON TABLE outbox IS 'Events waiting to be published, written with the change they tell of';
COMMENT ON TABLE processed_events IS 'Events that a handler has dealt with, so that none is handled twice';
