import ClusterModel
import ClusterOpsTestKit
import Exposition
import Foundation
import Glibc
import Logging
import Testing

@testable import DaemonFace

/// Whatever comes to the port of a daemon, and whatever its metrics are about.
@Suite(.timeLimit(.minutes(15))) struct SurfaceFuzzTests {
    private static let requests = [
        "GET /livez HTTP/1.1\r\nHost: h1\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: h1\r\nAccept: */*\r\n\r\n",
        "POST /readyz HTTP/1.1\r\nHost: h1\r\nContent-Length: 4\r\n\r\nabcd", "HEAD / HTTP/1.0\r\n\r\n",
        "GET /%2e%2e/%00 HTTP/1.1\r\nHost: h1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    ].map { Array($0.utf8) }

    @Test func `no request ends the surface or hangs it, and each answer is one of HTTP`() async throws {
        let port = try freePort()
        let surface = HTTPSurface(
            address: try HostPort("127.0.0.1:\(port)"),
            key: "http.test",
            health: Health([{ Finding("database", isReady: true, "connected") }]),
            metrics: { [] },
            logger: .silent
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await surface.run() }
            try await eventually("it listens") {
                await onThread { Self.answer(to: Self.requests[0], port) }?.hasPrefix("HTTP/1.1 200") == true
            }
            let fuzz = await onThread {
                Fuzz("HTTP request", oneIn: 20) { random in
                    let request = random.bytes(like: Self.requests)
                    guard let answer = Self.answer(to: request, port) else {
                        return .wrong("\(request): no connection")
                    }
                    guard answer.isEmpty || answer.hasPrefix("HTTP/1.") else { return .wrong("\(request): \(answer)") }
                    // It serves the next one.
                    let next = Self.answer(to: Self.requests[0], port, within: 60_000_000)
                    guard next?.hasPrefix("HTTP/1.1 200") == true else { return .wrong("after \(request)") }
                    return answer.isEmpty ? .refused : .accepted
                }
            }
            #expect(fuzz.complaints == [])
            #expect(fuzz.accepted > 0)
            group.cancelAll()
        }
    }

    /// Returns what is answered until the connection ends, or nothing has come for a while; nil without a connection.
    ///
    /// The surface waits for the rest of a request, and ends the connection after a time that other tests are about.
    private static func answer(to request: [UInt8], _ port: UInt16, within limit: Int = 200_000) -> String? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var limit = timeval(tv_sec: limit / 1_000_000, tv_usec: limit % 1_000_000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return nil }
        _ = send(descriptor, request, request.count, Int32(MSG_NOSIGNAL))
        var (all, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 65_536))
        shutdown(descriptor, Int32(SHUT_WR))
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            all += buffer.prefix(count)
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// A label's value as the format defines it: with `\\`, `\"` and `\n` for three bytes.
    private static func escaped(_ text: String) -> [UInt8] {
        text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "\\"): Array("\\\\".utf8)
            case UInt8(ascii: "\""): Array("\\\"".utf8)
            case UInt8(ascii: "\n"): Array("\\n".utf8)
            default: [byte]
            }
        }
    }

    @Test func `whatever its labels are, a page of metrics has a line for each sample`() {
        let values = ["a", "\n", "\r", "\"", "\\", "{", "}", ",", "=", " ", "\u{1b}", "\u{2028}", "é", "\0"]
        let fuzz = Fuzz("page of metrics") { random in
            let texts = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                random.text(alphabet: values, longest: 6)
            }
            let samples = texts.enumerated().map { number, text in
                MetricFamily.Sample(MetricLabels([("number", "\(number)"), ("text", text)]), 1)
            }
            let help = "Help" + random.text(alphabet: values, longest: 6)
            let page = PrometheusText.render([MetricFamily("clusterops_jobs", .gauge, help: help, samples)])
            // By bytes, as Prometheus reads it: a mark that combines with a quotation mark is one character with it.
            let lines = page.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast().map(
                Array.init
            )
            let expected = texts.enumerated().map { number, text in
                Array("clusterops_jobs{number=\"\(number)\",text=\"".utf8) + Self.escaped(text) + Array("\"} 1".utf8)
            }
            return Array(lines.dropFirst(2)) == expected ? .accepted : .wrong(page.debugDescription)
        }
        #expect(fuzz.complaints == [])
    }
}

/// Runs what blocks on a thread of its own.
private func onThread<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
