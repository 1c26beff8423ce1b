import ClusterOpsTestKit
import Foundation
import MariaDB
import Testing

@Suite struct TLSTests {
    @Test func `a server without TLS is refused when TLS is asked for`() async throws {
        let port = try freePort()
        let server = try PrivateServer(port: port, options: ["--skip-ssl"])
        defer { server.destroy() }
        let authority = try CertificateAuthority(name: "some-authority")
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
        let ours = try CertificateAuthority(name: "ours")
        let foreign = try CertificateAuthority(name: "foreign")
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

    @Test func `a TLS connection that is cut is a lost one, as a plain one is, and a transaction begins again`()
        async throws
    {
        let authority = try CertificateAuthority(name: "ours")
        defer { authority.remove() }
        let certificate = try authority.issue(host: "localhost")
        let server = try PrivateServer(options: [
            "--ssl-cert=\(certificate.chain)", "--ssl-key=\(certificate.key)", "--ssl-ca=\(authority.certificate)",
        ])
        let proxy = try DatabaseProxy(to: server)
        defer {
            proxy.close()
            server.destroy()
        }
        let configuration = remote(proxy.port, .verify(authorities: authority.certificate), host: "localhost")
        let connection = try await Connection.open(configuration)
        let error = await #expect(throws: DatabaseError.self) {
            try await connection.withSession { session in
                _ = try session.query("SELECT 1")
                proxy.dropAll()
                _ = try session.query("SELECT 2")
            }
        }
        #expect(error?.code == .connectionLost && error?.isUnreachable == true, "\(String(describing: error))")
        await connection.close()

        let database = Database(configuration, logger: .silent)
        let begun = Locked(0)
        let answer = try await database.withTransaction { transaction in
            begun.update { $0 += 1 }
            _ = try transaction.query("SELECT 1")
            if begun.value == 1 { proxy.dropAll() }
            return try transaction.query("SELECT 42")[0].only(Int.self)
        }
        #expect(answer == 42 && begun.value == 2)
        await database.close()
    }

    @Test func `a server that asks for the password in clear does not get it, whatever is asked of TLS`() async throws {
        let authority = try CertificateAuthority(name: "some-authority")
        defer { authority.remove() }
        for tls in [ConnectionConfiguration.TLS.disabled, .required, .verify(authorities: authority.certificate)] {
            let server = try ClearPasswordServer()
            defer { server.stop() }
            var configuration = remote(server.port, tls)
            configuration.password = "s3cret-in-clear"
            configuration.timeouts.read = .seconds(2)
            await #expect(throws: DatabaseError.self, "\(tls)") { try await Connection.open(configuration) }
            #expect(server.connections == 1, "\(tls)")
            // To verify takes TLS before anything is said; otherwise it came to the question.
            #expect(server.hasHeard("root") == (tls == .disabled || tls == .required), "\(tls)")
            #expect(!server.hasHeard("s3cret"), "\(tls)")
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
