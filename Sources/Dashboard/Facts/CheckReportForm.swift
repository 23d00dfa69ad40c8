/// The forms in which a checklist is written for others.
public enum CheckReportForm: String, Sendable, Hashable, CaseIterable {
  case markdown = "md"
  case html
  case json
}
