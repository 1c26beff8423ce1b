import Foundation

/// A certificate authority of a test's own, made with openssl.
public struct CertificateAuthority: Sendable {
    /// The error when openssl fails.
    public struct Failure: Error, CustomStringConvertible {
        /// The command, and what it said.
        public let description: String
    }

    private let directory: String

    /// The file of its own certificate, by which what it issues is verified.
    public var certificate: String { "\(directory)/ca.pem" }

    /// Makes a key and a certificate that verifies itself.
    ///
    /// - Parameter name: Its common name.
    /// - Throws: `Failure`, or what keeps its directory from being made.
    public init(name: String) throws {
        directory = "/tmp/clusterops-ca-\(UInt32.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=\(name) -keyout ca.key -out ca.pem")
    }

    /// Issues a certificate.
    ///
    /// - Parameter host: The name that it is for.
    /// - Returns: The files of the certificate and of its key.
    /// - Throws: `Failure`.
    public func issue(host: String) throws -> (chain: String, key: String) {
        try openssl("req -newkey rsa:2048 -nodes -subj /CN=\(host) -keyout host.key -out host.csr")
        try openssl("x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out host.pem")
        return ("\(directory)/host.pem", "\(directory)/host.key")
    }

    /// Removes all its files.
    public func remove() {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func openssl(_ line: String) throws {
        let log = "\(directory)/log"
        let arguments = line.split(separator: " ").map(String.init)
        let process = try SpawnedProcess(
            "/bin/sh",
            ["-c", "cd \"$0\" && exec openssl \"$@\"", directory] + arguments,
            output: log
        )
        guard process.wait() == 0 else {
            let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw Failure(description: "openssl \(line): \(said.suffix(500))")
        }
    }
}
