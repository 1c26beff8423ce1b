/// The version of this source tree.
///
/// `--version` of each program prints it, and `CHANGELOG.md` begins with it.
package enum ProgramVersion {
    /// The version by the rules of semver.org.
    package static let current = "0.1.0"
}
