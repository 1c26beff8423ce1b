import ClusterModel

/// The second gate, inside each network's namespace: its devices say nothing and take nothing unless this node serves.
///
/// The gate on the node (``GateTable``) closes by itself, and is gone when somebody flushes the node's rules; this one
/// does not close by itself, and no flush on the node reaches it. So a candidate, on which both are closed, stays
/// silent while one of them is gone. The rules never change: a device that is in the group ``GateTable/group`` inside
/// its namespace is open, and a new one is not. Opening takes no process.
package struct NamespaceGate: Sendable, Hashable {
    /// A Boolean value that indicates whether this node serves, or is about to.
    package var isOpen = false
    /// The rules as the kernel reports them; nil until they were made once.
    package var rules: [UInt8]?

    package init(isOpen: Bool = false, rules: [UInt8]? = nil) {
        (self.isOpen, self.rules) = (isOpen, rules)
    }

    /// The devices that are opened and closed.
    static let devices = [InsideName.gateway, InsideName.external]

    /// The group of a device that is open, or closed: the kernel's own default.
    static func group(isOpen: Bool) -> UInt32 { isOpen ? UInt32(GateTable.group) : 0 }

    /// Returns whether a device of this group is as the gate is.
    func isRight(_ group: String) -> Bool { (group == "\(GateTable.group)") == isOpen }

    /// The batch that makes the tables anew in one transaction, whatever is there.
    ///
    /// By group alone and not by name, so that a device that somebody renames is closed too. After NAT and routing, in
    /// `postrouting`, for what guests send through; ARP has hooks of its own.
    static let script = """
        table inet \(InsideName.gateTable)
        delete table inet \(InsideName.gateTable)
        table inet \(InsideName.gateTable) {
          chain input {
            type filter hook input priority -400; policy accept;
            iifname != "lo" iifgroup != \(GateTable.group) drop
          }
          chain postrouting {
            type filter hook postrouting priority -400; policy accept;
            oifname != "lo" oifgroup != \(GateTable.group) drop
          }
        }
        table arp \(InsideName.gateTable)
        delete table arp \(InsideName.gateTable)
        table arp \(InsideName.gateTable) {
          chain input {
            type filter hook input priority -400; policy accept;
            iifgroup != \(GateTable.group) drop
          }
          chain output {
            type filter hook output priority -400; policy accept;
            oifgroup != \(GateTable.group) drop
          }
        }

        """
}
