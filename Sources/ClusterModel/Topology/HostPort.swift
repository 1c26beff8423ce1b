/// An endpoint to connect to or to listen on: a host and a TCP port, such as `db1.example:3306` or `10.0.0.1:0`.
public struct HostPort: TextValue {
    /// A host by name or by address.
    public enum Host: Sendable, Hashable, CustomStringConvertible {
        /// A name that the resolver knows; a single label such as `localhost` will do.
        case name(DomainName)
        /// An address, which needs no resolver.
        case address(IPv4Address)

        /// The name or the address as text.
        public var description: String {
            switch self {
            case .name(let name): name.description
            case .address(let address): address.description
            }
        }
    }

    package static let grammar =
        "host:port, where the host is a name or an IPv4 address and the port a number up to 65535"

    /// The host.
    public let host: Host

    /// The port; 0 means "any free one" where a server listens, and makes no sense elsewhere.
    public let port: UInt16

    /// Names a port of a host.
    public init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port`.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String) throws(ValueError) {
        try self.init(text, port: nil)
    }

    /// Parses `host:port`, or `host` alone, which gets the default port.
    ///
    /// - Throws: `ValueError` for anything else.
    public init(_ text: String, defaultPort: UInt16) throws(ValueError) {
        try self.init(text, port: defaultPort)
    }

    private init(_ text: String, port defaultPort: UInt16?) throws(ValueError) {
        let refusal = ValueError("host and port", found: text, expected: Self.grammar)
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let host = Self.host(parts[0]) else { throw refusal }
        if parts.count == 2 {
            guard let port = WholeNumber.parse(parts[1], in: 0...Int(UInt16.max)) else { throw refusal }
            self.init(host: host, port: UInt16(port))
        } else {
            guard let defaultPort else { throw refusal }
            self.init(host: host, port: defaultPort)
        }
    }

    /// The host and the port with a colon between, the port also where it came from a default.
    public var description: String { "\(host):\(port)" }

    /// Orders by host, then by port.
    public static func < (left: HostPort, right: HostPort) -> Bool {
        (left.host.description, left.port) < (right.host.description, right.port)
    }

    private static func host(_ bytes: some Collection<UInt8>) -> Host? {
        if let address = IPv4Address.parse(bytes) { return .address(IPv4Address(rawValue: address)) }
        return (try? DomainName(String(decoding: bytes, as: UTF8.self))).map(Host.name)
    }
}
