/// Names that resolvers answer by themselves, or take for something else: a network's DNS server is not asked for them.
package enum SpecialUseName {
    /// Single labels, with the standard that gives them a meaning.
    private static let labels = [
        "localhost": "RFC 6761", "invalid": "RFC 6761", "test": "RFC 6761", "example": "RFC 6761",
        "local": "RFC 6762", "onion": "RFC 7686",
    ]

    /// Last labels of domains that no server is asked for; `test` and `example` are for anybody's own use.
    private static let domains: Set = ["localhost", "invalid", "local", "onion"]

    /// Returns why a guest cannot be reached by a host name; nil when it can.
    package static func objection(to name: HostName) -> String? {
        let text = name.description
        if text.utf8.allSatisfy(\.isASCIIDigit) { return "resolvers take a number for an address" }
        return labels[text].map { "it is a special-use name (\($0))" }
    }

    /// Returns why a server cannot answer for a domain; nil when it can.
    package static func objection(to domain: DomainName) -> String? {
        guard let last = domain.description.split(separator: ".").last.map(String.init), domains.contains(last),
            let standard = labels[last]
        else { return nil }
        return "'\(last)' is a special-use name (\(standard)), which resolvers ask no server for"
    }

    /// Returns why a host name and a domain make no name together; nil when they do.
    package static func objection(to name: HostName, in domain: DomainName) -> String? {
        let length = name.description.utf8.count + 1 + domain.description.utf8.count
        guard length > DomainName.longest else { return nil }
        return "with the domain of its network it has \(length) characters, and DNS carries \(DomainName.longest)"
    }
}
