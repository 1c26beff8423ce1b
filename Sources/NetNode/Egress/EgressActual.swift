import ChildProcess
import ClusterModel
import FoundationEssentials

/// The state of one network's egress in the kernel.
package struct EgressActual: Sendable, Hashable {
    package typealias Route = NamespaceRoute

    /// The veth's end inside, `ext0`, and what goes with it.
    package struct Inside: Sendable, Hashable {
        package var mac: String
        package var mtu: Int
        package var isUp: Bool
        /// Its device group, by number.
        package var group: String
        /// The number of its other end on the node; nil when it has none there.
        package var peer: Int?
        /// IPv4 addresses with their prefix lengths, in the kernel's order.
        package var addresses: [String]
        /// The routes through it, and every default route.
        package var routes: [Route]
        /// The values of ``EgressSettings/all``.
        package var settings: [String]
        /// The table of the NAT as `nft` lists it; nil when there is none.
        package var table: [JSONValue]?

        package init(
            mac: String,
            mtu: Int,
            isUp: Bool,
            group: String = "0",
            peer: Int?,
            addresses: [String],
            routes: [Route],
            settings: [String],
            table: [JSONValue]?
        ) {
            self.mac = mac
            self.mtu = mtu
            self.isUp = isUp
            self.group = group
            self.peer = peer
            self.addresses = addresses
            self.routes = routes
            self.settings = settings
            self.table = table
        }

        init(_ device: NamespaceDevice, routes: [Route], settings: [String], table: [JSONValue]?) {
            self.init(
                mac: device.mac,
                mtu: device.mtu,
                isUp: device.isUp,
                group: device.group,
                peer: device.peer,
                addresses: device.addresses,
                routes: routes,
                settings: settings,
                table: table
            )
        }
    }

    /// The device named `coex{VNI}`, of whatever kind.
    package var veth: Link?
    package var inside: Inside?

    package init(veth: Link?, inside: Inside?) {
        self.veth = veth
        self.inside = inside
    }

    /// Reads the egress of one network; the part that netlink reports has been read before.
    ///
    /// - Parameters:
    ///   - name: of the network's namespace.
    ///   - veth: the device on the node, if there is one.
    ///   - outside: the end inside; nil when there is none.
    ///   - run: runs the programs, for the settings and the rules.
    /// - Returns: The egress in the kernel.
    /// - Throws: `HostCommandError` when a program failed or its output is incomplete.
    package static func read(
        _ name: NamespaceName,
        veth: Link?,
        _ outside: HostSurvey.Outside?,
        run: HostCommandRunner
    ) async throws -> Self {
        guard let outside else { return Self(veth: veth, inside: nil) }
        return Self(
            veth: veth,
            inside: Inside(
                outside.device,
                routes: outside.routes,
                settings: outside.settings,
                table: try await table(in: name, run)
            )
        )
    }

    private static func table(in name: NamespaceName, _ run: HostCommandRunner) async throws -> [JSONValue]? {
        // The whole ruleset: for a missing table nft fails as it does when it cannot ask the kernel.
        let list = HostCommand(.nft, ["-j", "list", "ruleset", "ip"], namespace: name.path)
        let ours = try listing(try await text(of: list, run), of: list).filter { object in
            guard case .object(let kinds) = object, case .object(let fields)? = kinds.first?.value else { return false }
            return fields["table"] == .string(EgressTable.name)
                || kinds["table"] != nil && fields["name"] == .string(EgressTable.name)
        }
        return ours.isEmpty ? nil : ours
    }

    private static func text(of command: HostCommand, _ run: HostCommandRunner) async throws -> String {
        let output = try await run.output(command)
        guard output.exit.isSuccess else {
            throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
        }
        return output.text
    }

    /// Levels of a listing: a rule's expressions take less than ten.
    private static let deepestListing = 64

    private static func listing(_ text: String, of command: HostCommand) throws -> [JSONValue] {
        let document: JSONValue
        do throws(JSONError) {
            let limits = JSONLimits(bytes: text.utf8.count, levels: deepestListing)
            document = try JSONValue(parsing: text, limits: limits)
        } catch {
            throw HostCommandError(command, .unreadable(error.reason), complaint: "")
        }
        guard case .object(let top) = document, case .array(let objects)? = top["nftables"] else {
            throw HostCommandError(command, .unreadable("expected an object with the list \"nftables\""), complaint: "")
        }
        return objects
    }
}
