/// A route of the namespace.
package struct NamespaceRoute: Sendable, Hashable {
    package let dst: String
    package let gateway: String?
    package let dev: String?

    package init(dst: String, gateway: String? = nil, dev: String?) {
        self.dst = dst
        self.gateway = gateway
        self.dev = dev
    }

    init(_ message: RouteMessage, _ devices: [Int: String]) {
        self.init(dst: message.destination, gateway: message.gateway, dev: message.device.flatMap { devices[$0] })
    }

    /// Returns the routes that lead outside, and every default route.
    static func ofEgress(_ routes: [NamespaceRoute]) -> [NamespaceRoute] {
        routes.filter { $0.dev == InsideName.external || $0.dst == RouteMessage.defaultDestination }
    }
}
