import Testing

@testable import ClusterDaemon
@testable import ClusterModel

/// What a reload changes, key by key.
@Suite struct ConfigurationChangeTests {
    /// The defaults with one key set to its example.
    private func changed(_ key: ConfigurationKey<Configuration>) throws -> Configuration {
        var configuration = Configuration()
        try key.assign(&configuration, key.example)
        return configuration
    }

    @Test func `each key is either gone by at once or named as one that awaits a restart`() throws {
        let old = Configuration()
        for key in Configuration.keys {
            let new = try changed(key)
            let change = ConfigurationChange(from: old, to: new)
            // Both ways to name the server are one setting.
            #expect((change.reloaded + change.awaitingRestart).contains(key.path), "\(key.path)")
            let held = old.reloaded(from: new)
            #expect((held == new) == change.awaitingRestart.isEmpty, "\(key.path)")
            #expect((held == old) == change.reloaded.isEmpty, "\(key.path)")
        }
    }

    @Test func `tasks that are added, changed or removed are named, and no others`() throws {
        var (old, new) = (Configuration(), Configuration())
        let (kept, altered, added, removed) = (
            try TaskName("kept"), try TaskName("altered"), try TaskName("added"), try TaskName("removed")
        )
        old.tasks = [kept: .init(command: ["a"]), altered: .init(command: ["a"]), removed: .init(command: ["a"])]
        new.tasks = [kept: .init(command: ["a"]), altered: .init(command: ["b"]), added: .init(command: ["a"])]
        let change = ConfigurationChange(from: old, to: new)
        #expect(change.reloaded == ["tasks.added", "tasks.altered", "tasks.removed"])
        #expect(change.awaitingRestart.isEmpty && old.reloaded(from: new) == new)
        #expect(ConfigurationChange(from: new, to: new) == ConfigurationChange(from: old, to: old))
    }

    @Test func `the annotated example says which keys are reloaded`() {
        let lines = Configuration.annotatedExample.split(separator: "\n").filter { $0.contains("reloaded at SIGHUP") }
        #expect(lines.count == ConfigurationChange.reloadableKeys.count + 1)
    }
}
