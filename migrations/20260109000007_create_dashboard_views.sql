-- Views behind the dashboard, so that its pages need no joins of their own.

CREATE VIEW session_overview AS
SELECT
    s.id AS session_id,
    s.user_id,
    s.title,
    s.status,
    count(c.id) AS cycles,
    count(c.id) FILTER (WHERE c.status = 'completed') AS cycles_completed,
    count(c.parent_cycle_id) AS branches,
    greatest(s.updated_at, max(c.updated_at)) AS last_activity_at
FROM sessions s
LEFT JOIN cycles c ON c.session_id = s.id
WHERE s.status <> 'deleted'
GROUP BY s.id;

CREATE VIEW cycle_progress AS
SELECT
    c.id AS cycle_id,
    c.session_id,
    c.status,
    c.current_component,
    count(p.id) FILTER (WHERE p.status = 'completed') AS components_completed,
    count(p.id) FILTER (WHERE p.status = 'skipped') AS components_skipped,
    count(p.id) AS components_begun,
    round(100.0 * count(p.id) FILTER (WHERE p.status IN ('completed', 'skipped')) / 8) AS percent
FROM cycles c
LEFT JOIN components p ON p.cycle_id = c.id
GROUP BY c.id;

CREATE VIEW conversation_activity AS
SELECT
    v.id AS conversation_id,
    v.component_id,
    v.status,
    v.agent_phase,
    count(m.id) AS messages,
    count(m.id) FILTER (WHERE m.role = 'user') AS messages_by_user,
    coalesce(sum(m.token_count), 0) AS tokens,
    max(m.created_at) AS last_message_at
FROM conversations v
LEFT JOIN messages m ON m.conversation_id = v.id
GROUP BY v.id;

CREATE VIEW outbox_backlog AS
SELECT
    aggregate_type,
    event_type,
    count(*) AS waiting,
    min(created_at) AS oldest_at
FROM outbox
WHERE processed_at IS NULL
GROUP BY aggregate_type, event_type;

COMMENT ON VIEW session_overview IS 'One row a session that is not deleted';
COMMENT ON VIEW cycle_progress IS 'How far each cycle has come, in steps and per cent of eight';
COMMENT ON VIEW conversation_activity IS 'How much was said in each conversation, and when last';
COMMENT ON VIEW outbox_backlog IS 'What is still to be published';
