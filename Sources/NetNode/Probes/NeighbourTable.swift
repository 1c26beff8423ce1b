import FoundationEssentials

/// The kernel's neighbour (ARP) table, which all network namespaces of a machine share.
enum NeighbourTable {
    /// The guests that an elected node can resolve at once have to fit; what `deploy/install` sets is four times that.
    static let enough = 16_384

    /// The number of entries beyond which the kernel takes no new one; nil where the process is in a network namespace
    /// that has no such setting.
    static var limit: Int? {
        guard let text = try? String(contentsOfFile: "/proc/sys/net/ipv4/neigh/default/gc_thresh3", encoding: .utf8)
        else { return nil }
        return Int(text.filter { !$0.isWhitespace })
    }

    /// Returns what is wrong with a limit; nil when nothing is.
    static func fault(of limit: Int) -> String? {
        guard limit < enough else { return nil }
        return "the kernel's neighbour table takes \(limit) entries for all networks together "
            + "(net.ipv4.neigh.default.gc_thresh3): beyond that guests lose DHCP and their gateway while this node is "
            + "elected; 'sysctl --system' sets 65536 where deploy/install has put 60-clusterops.conf"
    }
}
