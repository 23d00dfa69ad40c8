import MigrationEngine
import MigrationModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct PlantedPolicyTests {
  @Test(arguments: planted)
  func `what is found is what is true`(_ planted: PlantedConstraint) async throws {
    try await planted.expectTruth(by: RowSecurityProbe())
  }

  @Test func `an owner who may make no role is bound himself`() async throws {
    let base =
      Self.role("probe_plain", "login createdb")
      + "do $$ begin execute format('alter database %I owner to probe_plain', current_database());"
      + " end $$; set role probe_plain; \(Self.notes)"
    let fixture = ProbeFixture(base: base, user: "probe_plain")
    let policy = "create policy p on notes using (tenant = 3);"
    let trials = try await fixture.trials(Self.enabled + policy, probes: [RowSecurityProbe()])
    #expect(trials.map(\.outcome) == [.proven, .proven], "\(trials.words)")
    #expect(
      trials.flatMap(\.evidence).contains {
        $0.text
          == "tried as the owner probe_plain, row security forced for it; no role could be made to"
          + " try it with: permission denied to create role (SQLSTATE 42501)"
      }, "\(trials.words)")
    let forced = try await fixture.trials(
      Self.enabled + "alter table notes force row level security;" + policy,
      probes: [RowSecurityProbe()])
    #expect(forced.map(\.outcome) == [.proven, .proven], "\(forced.words)")
    let idle = try await fixture.trials(policy, probes: [RowSecurityProbe()])
    #expect(idle.map(\.outcome) == [.refuted], "\(idle.words)")
  }

  @Test func `nothing is left on the server`() async throws {
    let fixture = ProbeFixture(base: Self.notes)
    let watch = LeftoverProbe()
    let up = Self.enabled + "create policy p on notes using (tenant = 3);"
    let report = try await fixture.report(
      up, down: "drop policy p on notes; alter table notes disable row level security;",
      probes: [watch.beginning] + Rehearsal.standardProbes + [watch.end])
    #expect(report.migrations.map(\.verdict) == [.passed], "\(report.migrations)")
    #expect(watch.seen.first == watch.seen.last, "\(watch.seen)")
    let session = try await fixture.server.makeDatabase()
    try await session.execute(
      "do $$ begin if exists (select from pg_roles where rolname like 'lockstep_probe%') then"
        + " raise 'a role is left'; end if; end $$")
  }

  private static let notes =
    "create table notes (id serial primary key, tenant int not null, owner text, body text)"
  private static let enabled = "alter table notes enable row level security; "
  private static let policy = "policy p of public.notes"

  /// A role of the server, made where it is not there; databases of other tests share it.
  private static func role(_ name: String, _ options: String = "") -> String {
    "do $$ begin create role \(name) \(options); exception when duplicate_object or unique_violation"
      + " then null; end $$; "
  }

  static let planted: [PlantedConstraint] = [
    // They hold.
    .init(
      words: "a policy for everything", base: notes,
      up: enabled + "create policy p on notes using (tenant = 3);",
      truth: [policy: .proven, "row security of public.notes": .proven],
      evidence: "new row violates row-level security policy for table \"notes\" (SQLSTATE 42501)"),
    .init(
      words: "what a tenant sees", base: notes,
      up: enabled
        + "create policy p on notes using (tenant = current_setting('app.tenant')::int);",
      truth: [policy: .proven], evidence: "app.tenant was 1 for this"),
    .init(
      words: "what a tenant sees, where tenants are rows",
      base: notes + "; create table tenants (id int primary key); alter table notes add foreign key"
        + " (tenant) references tenants",
      up: enabled
        + "create policy p on notes using (tenant = current_setting('app.tenant')::int);",
      truth: [policy: .proven, "row security of public.notes": .proven]),
    .init(
      words: "what a tenant sees, where one tenant is there",
      base: notes
        + "; create table tenants (id uuid primary key); alter table notes drop tenant, add"
        + " tenant uuid not null references tenants; insert into tenants values (gen_random_uuid())",
      up: enabled
        + "create policy p on notes using (tenant = current_setting('app.tenant')::uuid);",
      truth: [policy: .proven, "row security of public.notes": .proven]),
    .init(
      words: "one's own by a function", base: notes,
      up: enabled + "create function me() returns text language sql stable as $$ select"
        + " nullif(current_setting('app.me', true), '') $$; create policy p on notes using (owner ="
        + " me());", truth: [policy: .proven]),
    .init(
      words: "beside one that reads a document", base: notes,
      up: enabled + "create function me() returns text language sql stable as $$ select"
        + " nullif(current_setting('app.claims', true), '')::json ->> 'sub' $$; create policy q on"
        + " notes using (owner = me()); create policy p on notes for select using (tenant = 3);",
      truth: [
        policy: .proven, "policy q of public.notes": .proven,
        "row security of public.notes": .proven,
      ]),
    .init(
      words: "one's own by the role", base: notes,
      up: enabled + "create policy p on notes using (owner = current_user);",
      truth: [policy: .proven]),
    .init(
      words: "reading alone", base: notes,
      up: enabled + "create policy p on notes for select using (tenant > 10);",
      truth: [policy: .proven, "row security of public.notes": .proven],
      evidence: "with the policy dropped asking for a row with tenant '1000001' finds nothing"),
    .init(
      words: "inserting alone", base: notes,
      up: enabled + "create policy p on notes for insert with check (length(body) < 10);",
      truth: [policy: .proven]),
    .init(
      words: "changing alone, into something else", base: notes,
      up: enabled
        + "create policy p on notes for update using (tenant < 5) with check (tenant < 8);",
      truth: [policy: .proven], evidence: "is refused: new row violates row-level security"),
    .init(
      words: "deleting alone", base: notes,
      up: enabled + "create policy p on notes for delete using (owner is null);",
      truth: [policy: .proven],
      evidence: "with the policy dropped deleting a row with owner NULL finds nothing"),
    .init(
      words: "a restrictive one beside a permissive one", base: notes,
      up: enabled + "create policy q on notes using (true); create policy p on notes as restrictive"
        + " using (tenant <> 7);",
      truth: [policy: .proven, "policy q of public.notes": .notProven],
      evidence: "violates row-level security policy \"p\" for table \"notes\""),
    .init(
      words: "two permissive ones", base: notes,
      up: enabled + "create policy p on notes using (tenant = 3); create policy q on notes using"
        + " (owner = 'me');",
      truth: [policy: .proven, "policy q of public.notes": .proven]),
    .init(
      words: "no policy at all", base: notes, up: enabled,
      truth: ["row security of public.notes": .proven],
      evidence: "FORCE ROW LEVEL SECURITY is not set"),
    .init(
      words: "for a role of its own",
      base: notes + "; " + role("probe_app"),
      up: enabled + "create policy p on notes to probe_app using (tenant = 3);",
      truth: [policy: .proven],
      evidence: "probe_app has no SELECT, INSERT, UPDATE, DELETE on it: it was given them for this"),
    .init(
      words: "forced upon its owner",
      base: notes + "; " + role("probe_owner") + "alter table notes owner to probe_owner",
      up: enabled
        + "alter table notes force row level security; create policy p on notes using (tenant = 3);",
      truth: [policy: .proven, "row security of public.notes": .proven],
      evidence: "as the owner probe_owner is refused"),
    .init(
      words: "behind a trigger that corrects rows",
      base: notes + "; create function mine() returns trigger language plpgsql as $$ begin"
        + " new.tenant = 3; return new; end $$; create trigger t before insert on notes for each row"
        + " execute function mine()",
      up: enabled + "create policy p on notes for insert with check (tenant = 3);",
      truth: [policy: .proven], evidence: "the tables' own triggers were off for this"),
    .init(
      words: "by the rows of another table",
      base: notes + "; create table tenants (id int primary key, closed bool not null); alter table"
        + " notes add foreign key (tenant) references tenants",
      up: enabled + "create policy p on notes for insert with check (exists (select from tenants t"
        + " where t.id = notes.tenant and not t.closed));", truth: [policy: .notProven]),
    // They do not, or nobody can tell.
    .init(
      words: "without row security", base: notes,
      up: "create policy p on notes using (tenant = 3);", truth: [policy: .refuted],
      evidence: "row security is not enabled on public.notes: the policy does nothing"),
    .init(
      words: "whose row security is switched off",
      base: notes + "; " + enabled + "create policy p on notes using (tenant = 3)",
      up: "alter table notes disable row level security;", truth: [policy: .refuted]),
    .init(
      words: "forced, but not enabled", base: notes,
      up: "alter table notes force row level security;",
      truth: ["row security of public.notes": .refuted],
      evidence: "it is forced, but not enabled: it does nothing"),
    .init(
      words: "forced upon a superuser", base: notes,
      up: enabled + "alter table notes force row level security;",
      truth: ["row security of public.notes": .notProven],
      evidence: "FORCE ROW LEVEL SECURITY does nothing:"),
    .init(
      words: "for a role that goes past it", base: notes + "; " + role("probe_past", "bypassrls"),
      up: enabled + "create policy p on notes to probe_past using (tenant = 3);",
      truth: [policy: .refuted], evidence: "not probe_past, which has BYPASSRLS"),
    .init(
      words: "for its owner alone",
      base: notes + "; " + role("probe_owner") + "alter table notes owner to probe_owner",
      up: enabled + "create policy p on notes to probe_owner using (tenant = 3);",
      truth: [policy: .refuted], evidence: "without FORCE ROW LEVEL SECURITY"),
    .init(
      words: "that lets everything through", base: notes,
      up: enabled + "create policy p on notes using (true);", truth: [policy: .notProven],
      evidence: "no values were found for which it lets nothing through: true"),
    .init(
      words: "that another one makes useless",
      base: notes + "; " + enabled + "create policy q on notes using (true)",
      up: "create policy p on notes using (tenant = 3);", truth: [policy: .notProven]),
    .init(
      words: "two that let the same through", base: notes,
      up: enabled
        + "create policy p on notes for select using (tenant = 3); create policy q on notes"
        + " for select using (tenant = 3);",
      truth: [policy: .notProven, "policy q of public.notes": .notProven],
      evidence: "is accepted as well: by another one"),
    .init(
      words: "that lets nothing through", base: notes,
      up: enabled + "create policy p on notes using (false);", truth: [policy: .notProven],
      evidence: "no row was found that it lets through"),
    .init(
      words: "a restrictive one alone", base: notes,
      up: enabled + "create policy p on notes as restrictive using (tenant <> 7);",
      truth: [policy: .notProven]),
    .init(
      words: "what no value can be found for", base: notes,
      up: enabled + "create policy p on notes using (md5(body) <> 'x' or body is null);",
      truth: [policy: .notProven]),
    .init(
      words: "that asks what its role may not read",
      base: notes + "; create table secrets (tenant int); insert into secrets values (3); "
        + role("probe_app"),
      up: enabled + "create policy p on notes for insert to probe_app with check (tenant in (select"
        + " s.tenant from secrets s));", truth: [policy: .notProven]),
    .init(
      words: "nothing of the kind", base: notes,
      up: "alter table notes add column age int;", truth: [:]),
  ]
}
