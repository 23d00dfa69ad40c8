-- WARNING: Non-reversible migration - data transformation
--
-- The agent knows four phases now. The old names are folded into them, several into one, so which one a
-- conversation had cannot be told afterwards; going back needs a backup.

UPDATE conversations
SET agent_phase = CASE
        WHEN agent_phase IN ('greeting', 'opening', 'warm_up') THEN 'opening'
        WHEN agent_phase IN ('probing', 'clarifying', 'exploring') THEN 'exploring'
        WHEN agent_phase IN ('summarising', 'checking') THEN 'checking'
        ELSE 'closing'
    END
WHERE agent_phase NOT IN ('opening', 'exploring', 'checking', 'closing');
