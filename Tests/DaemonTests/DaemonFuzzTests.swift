import ClusterOpsTestKit
import Logging
import Testing

@testable import ClusterDaemon
@testable import ClusterModel
@testable import DatabaseTime

/// What daemons read at their start, and what they write, may be about anything.
@Suite(.timeLimit(.minutes(15))) struct DaemonFuzzTests {
    private static let pieces = [
        "worker", "slots", ":", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "\"", "'", "&a ", "*a", "!!str ", "? ",
        "tasks", "command", "#", "|", ">", "4", "~", "<<", "---\n", ",", "database", "hosts", "\u{1b}", "\0",
    ]
    private static let files = [
        """
        node: {name: h1}
        database:
          hosts: [db1, 'db2:3307']
          tls: {mode: verify, ca_file: /etc/ca.pem}
        worker:
          slots: 4
          poll_interval: 250ms
        tasks:
          reboot:
            command: [/usr/bin/reboot, "--now"]
            timeout: 5m
            coalescible: true
        election: {lease: 30s, fence: 20s, renew: 5s}
        network: {dns_servers: [10.9.0.53], namespace_prefix: co-}
        """,
        Configuration.annotatedExample,
    ]

    @Test func `no text makes the loader trap, and its complaints are lines of plain text`() {
        let fuzz = Fuzz("configuration file", oneIn: 2) { random in
            var loader = ConfigurationLoader()
            let text =
                Bool.random(using: &random)
                ? random.text(alphabet: Self.pieces, longest: 20) : random.text(like: Self.files)
            loader.readFile(text, path: "c.yaml")
            do throws(ConfigurationError) {
                _ = try loader.finish()
                return .accepted
            } catch {
                let hidden = error.problems.first { $0.description.hasHiddenCharacters }
                return hidden.map { .wrong("\(text.debugDescription) is shown in \($0)") } ?? .refused
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `no variables make the loader trap, and its complaints are lines of plain text`() {
        let names = Configuration.keys.map(\.variable)
        let values = ["4", "5s", "h1", "10.0.0.1:1", "a,b", "/x", "true", "off", "", "\u{1b}[2J", "x"]
        // Few values fit their name by chance.
        let right = [
            ("CLUSTEROPS_WORKER_SLOTS", "4"), ("CLUSTEROPS_HTTP_QUEUEWORKER", "off"), ("CLUSTEROPS_DATABASE_NAME", "b"),
        ]
        let fuzz = Fuzz("variables", oneIn: 4) { random in
            var loader = ConfigurationLoader()
            var environment: [String: String] = [:]
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                if Bool.random(using: &random), let (name, value) = right.randomElement(using: &random) {
                    environment[name] = value
                    continue
                }
                let name =
                    Bool.random(using: &random)
                    ? names.randomElement(using: &random) ?? "" : "CLUSTEROPS_" + random.text(like: names)
                environment[name] = random.text(alphabet: values, longest: 3)
            }
            loader.readEnvironment(environment)
            do throws(ConfigurationError) {
                _ = try loader.finish()
                return .accepted
            } catch {
                let hidden = error.problems.first { $0.description.hasHiddenCharacters }
                return hidden.map { .wrong("\(environment) is shown in \($0)") } ?? .refused
            }
        }
        #expect(fuzz.complaints == [])
        #expect(fuzz.accepted > 0)
    }

    @Test func `whatever is logged is one line without hidden characters, and as JSON reads back with each key once`() {
        let words = [
            "a", "time", "_time", "message", "\n", "\r", "\u{1b}[2J", "\"", "\\", "\u{202e}", "\u{2028}", "\0", "é",
        ]
        let fuzz = Fuzz("log line") { random in
            func text(_ random: inout SeededGenerator) -> String { random.text(alphabet: words, longest: 8) }
            func metadata(_ random: inout SeededGenerator) -> Logger.Metadata {
                var metadata: Logger.Metadata = [:]
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let value: Logger.Metadata.Value =
                        switch Int.random(in: 0...3, using: &random) {
                        case 0: .stringConvertible(Double.random(in: -2...2, using: &random))
                        case 1: .array([.string(text(&random)), .string(text(&random))])
                        case 2: .dictionary([text(&random): .string(text(&random))])
                        default: .string(text(&random))
                        }
                    metadata[text(&random)] = value
                }
                return metadata
            }
            let record = LogRecord(
                time: Timestamp(microseconds: 0),
                level: .notice,
                label: text(&random),
                message: text(&random),
                metadata: [metadata(&random), metadata(&random)]
            )
            for format in [LogFormat.json, .journal, .text] {
                let line = format.line(record)
                guard line.hasSuffix("\n"), !String(line.unicodeScalars.dropLast()).hasHiddenCharacters else {
                    return .wrong("\(format): \(line.debugDescription)")
                }
            }
            let limits = JSONLimits(bytes: 65_536, levels: 8)
            let line = LogFormat.json.line(record)
            guard case .object(let object)? = try? JSONValue(parsing: line, limits: limits),
                object["message"] == .string(record.message), object["label"] == .string(record.label)
            else { return .wrong("\(record) becomes \(line)") }
            return .accepted
        }
        #expect(fuzz.complaints == [])
    }
}
