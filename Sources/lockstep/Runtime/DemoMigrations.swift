/// The files of `migrations/`, so that the demonstration works wherever the program is.
///
/// Written by its test with `LOCKSTEP_RECORD=1`.
enum DemoMigrations {
  /// By name, in byte order.
  static let files: [(name: String, text: String)] = [
    (
      "20260109000000_create_extensions.down.sql",
      #"""
      DROP EXTENSION IF EXISTS pgcrypto;
      DROP EXTENSION IF EXISTS "uuid-ossp";

      """#
    ),
    (
      "20260109000000_create_extensions.sql",
      #"""
      -- Foundation: the extensions that the application expects.
      --
      -- Both come with PostgreSQL's contrib package. The schema itself does without them (it makes its
      -- identifiers with gen_random_uuid(), which is built in), so a server without contrib is told, not refused.

      DO $$
      DECLARE
          wanted text;
      BEGIN
          FOREACH wanted IN ARRAY ARRAY['uuid-ossp', 'pgcrypto'] LOOP
              IF EXISTS (SELECT FROM pg_available_extensions WHERE name = wanted) THEN
                  EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I', wanted);
              ELSE
                  RAISE NOTICE 'extension % is not available on this server, going on without it', wanted;
              END IF;
          END LOOP;
      END
      $$;

      """#
    ),
    (
      "20260109000001_create_outbox.down.sql",
      #"""
      DROP TABLE IF EXISTS processed_events;
      DROP TABLE IF EXISTS outbox;

      """#
    ),
    (
      "20260109000001_create_outbox.sql",
      #"""
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

      """#
    ),
    (
      "20260109000002_create_memberships.down.sql",
      #"""
      DROP TABLE IF EXISTS billing_history;
      DROP TABLE IF EXISTS memberships;
      DROP FUNCTION IF EXISTS update_updated_at_column();

      """#
    ),
    (
      "20260109000002_create_memberships.sql",
      #"""
      -- Memberships and what was billed for them.

      CREATE TABLE memberships (
          id UUID PRIMARY KEY,
          user_id UUID NOT NULL UNIQUE,
          tier VARCHAR(20) NOT NULL CHECK (tier IN ('free', 'monthly', 'annual')),
          status VARCHAR(20) NOT NULL CHECK (status IN ('active', 'cancelled', 'expired', 'pending')),
          stripe_customer_id VARCHAR(255),
          stripe_subscription_id VARCHAR(255),
          promo_code VARCHAR(50),
          current_period_start TIMESTAMPTZ,
          current_period_end TIMESTAMPTZ,
          created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
          updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
          version INTEGER NOT NULL DEFAULT 1
      );

      CREATE INDEX idx_memberships_user_id ON memberships (user_id);
      CREATE INDEX idx_memberships_stripe_customer ON memberships (stripe_customer_id)
          WHERE stripe_customer_id IS NOT NULL;
      CREATE INDEX idx_memberships_status ON memberships (status);

      CREATE TABLE billing_history (
          id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
          membership_id UUID NOT NULL REFERENCES memberships (id) ON DELETE CASCADE,
          event_type VARCHAR(50) NOT NULL,
          amount_cents INTEGER,
          currency VARCHAR(3) DEFAULT 'CAD',
          stripe_invoice_id VARCHAR(255),
          stripe_payment_intent_id VARCHAR(255),
          description TEXT,
          metadata JSONB,
          created_at TIMESTAMPTZ NOT NULL DEFAULT now()
      );

      CREATE INDEX idx_billing_history_membership ON billing_history (membership_id, created_at DESC);

      -- Shared by every table that has an updated_at.
      CREATE FUNCTION update_updated_at_column() RETURNS trigger
      LANGUAGE plpgsql AS $$
      BEGIN
          NEW.updated_at = now();
          RETURN NEW;
      END
      $$;

      CREATE TRIGGER update_memberships_updated_at
          BEFORE UPDATE ON memberships
          FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

      COMMENT ON TABLE memberships IS 'One membership a user, with its tier and billing period';
      COMMENT ON TABLE billing_history IS 'Every payment and billing event, kept for audits';
      COMMENT ON COLUMN memberships.version IS 'Counts changes, for optimistic locking';

      """#
    ),
    (
      "20260109000003_create_sessions.down.sql",
      #"""
      DROP TABLE IF EXISTS sessions;

      """#
    ),
    (
      "20260109000003_create_sessions.sql",
      #"""
      -- Sessions: what a user works on, from first thought to decision.

      CREATE TABLE sessions (
          id UUID PRIMARY KEY,
          user_id UUID NOT NULL,
          title VARCHAR(255) NOT NULL,
          description TEXT,
          status VARCHAR(20) NOT NULL DEFAULT 'active'
              CHECK (status IN ('active', 'archived', 'deleted')),
          created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
          updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
          archived_at TIMESTAMPTZ,
          version INTEGER NOT NULL DEFAULT 1
      );

      CREATE INDEX idx_sessions_user_id ON sessions (user_id);
      CREATE INDEX idx_sessions_user_status ON sessions (user_id, status);
      CREATE INDEX idx_sessions_created_at ON sessions (created_at DESC);

      CREATE TRIGGER update_sessions_updated_at
          BEFORE UPDATE ON sessions
          FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

      COMMENT ON TABLE sessions IS 'Decisions that users work on';

      """#
    ),
    (
      "20260109000004_create_cycles.down.sql",
      #"""
      DROP TABLE IF EXISTS cycles;

      """#
    ),
    (
      "20260109000004_create_cycles.sql",
      #"""
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

      """#
    ),
    (
      "20260109000005_create_components.down.sql",
      #"""
      DROP TABLE IF EXISTS components;

      """#
    ),
    (
      "20260109000005_create_components.sql",
      #"""
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

      """#
    ),
    (
      "20260109000006_create_conversations.down.sql",
      #"""
      DROP TABLE IF EXISTS messages;
      DROP TABLE IF EXISTS conversations;

      """#
    ),
    (
      "20260109000006_create_conversations.sql",
      #"""
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

      """#
    ),
    (
      "20260109000007_create_dashboard_views.down.sql",
      #"""
      DROP VIEW IF EXISTS outbox_backlog;
      DROP VIEW IF EXISTS conversation_activity;
      DROP VIEW IF EXISTS cycle_progress;
      DROP VIEW IF EXISTS session_overview;

      """#
    ),
    (
      "20260109000007_create_dashboard_views.sql",
      #"""
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

      """#
    ),
    (
      "20260112090000_create_session_tags.down.sql",
      #"""
      DROP TABLE IF EXISTS session_tags;

      """#
    ),
    (
      "20260112090000_create_session_tags.sql",
      #"""
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

      """#
    ),
    (
      "20260113100000_add_word_count_to_messages.down.sql",
      #"""
      ALTER TABLE messages DROP COLUMN IF EXISTS word_count;

      """#
    ),
    (
      "20260113100000_add_word_count_to_messages.sql",
      #"""
      -- Word counts, step 1 of 2: make room. The column is nullable and has no default, so no row is touched.

      ALTER TABLE messages ADD COLUMN word_count INTEGER;

      COMMENT ON COLUMN messages.word_count IS 'Words in content; null until counted';

      """#
    ),
    (
      "20260113100500_backfill_messages_word_count.down.sql",
      #"""
      UPDATE messages SET word_count = NULL WHERE word_count IS NOT NULL;

      """#
    ),
    (
      "20260113100500_backfill_messages_word_count.sql",
      #"""
      -- no-transaction
      -- Word counts, step 2 of 2: count the words of the messages that are there already.
      --
      -- Goes through the table in batches that commit, so that no row stays locked for longer than one batch
      -- takes. New messages are counted by whoever writes them. If it is broken off, run it again: it takes up
      -- the rows that are not counted yet.

      DO $$
      DECLARE
          batch_size CONSTANT integer := 1000;
          batch uuid[];
          reached uuid := '00000000-0000-0000-0000-000000000000';
          processed bigint := 0;
          total bigint;
      BEGIN
          SELECT count(*) INTO total FROM messages WHERE word_count IS NULL;
          LOOP
              batch := ARRAY(
                  SELECT id FROM messages
                  WHERE word_count IS NULL AND id > reached
                  ORDER BY id
                  LIMIT batch_size
              );
              EXIT WHEN cardinality(batch) = 0;
              UPDATE messages
              SET word_count = cardinality(regexp_split_to_array(btrim(content), '\s+'))
              WHERE id = ANY (batch);
              COMMIT;
              reached := batch[cardinality(batch)];
              processed := processed + cardinality(batch);
              RAISE NOTICE 'Processed % of % rows', least(processed, total), total;
              PERFORM pg_sleep(0.1);
          END LOOP;
      END
      $$;

      """#
    ),
    (
      "20260114081500_create_index_messages_role_created_at.down.sql",
      #"""
      -- no-transaction
      DROP INDEX CONCURRENTLY IF EXISTS idx_messages_role_created_at;

      """#
    ),
    (
      "20260114081500_create_index_messages_role_created_at.sql",
      #"""
      -- no-transaction
      -- Lists of what a user said lately read far too much; built without holding up anybody who writes.

      CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_messages_role_created_at ON messages (role, created_at DESC);

      """#
    ),
    (
      "20260115093000_add_constraint_sessions_membership_fkey.down.sql",
      #"""
      ALTER TABLE sessions DROP CONSTRAINT IF EXISTS sessions_membership_fkey;

      """#
    ),
    (
      "20260115093000_add_constraint_sessions_membership_fkey.sql",
      #"""
      -- A session belongs to somebody with a membership; deleting the membership takes the sessions along.
      --
      -- Checks every session at once and meanwhile holds up all writing to sessions and memberships.

      ALTER TABLE sessions
          ADD CONSTRAINT sessions_membership_fkey FOREIGN KEY (user_id)
          REFERENCES memberships (user_id) ON DELETE CASCADE;

      """#
    ),
    (
      "20260116140000_change_billing_amount_to_bigint.down.sql",
      #"""
      -- Fails, and changes nothing, when an amount is there that needs more than 32 bits.
      ALTER TABLE billing_history ALTER COLUMN amount_cents TYPE INTEGER;

      """#
    ),
    (
      "20260116140000_change_billing_amount_to_bigint.sql",
      #"""
      -- Yearly invoices of large customers do not fit into 32 bits of the smallest currency unit.
      --
      -- Changing the type writes the whole table and its indexes anew; nobody reads or writes it meanwhile.

      ALTER TABLE billing_history ALTER COLUMN amount_cents TYPE BIGINT;

      """#
    ),
    (
      "20260119110000_merge_conversation_phases.sql",
      #"""
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

      """#
    ),
    (
      "20260120153000_add_priority_to_sessions.down.sql",
      #"""
      -- Takes the column and its index away.
      DROP INDEX IF EXISTS idx_sessions_user_priority;
      ALTER TABLE sessions DROP COLUMN IF EXISTS priority;

      """#
    ),
    (
      "20260120153000_add_priority_to_sessions.sql",
      #"""
      -- Sessions can be put in an order of priority, and put aside for a while.

      ALTER TABLE sessions ADD COLUMN priority SMALLINT NOT NULL DEFAULT 0;

      ALTER TABLE sessions DROP CONSTRAINT sessions_status_check;
      ALTER TABLE sessions ADD CONSTRAINT sessions_status_check
          CHECK (status IN ('active', 'paused', 'archived', 'deleted'));

      CREATE INDEX idx_sessions_user_priority ON sessions (user_id, priority DESC);

      COMMENT ON COLUMN sessions.priority IS 'The higher, the further up in the list';

      """#
    ),
  ]

  /// How many migrations they are; a way back belongs to its migration.
  static let count = files.count { !$0.name.hasSuffix(".down.sql") }
}
