import ClusterOpsTestKit
import Foundation
import Glibc
import Testing

/// Clients that keep what they were given, in front of a real queueworker.
@Suite(.timeLimit(.minutes(15))) struct SlowClientTests {
    /// As `HTTPSurface.mostConnections`.
    private static let mostConnections = 64
    /// Those that are accepted in one turn are counted after it.
    private static let mostInOneTurn = 16

    @Test(arguments: [
        "", "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1",
    ])
    func `clients that do not finish their request hold a bounded number of connections, and lose them`(
        said: String
    ) async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            let address = try await worker.address()
            let clients = try (0..<100).map { _ in try OpenConnection(to: address, saying: said) }
            defer { for client in clients { client.close() } }
            try await eventually("as many as may be are taken") {
                try Self.connections(of: worker.program.pid) >= Self.mostConnections
            }
            // Behind all of them, it has to wait for those to be closed that were there first.
            let patient = try OpenConnection(to: address, saying: "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            defer { patient.close() }
            var most = 0
            var answer = ""
            try await eventually("somebody else is answered", within: .seconds(90)) {
                most = try max(most, Self.connections(of: worker.program.pid))
                answer += patient.received() ?? ""
                return answer.hasPrefix("HTTP/1.1 200")
            }
            #expect(most <= Self.mostConnections + Self.mostInOneTurn)
            try await eventually("all of them have lost their connection", within: .seconds(90)) {
                clients.allSatisfy { client in
                    // What it is answered, if anything, is read first.
                    while let text = client.received() { if text.isEmpty { return false } }
                    return true
                }
            }
        }
    }

    @Test(arguments: [
        "X-Long: \(String(repeating: "x", count: 20_000))\r\n",
        (0..<200).map { "X-\($0): y\r\n" }.joined(),
    ])
    func `a request with more of a header than anybody needs is refused`(header: String) async throws {
        try await withFacedCluster { cluster in
            let worker = try await FacedWorker.start(cluster.configuration)
            let client = try OpenConnection(
                to: try await worker.address(),
                saying: "GET /livez HTTP/1.1\r\nHost: x\r\n\(header)\r\n"
            )
            defer { client.close() }
            var answer = ""
            try await eventually("it is let go") {
                guard let text = client.received() else { return true }
                answer += text
                return false
            }
            #expect(!answer.contains(" 200 "), "\(answer)")
            try await eventually("others are answered") { try await worker.status("livez") == 200 }
        }
    }

    /// TCP connections that a process holds.
    private static func connections(of pid: Int32) throws -> Int {
        var established: Set<String> = []
        for line in try lines("/proc/\(pid)/net/tcp").dropFirst() {
            let columns = line.split(separator: " ")
            // ESTABLISHED, and CLOSE_WAIT of one whose client has closed.
            if columns.count > 9, ["01", "08"].contains(columns[3]) { established.insert("socket:[\(columns[9])]") }
        }
        return try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(descriptor)")
            return target.map(established.contains) ?? false
        }
    }

    /// The lines of a file whose length is not known before it has been read.
    private static func lines(_ path: String) throws -> [Substring] {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        var text = Data()
        while let piece = try file.read(upToCount: 65_536), !piece.isEmpty { text += piece }
        return String(decoding: text, as: UTF8.self).split(separator: "\n")
    }
}
