/// What the demonstration fills its private server with, and who works there meanwhile.
///
/// Everything fits the first eight of `migrations/` and goes on fitting after each of the pending ones.
enum DemoData {
  /// How many of `migrations/` are applied before the rows go in; the others stay pending.
  static let appliedMigrations = 8

  /// One pretended program: a session of its own that goes through its steps again and again.
  struct Client: Sendable {
    /// Its `application_name`.
    var name: String
    /// A statement that fails is passed over by rolling back and beginning again with the first step: the
    /// schema changes under these clients, as it does under real ones.
    var steps: [Step]
  }

  /// What a client does next.
  enum Step: Sendable {
    case run(String)
    /// Inside a transaction this is what the server calls `idle in transaction`.
    case pause(Duration)
  }

  /// Fills the tables with some forty thousand rows in about a second.
  ///
  /// They are the same ones every time, but for their dates, which are relative to now.
  static let rows = """
    INSERT INTO memberships (id, user_id, tier, status, stripe_customer_id, stripe_subscription_id,
      promo_code, current_period_start, current_period_end, created_at, updated_at)
    SELECT md5('membership ' || g)::uuid, md5('user ' || g)::uuid,
      (ARRAY['free', 'monthly', 'monthly', 'annual'])[1 + g % 4],
      (ARRAY['active', 'active', 'active', 'active', 'cancelled', 'expired', 'pending'])[1 + g % 7],
      CASE WHEN g % 4 > 0 THEN 'cus_' || substr(md5('customer ' || g), 1, 14) END,
      CASE WHEN g % 4 > 0 THEN 'sub_' || substr(md5('subscription ' || g), 1, 14) END,
      CASE WHEN g % 11 = 0 THEN 'SPRING' || 20 + g % 3 END,
      now() - g % 30 * interval '1 day', now() + (30 - g % 30) * interval '1 day',
      now() - g * interval '17 hours', now() - g % 40 * interval '5 hours'
    FROM generate_series(1, 400) g;

    INSERT INTO billing_history (id, membership_id, event_type, amount_cents, currency,
      stripe_invoice_id, description, metadata, created_at)
    SELECT md5('invoice ' || g || ' ' || n)::uuid, md5('membership ' || g)::uuid,
      CASE WHEN (g + n) % 19 = 0 THEN 'payment_failed' ELSE 'invoice_paid' END,
      CASE WHEN g % 4 = 3 THEN 19900 ELSE 1900 END, 'CAD',
      'in_' || substr(md5('invoice ' || g || ' ' || n), 1, 14), 'Membership, month ' || n,
      jsonb_build_object('attempt', 1 + (g + n) % 3), now() - n * interval '30 days'
    FROM generate_series(1, 400) g, generate_series(1, 12) n
    WHERE g % 4 > 0;

    INSERT INTO sessions (id, user_id, title, description, status, created_at, updated_at, archived_at)
    SELECT md5('session ' || g)::uuid, md5('user ' || 1 + g % 400)::uuid,
      (ARRAY['Move to another city', 'Choose a school', 'Hire the second engineer', 'Buy or rent',
        'Change the supplier', 'Where to study', 'Close the old office', 'Which car'])[1 + g % 8]
        || CASE WHEN g > 8 THEN ', ' || 2016 + g % 10 ELSE '' END,
      CASE WHEN g % 3 = 0 THEN 'Begun in a hurry, to be done with care' END,
      (ARRAY['active', 'active', 'active', 'archived', 'active', 'deleted'])[1 + g % 6],
      now() - g * interval '4 hours', now() - g % 90 * interval '3 hours',
      CASE WHEN g % 6 = 3 THEN now() - g % 90 * interval '3 hours' END
    FROM generate_series(1, 1500) g;

    INSERT INTO cycles (id, session_id, status, current_component, created_at, completed_at)
    SELECT md5('cycle ' || g)::uuid, md5('session ' || 1 + g % 1500)::uuid,
      (ARRAY['in_progress', 'completed', 'in_progress', 'abandoned'])[1 + g % 4],
      (ARRAY['issue_raising', 'problem_frame', 'objectives', 'alternatives', 'consequences',
        'tradeoffs', 'recommendation', 'decision_quality'])[1 + g % 8],
      now() - g * interval '3 hours',
      CASE WHEN g % 4 = 1 THEN now() - g * interval '2 hours' END
    FROM generate_series(1, 2000) g;

    INSERT INTO cycles (id, session_id, parent_cycle_id, branch_point_component, created_at)
    SELECT md5('branch ' || g)::uuid, md5('session ' || 1 + g % 1500)::uuid,
      md5('cycle ' || g)::uuid, 'alternatives', now() - g * interval '1 hour'
    FROM generate_series(1, 400) g;

    INSERT INTO components (id, cycle_id, component_type, status, data, started_at, completed_at,
      created_at)
    SELECT md5('component ' || g || ' ' || n)::uuid, md5('cycle ' || g)::uuid,
      (ARRAY['issue_raising', 'problem_frame', 'objectives', 'alternatives', 'consequences',
        'tradeoffs', 'recommendation', 'decision_quality'])[n],
      CASE WHEN n < 1 + g % 8 THEN 'completed' ELSE 'in_progress' END,
      jsonb_build_object('notes', 'Step ' || n || ' of cycle ' || g, 'weight', g % 10),
      now() - g * interval '3 hours',
      CASE WHEN n < 1 + g % 8 THEN now() - g * interval '2 hours' END, now() - g * interval '3 hours'
    FROM generate_series(1, 2000) g, generate_series(1, 8) n
    WHERE n <= 1 + g % 8;

    INSERT INTO conversations (id, component_id, status, agent_phase, token_count, message_count,
      created_at)
    SELECT md5('conversation ' || g)::uuid, md5('component ' || g || ' 1')::uuid,
      (ARRAY['active', 'paused', 'completed', 'completed'])[1 + g % 4],
      (ARRAY['greeting', 'opening', 'warm_up', 'probing', 'clarifying', 'exploring', 'summarising',
        'checking', 'wrapping_up', 'closing'])[1 + g % 10],
      120 + g % 900, 9, now() - g * interval '3 hours'
    FROM generate_series(1, 2000) g;

    INSERT INTO messages (id, conversation_id, role, content, token_count, created_at,
      sequence_number)
    SELECT md5('message ' || g || ' ' || n)::uuid, md5('conversation ' || g)::uuid,
      CASE WHEN n = 1 THEN 'system' WHEN n % 2 = 0 THEN 'user' ELSE 'assistant' END,
      (ARRAY['What would have to be true for this to be the right choice?',
        'I keep coming back to the costs of the first year.',
        'Then let us write down three alternatives before we compare any of them.',
        'The family would rather stay, the work would rather not wait.',
        'Which of these goals would you give up first, if you had to?'])[1 + (g + n) % 5]
        || repeat(' And there is more to it.', g % 4),
      12 + (g * n) % 60, now() - g * interval '3 hours' + n * interval '40 seconds', n
    FROM generate_series(1, 2000) g, generate_series(1, 9) n;

    INSERT INTO outbox (id, aggregate_type, aggregate_id, event_type, payload, created_at,
      processed_at)
    SELECT md5('event ' || g)::uuid, 'cycle', md5('cycle ' || 1 + g % 2000)::uuid,
      (ARRAY['cycle.started', 'component.completed', 'cycle.completed'])[1 + g % 3],
      jsonb_build_object('number', g), now() - g * interval '9 minutes',
      CASE WHEN g > 60 THEN now() - g * interval '8 minutes' END
    FROM generate_series(1, 3000) g;

    INSERT INTO processed_events (event_id, handler_name, processed_at)
    SELECT id, 'mailer', processed_at FROM outbox WHERE processed_at IS NOT NULL;

    ANALYZE;
    """

  /// Readers, writers, a report that sits idle in its transaction, and an administrator who keeps a row
  /// locked while another client wants it.
  static let workload: [Client] = [
    Client(
      name: "web-1",
      steps: [
        .run("SELECT * FROM session_overview WHERE user_id = \(random("user", 400))"),
        .pause(.milliseconds(300)),
        .run("SELECT * FROM cycle_progress WHERE session_id = \(random("session", 1500))"),
        .pause(.milliseconds(400)),
        .run("SELECT * FROM conversation_activity ORDER BY last_message_at DESC LIMIT 20"),
        .pause(.milliseconds(500)),
      ]),
    Client(
      name: "web-2",
      steps: [
        .run("BEGIN"),
        .run("UPDATE memberships SET version = version + 1 WHERE id = \(frequentMembership)"),
        .run("UPDATE sessions SET version = version + 1 WHERE id = \(random("session", 1500))"),
        .run("COMMIT"),
        .pause(.milliseconds(1200)),
      ]),
    Client(
      name: "chat",
      steps: [
        .run("BEGIN"),
        .run(
          """
          INSERT INTO messages (conversation_id, role, content, token_count, sequence_number)
          VALUES (\(random("conversation", 2000)), 'user', 'And if we waited another year?', 9, 10)
          """),
        .pause(.milliseconds(150)),
        .run(
          """
          INSERT INTO outbox (aggregate_type, aggregate_id, event_type, payload)
          VALUES ('conversation', gen_random_uuid(), 'message.added', '{}')
          """),
        .run("COMMIT"),
        .pause(.milliseconds(700)),
      ]),
    Client(
      name: "publisher",
      steps: [
        .run(
          """
          WITH next AS (
            SELECT id FROM outbox WHERE processed_at IS NULL
            ORDER BY created_at LIMIT 5 FOR UPDATE SKIP LOCKED
          )
          UPDATE outbox SET processed_at = now() FROM next WHERE outbox.id = next.id
          """),
        .pause(.seconds(2)),
      ]),
    Client(
      name: "billing",
      steps: [
        .run(
          """
          INSERT INTO billing_history (membership_id, event_type, amount_cents)
          VALUES (\(random("membership", 400)), 'invoice_paid', 1900)
          """),
        .pause(.seconds(1)),
      ]),
    Client(
      name: "report-job",
      steps: [
        .pause(.seconds(5)),
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ"),
        .run("SELECT count(*) FROM session_overview"),
        .run("SELECT sum(amount_cents) FROM billing_history"),
        .pause(.seconds(8)),
        .run("SELECT count(*) FROM conversation_activity"),
        .pause(.seconds(4)),
        .run("COMMIT"),
      ]),
    Client(
      name: "admin",
      steps: [
        .pause(.seconds(3)),
        .run("BEGIN"),
        .run("SELECT * FROM memberships WHERE id = \(frequentMembership) FOR UPDATE"),
        .pause(.seconds(4)),
        .run("COMMIT"),
        .pause(.seconds(6)),
      ]),
  ]

  /// The row that more than one client wants.
  private static let frequentMembership = "md5('membership 1')::uuid"

  /// The identifier of some row of `rows`, chosen by the server, once a statement.
  private static func random(_ kind: String, _ count: Int) -> String {
    "(SELECT md5('\(kind) ' || 1 + floor(random() * \(count))::int)::uuid)"
  }
}
