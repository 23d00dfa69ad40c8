import Testing

@testable import PostgresModel

@Suite struct RowPolicyTests {
  private func policy(
    using: String? = nil, check: String? = nil, sources: [String] = [], isEnabled: Bool = true,
    oid: Int64 = 1
  ) -> RowPolicy {
    let owner = RowSecurity.Role(name: "o", isSuperuser: false, bypasses: false)
    let table = RowSecurity(
      table: 2, object: "public.t", name: "t", isEnabled: isEnabled, isForced: false, owner: owner)
    return RowPolicy(
      oid: oid, name: "p", command: .all, isPermissive: true, roles: [], using: using, check: check,
      table: table, sources: sources)
  }

  @Test func `the settings that it reads are found, in its functions as well`() {
    let policy = policy(
      using: "(tenant = (current_setting('app.tenant'::text))::integer)",
      sources: ["select current_setting('request.jwt', true)", "select 'not.one'"])
    #expect(policy.settings == ["app.tenant", "request.jwt"])
    #expect(self.policy(using: "(email = 'a.b'::text)").settings == [])
    #expect(self.policy(using: "current_setting('work_mem') = '4.5'").settings == [])
  }

  @Test func `what is written has to fulfil what may be seen where nothing else is said`() {
    #expect(policy(using: "a").written == "a")
    #expect(policy(using: "a", check: "b").written == "b")
  }

  @Test func `it is touched where it changes or its table is switched`() {
    let old = [policy(using: "a")]
    #expect(RowPolicy.touched(from: old, to: [policy(using: "a", oid: 7)]) == [])
    #expect(RowPolicy.touched(from: old, to: [policy(using: "b")]).count == 1)
    #expect(RowPolicy.touched(from: old, to: [policy(using: "a", isEnabled: false)]).count == 1)
    #expect(RowPolicy.touched(from: [], to: old).count == 1)
  }

  @Test func `why nobody is bound is told`() {
    func role(_ isSuperuser: Bool, _ bypasses: Bool) -> String? {
      RowSecurity.Role(name: "x", isSuperuser: isSuperuser, bypasses: bypasses).exemption
    }
    #expect(role(true, true) == "x is a superuser")
    #expect(role(false, true) == "x has BYPASSRLS")
    #expect(role(false, false) == nil)
  }
}
