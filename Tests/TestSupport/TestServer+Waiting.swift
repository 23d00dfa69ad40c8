extension TestDatabase {
  /// Waits on the server until a condition holds; one that does not come true ends the test.
  ///
  /// - Parameter condition: SQL, as of a `WHERE`.
  public func wait(until condition: String) async throws {
    try await execute(
      """
      DO $$ BEGIN
        FOR i IN 1..6000 LOOP
          PERFORM pg_stat_clear_snapshot();
          IF \(condition) THEN RETURN; END IF;
          PERFORM pg_sleep(0.01);
        END LOOP;
        RAISE EXCEPTION 'waited in vain';
      END $$
      """)
  }

  /// Waits until a session of this application waits for a lock.
  public func waitUntilLocked(_ application: String) async throws {
    try await wait(
      until: """
        EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '\(application)'
          AND wait_event_type = 'Lock' AND datname = current_database())
        """)
  }

  /// Waits until the server has noticed that every client is gone.
  public func waitUntilUnused() async throws {
    try await wait(
      until: """
        NOT EXISTS (SELECT FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid())
        """)
  }
}
