import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@Suite struct TLSTests {
    @Test func `a server without TLS is refused when TLS is asked for`() async throws {
        let port = try freePort()
        let server = try PrivateServer(port: port, options: ["--skip-ssl"])
        defer { server.destroy() }
        let authority = try Authority(name: "some authority")
        defer { authority.remove() }
        for tls in [ConnectionConfiguration.TLS.required, .verify(authorities: authority.certificate)] {
            await #expect(throws: DatabaseError.self, "\(tls)") { try await Connection.open(remote(port, tls)) }
        }
        await #expect(throws: Never.self) { try await Connection.open(remote(port, .disabled)).close() }
    }

    @Test func `the second host is reached with all the options that the first was`() async throws {
        let port = try freePort()
        let server = try PrivateServer(port: port, options: ["--skip-ssl"])
        defer { server.destroy() }
        var configuration = remote(port, .disabled)
        configuration.endpoint = .hosts([
            .init(name: "127.0.0.1", port: try freePort()), .init(name: "127.0.0.1", port: port),
        ])
        configuration.timeouts.read = .seconds(1)
        configuration.timeouts.statement = .zero
        let connection = try await Connection.open(configuration)
        let error = await #expect(throws: DatabaseError.self, "the read timeout holds on the second host") {
            try await connection.withSession { try $0.query("SELECT SLEEP(5)").count }
        }
        #expect(error?.code == .connectionLost)
        await connection.close()

        configuration.tls = .required
        let plain = await #expect(throws: DatabaseError.self) { try await Connection.open(configuration) }
        #expect(plain != nil, "nor is it reached in plain text")
    }

    @Test func `verify takes our authority's certificate for the host, and no other`() async throws {
        let port = try freePort()
        let ours = try Authority(name: "ours")
        let foreign = try Authority(name: "foreign")
        defer {
            ours.remove()
            foreign.remove()
        }
        let certificate = try ours.issue(host: "localhost")
        let server = try PrivateServer(
            port: port,
            options: [
                "--ssl-cert=\(certificate.chain)", "--ssl-key=\(certificate.key)", "--ssl-ca=\(ours.certificate)",
            ]
        )
        defer { server.destroy() }

        let connection = try await Connection.open(
            remote(port, .verify(authorities: ours.certificate), host: "localhost")
        )
        let cipher = try await connection.withSession { session in
            try session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0].decode((String, String).self).1
        }
        #expect(!cipher.isEmpty)
        await connection.close()

        await #expect(throws: DatabaseError.self, "a foreign authority") {
            try await Connection.open(remote(port, .verify(authorities: foreign.certificate), host: "localhost"))
        }
        await #expect(throws: DatabaseError.self, "another host's certificate") {
            try await Connection.open(remote(port, .verify(authorities: ours.certificate), host: "127.0.0.1"))
        }
    }

    private func remote(
        _ port: UInt16,
        _ tls: ConnectionConfiguration.TLS,
        host: String = "127.0.0.1"
    ) -> ConnectionConfiguration {
        ConnectionConfiguration(endpoint: .hosts([.init(name: host, port: port)]), user: "root", tls: tls)
    }
}

/// A certificate authority of the test's own, made with openssl.
private struct Authority {
    let directory: String
    var certificate: String { "\(directory)/ca.pem" }

    init(name: String) throws {
        directory = "/tmp/clusterops-ca-\(UInt32.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try openssl(
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=\(name)",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem"
        )
    }

    func issue(host: String) throws -> (chain: String, key: String) {
        try openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=\(host)",
            "-keyout",
            "host.key",
            "-out",
            "host.csr"
        )
        try openssl(
            "x509",
            "-req",
            "-in",
            "host.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-out",
            "host.pem"
        )
        return ("\(directory)/host.pem", "\(directory)/host.key")
    }

    func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func openssl(_ arguments: String...) throws {
        let process = try SpawnedProcess(
            "/bin/sh",
            ["-c", "cd \"$0\" && exec openssl \"$@\"", directory] + arguments,
            output: "\(directory)/log"
        )
        try #require(process.wait() == 0, "openssl \(arguments.joined(separator: " "))")
    }
}

/// A port that was free a moment ago.
private func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    return try withUnsafeMutablePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            try #require(bind(descriptor, generic, length) == 0)
            try #require(getsockname(descriptor, generic, &length) == 0)
            return pointer.pointee.sin_port.bigEndian
        }
    }
}
