/// The bytes that a client sends on a connection, cut into packets, with the text of every statement that it runs.
///
/// Pure: it knows as much of the protocol as it takes to find a statement. A packet is three bytes of length, a
/// sequence number and a payload; the number is 0 in the first packet of a command, and never in those of the
/// handshake. After a client has asked for TLS nothing can be read any more: bytes are given out as they come,
/// without statements.
struct ClientStream {
    /// A statement that is about to reach the server.
    struct Event: Sendable, Hashable {
        /// Its text, with `?` for what is bound.
        let text: String
        /// The statements of the open transaction before it.
        let transaction: [String]

        var isCommit: Bool { text == "COMMIT" }
    }

    /// One packet, with what it makes the server do.
    struct Packet: Sendable {
        let bytes: [UInt8]
        let event: Event?
    }

    private enum Command {
        static let query: UInt8 = 0x03
        static let prepare: UInt8 = 0x16
        static let execute: UInt8 = 0x17
        static let closeStatement: UInt8 = 0x19
        static let bulkExecute: UInt8 = 0xfa
    }

    /// The id by which a client means the statement that it has just prepared.
    private static let lastPrepared: UInt32 = .max

    private var rest: [UInt8] = []
    private var texts: [UInt32: String] = [:]
    private var preparing: (text: String, answer: [UInt8])?
    private var transaction: [String] = []
    private var isEncrypted = false

    /// Takes bytes of the client, and gives out the packets that are complete.
    mutating func feed(_ bytes: some Sequence<UInt8>) -> [Packet] {
        rest += bytes
        var packets: [Packet] = []
        var start = 0
        while !isEncrypted, rest.count - start >= 4 {
            let length = Int(rest[start]) | Int(rest[start + 1]) << 8 | Int(rest[start + 2]) << 16
            guard rest.count - start >= 4 + length else { break }
            let packet = Array(rest[start..<start + 4 + length])
            start += 4 + length
            packets.append(Packet(bytes: packet, event: event(of: packet)))
            isEncrypted = Self.asksForTLS(packet)
        }
        if start > 0 { rest.removeFirst(start) }
        if isEncrypted, !rest.isEmpty {
            packets.append(Packet(bytes: rest, event: nil))
            rest = []
        }
        return packets
    }

    /// Returns whether a packet is the SSLRequest of a handshake: the first 32 bytes of an answer, with CLIENT_SSL
    /// (0x800) in its flags.
    private static func asksForTLS(_ packet: [UInt8]) -> Bool {
        packet.count == 4 + 32 && packet[3] == 1 && packet[5] & 0x08 != 0
    }

    /// Takes bytes of the server: the answer to a preparation names the statement's id.
    mutating func answered(_ bytes: some Sequence<UInt8>) {
        guard var asked = preparing else { return }
        asked.answer += bytes.prefix(9 - asked.answer.count)
        preparing = asked
        // Length and number, 0 for success, the id.
        guard asked.answer.count == 9 else { return }
        preparing = nil
        guard asked.answer[4] == 0 else { return }
        let id = Self.number(asked.answer[5..<9])
        texts[id] = asked.text
        texts[Self.lastPrepared] = asked.text
    }

    private mutating func event(of packet: [UInt8]) -> Event? {
        guard packet.count >= 5, packet[3] == 0 else { return nil }
        let payload = packet[5...]
        switch packet[4] {
        case Command.query: return run(String(decoding: payload, as: UTF8.self))
        case Command.prepare: preparing = (String(decoding: payload, as: UTF8.self), [])
        case Command.execute, Command.bulkExecute:
            guard payload.count >= 4, let text = texts[Self.number(payload.prefix(4))] else { return nil }
            return run(text)
        case Command.closeStatement:
            if payload.count >= 4 { texts[Self.number(payload.prefix(4))] = nil }
        default: break
        }
        return nil
    }

    private mutating func run(_ text: String) -> Event {
        let event = Event(text: text, transaction: transaction)
        switch text {
        case "START TRANSACTION", "COMMIT", "ROLLBACK": transaction = []
        default: transaction.append(text)
        }
        return event
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
