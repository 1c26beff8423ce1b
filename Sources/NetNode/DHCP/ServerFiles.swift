import ClusterModel
import ClusterStore

/// The paths of the files of a network's server: all in one directory of its own.
package struct ServerPaths: Sendable, Hashable {
    /// An absolute path, in which dnsmasq's configuration has no character with a meaning.
    package let directory: String

    package var configuration: String { "\(directory)/dnsmasq.conf" }
    package var hosts: String { "\(directory)/hosts" }
    package var names: String { "\(directory)/names" }
    package var leases: String { "\(directory)/leases" }

    /// Creates the paths in a directory.
    ///
    /// - Throws: ``ServerPathError`` for a path that dnsmasq would read as something else: in its files a blank, a
    ///   quote, a comma or a `#` can end a value.
    package init(directory: String) throws(ServerPathError) {
        let isPlain = directory.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
            default: false
            }
        }
        guard directory.hasPrefix("/"), isPlain else { throw ServerPathError(directory: directory) }
        self.directory = directory
    }
}

/// A directory that cannot stand in dnsmasq's configuration.
package struct ServerPathError: Error, Sendable, Hashable, CustomStringConvertible {
    package let directory: String

    package var description: String {
        "'\(directory)' cannot hold a server's files: expected an absolute path of letters, digits and / - _ ."
    }
}

/// The texts of a network's dnsmasq: its whole configuration.
///
/// Every value in them is of a type whose grammar has no comma, blank or newline; nothing can add a line or a field.
package struct ServerFiles: Sendable, Hashable {
    /// `dnsmasq.conf`: read at start only.
    package let configuration: String
    /// `hosts`: the address of each guest; read at start and at SIGHUP.
    package let hosts: String
    /// `names`: what DNS answers, from the first moment and not only from a guest's first lease; read as `hosts` is.
    package let names: String

    /// The device of the network's namespace that is served.
    package static let device = "gw0"

    /// A usual time; a guest renews after half of it.
    private static let leaseTime = "1h"
    static let leaseSeconds: UInt64 = 3600

    /// Renders them.
    ///
    /// - Parameters:
    ///   - wanted: the wanted state of the server.
    ///   - paths: the paths of the files.
    ///   - upstream: the servers that are asked for names that are not the network's.
    ///   - probe: the MAC for which the server is asked whether it answers; see ``ServerProbe/randomAddress(unless:)``.
    package init(
        _ wanted: ServerWanted,
        at paths: ServerPaths,
        upstream: UpstreamServers = UpstreamServers(),
        probe: MACAddress
    ) {
        configuration = Self.text(Self.configurationLines(wanted, paths, upstream))
        hosts = Self.text(wanted.hosts.map(Self.hostLine) + [Self.probeLine(wanted, probe)])
        names = Self.text(wanted.hosts.map { Self.nameLine($0, wanted.domain) })
    }

    /// Takes the texts that a server has read.
    init(configuration: String, hosts: String, names: String) {
        (self.configuration, self.hosts, self.names) = (configuration, hosts, names)
    }

    private static func text(_ lines: [String]) -> String {
        lines.map { $0 + "\n" }.joined()
    }

    private static func configurationLines(
        _ wanted: ServerWanted,
        _ paths: ServerPaths,
        _ upstream: UpstreamServers
    ) -> [String] {
        var lines = [
            "# Network \(wanted.vni), written by netnode: what is changed here by hand is written over.",
            "keep-in-foreground", "pid-file=",
            // To stderr. A file would be given away to dnsmasq's user if it were ever started as root, /dev/null too.
            "log-facility=-",
            // Without these and any option that names a directory, dnsmasq takes no inotify instance: there are 128.
            "no-resolv", "no-hosts",
            // Not bind-dynamic: with it, a dnsmasq without gw0 or its address runs on and serves nothing; with this, it
            // ends with an error. Neither finds a gw0 that was made anew, as the DHCP socket is bound to the device.
            "bind-interfaces", "interface=\(device)", "except-interface=lo",
            "addn-hosts=\(paths.names)",
        ]
        lines += wanted.servesDHCP ? leaseLines(wanted, paths) : []
        // Names of one label, and of private addresses, are not asked upstream.
        lines += wanted.servesDNS ? ["domain-needed", "bogus-priv"] + upstream.lines : ["port=0"]
        if let domain = wanted.domain { lines += ["domain=\(domain)", "local=/\(domain)/"] }
        return lines
    }

    private static func leaseLines(_ wanted: ServerWanted, _ paths: ServerPaths) -> [String] {
        let server = wanted.cidr.serverAddress
        var lines = [
            "dhcp-authoritative", "no-ping", "dhcp-ignore-names",
            "dhcp-range=\(wanted.cidr.network),static,\(wanted.cidr.netmask),\(leaseTime)",
            // Its own limit is 1,000. All addresses but the server's can be leased.
            "dhcp-lease-max=\(wanted.cidr.usableHostCount)",
            "dhcp-leasefile=\(paths.leases)", "dhcp-hostsfile=\(paths.hosts)",
            // Without a value no default route is given; without the line dnsmasq gives its own address.
            wanted.givesGateway ? "dhcp-option=3,\(server)" : "dhcp-option=3",
        ]
        if wanted.servesDNS { lines.append("dhcp-option=6,\(server)") }
        if let domain = wanted.domain { lines.append("dhcp-option=15,\(domain)") }
        lines.append("dhcp-option=26,\(wanted.mtu)")
        return lines
    }

    /// `MAC,id:*,address,hostname`; a host name that dnsmasq would read as something else is left out.
    ///
    /// It then comes from `names` where the network has DNS. `id:*` has guests known by their MACs alone: two that were
    /// cloned from one image call themselves by the same client id, and would take each other's leases by it.
    private static func hostLine(_ host: ServerWanted.Host) -> String {
        let name = isReadAsName(host.hostname) ? ["\(host.hostname)"] : []
        return (["\(host.mac)", "id:*", "\(host.address)"] + name).joined(separator: ",")
    }

    /// Returns the line of the probe, which asks whether the server answers, and gets an address that no guest can
    /// have: the network's own.
    ///
    /// A static range answers only the hosts that it has.
    private static func probeLine(_ wanted: ServerWanted, _ probe: MACAddress) -> String {
        "\(probe),\(wanted.cidr.network)"
    }

    /// The field of a host line has no marks: `ignore` turns the host off, `infinite`, `90` and `2h` are lease times.
    private static func isReadAsName(_ name: HostName) -> Bool {
        let text = name.description
        if text == "ignore" || text == "infinite" { return false }
        let withoutUnit = text.last.map { "smhdw".contains($0) } == true ? text.dropLast() : text[...]
        return !withoutUnit.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The first name is the one that an address is answered with.
    private static func nameLine(_ host: ServerWanted.Host, _ domain: DomainName?) -> String {
        let full = domain.map { "\(host.hostname).\($0) " } ?? ""
        return "\(host.address) \(full)\(host.hostname)"
    }
}
