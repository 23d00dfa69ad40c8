import MigrationModel
import Testing

/// Whether two names can be those of one person.
@Suite struct PersonTests {
  @Test func `the address that GitHub hides another behind is the login`() {
    let hidden = Person("Ann <123+ann@users.noreply.github.com>")
    #expect(hidden.mayBe(Person("ann")))
    #expect(!hidden.mayBe(Person("bob")))
    #expect(!Person("").mayBe(Person("")))
  }
}
