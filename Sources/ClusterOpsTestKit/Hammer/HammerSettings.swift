/// The strength, the duration and the seed of a hammer.
public struct HammerSettings: Sendable {
    /// The seed from which every choice follows; the order in which threads run does not.
    public var seed: UInt64
    /// The time for which requests are made.
    public var duration: Duration
    /// Callers at once.
    public var clients: Int
    /// Workers at once, each with a session of its own.
    public var workers: Int
    /// Exclusive targets that everybody wants; a few, so that they are always busy.
    public var networks = 20
    /// The probability with which a COMMIT through a proxy is disturbed.
    public var cutChance = 0.03
    /// Short, so that many are lost; three times what a busy machine of two cores lets a thread wait.
    public var lease: Duration = .seconds(3)
    /// Connections of each pool that clients share.
    public var connections = 24
    /// The time that requests may take to end once nothing disturbs any more: a minute of 160 clients leaves a backlog
    /// of 15,000, which takes 16 workers another minute on two cores.
    public var patience: Duration = .seconds(300)
    /// Does to the servers what it likes while requests are made; it ends before they do.
    public var disturbServers: (@Sendable () async throws -> Void)?

    /// Creates settings.
    public init(seed: UInt64, duration: Duration, clients: Int, workers: Int) {
        self.seed = seed
        self.duration = duration
        self.clients = clients
        self.workers = workers
    }

    /// A generator for one of the actors, so that each makes its own choices.
    func generator(_ actor: Actor, _ number: Int) -> SeededGenerator {
        SeededGenerator(seed: seed &+ UInt64(number) &* 0x9e37_79b9 &+ actor.rawValue << 48)
    }

    enum Actor: UInt64 {
        case client = 1
        case trouble, proxy, handler
    }
}
