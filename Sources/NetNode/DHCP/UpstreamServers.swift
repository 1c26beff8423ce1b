import ClusterModel

/// The DNS servers that networks' servers ask for names that are not their networks'.
package struct UpstreamServers: Sendable, Hashable {
    package let addresses: [IPv4Address]
    /// The domains whose names may have private addresses: an answer that leads a guest's browser to one is dropped
    /// otherwise, because whoever has a domain could reach a guest's neighbours by it (DNS rebinding).
    package let privateDomains: [DomainName]

    package init(_ addresses: [IPv4Address] = [], privateDomains: [DomainName] = []) {
        (self.addresses, self.privateDomains) = (addresses, privateDomains)
    }

    /// The lines of dnsmasq's configuration.
    ///
    /// Without a server no other name exists: where dnsmasq refuses to answer, musl's resolver waits for 5 s.
    var lines: [String] {
        let domains = privateDomains.map { "\($0)/" }.joined()
        return ["stop-dns-rebind"] + (domains.isEmpty ? [] : ["rebind-domain-ok=/\(domains)"])
            + (addresses.isEmpty ? ["local=/#/"] : addresses.map { "server=\($0)" })
    }
}
