import ClusterModel

/// One exchange of a server with a client, as dnsmasq logs it.
package struct DHCPEvent: Sendable, Hashable {
    package let kind: DHCPEventKind
    package let mac: MACAddress
    /// The address that it is about; nil where it is about none.
    package let address: IPv4Address?
    /// The rest of the line, such as the reason of a refusal; one line of printable characters.
    package let detail: String

    package init(_ kind: DHCPEventKind, _ mac: MACAddress, _ address: IPv4Address? = nil, detail: String = "") {
        (self.kind, self.mac, self.address, self.detail) = (kind, mac, address, detail)
    }

    private static let program = "dnsmasq-dhcp["
    /// From the end of the program's process id to the kind of the message.
    private static let mark = "]: DHCP"
    private static let noAddress = "no address available"

    /// Reads a line such as `dnsmasq-dhcp[7]: DHCPNAK(gw0) 10.9.0.77 02:00:00:00:00:0b wrong address`; nil for one that
    /// is about no client, or that another one follows, as a request.
    ///
    /// - Parameters:
    ///   - line: without its end.
    ///   - isKnown: whether a MAC is one that the server is to serve.
    package init?(logLine line: String, isKnown: (MACAddress) -> Bool) {
        guard let (word, rest) = Self.message(in: line) else { return nil }
        var fields = rest.split(separator: " ", maxSplits: 2)[...]
        let address = fields.first.flatMap { try? IPv4Address(String($0)) }
        if address != nil { fields = rest.split(separator: " ", maxSplits: 2).dropFirst() }
        guard let mac = fields.first.flatMap({ try? MACAddress(String($0)) }) else { return nil }
        let detail = fields.dropFirst().joined(separator: " ")
        let kind: DHCPEventKind? =
            switch word {
            case "OFFER": .offer
            case "ACK": .acknowledgement
            case "NAK": .refusal
            case "DECLINE": .decline
            case "RELEASE": .release
            case "DISCOVER" where detail.hasSuffix(Self.noAddress): isKnown(mac) ? .noAddress : .unknownClient
            default: nil
            }
        guard let kind else { return nil }
        self.init(kind, mac, address, detail: ValueError.quotable(detail))
    }

    /// Returns whether a line is about a client's message, of which the client chooses the time and some of the words.
    static func isMessage(_ line: some StringProtocol) -> Bool { message(in: String(line)) != nil }

    /// The word after `DHCP`, and what follows the device in brackets.
    private static func message(in line: String) -> (word: Substring, rest: Substring)? {
        guard line.hasPrefix(program), let start = line.firstRange(of: mark)?.upperBound,
            let open = line[start...].firstIndex(of: "("), let close = line[open...].firstIndex(of: ")")
        else { return nil }
        return (line[start..<open], line[line.index(after: close)...])
    }
}
