extension Rehearsal {
  /// What a rehearsal tries on the copy around each migration.
  public static var standardProbes: [any ScratchProbe] {
    [IndexProbe(), ConstraintProbe(), RowSecurityProbe(), ViewCheckProbe(), TriggerProbe()]
  }
}
