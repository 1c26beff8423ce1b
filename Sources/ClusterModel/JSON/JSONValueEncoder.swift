/// Turns any `Encodable` into a `JSONValue`; those in it stay as they are, numbers to the letter.
///
/// `JSONEncoder` has no way to take a number's text, so that what a caller wrote as `1.0` it writes as `1`.
package enum JSONValueEncoder {
    package static func value(of answer: some Encodable) throws -> JSONValue {
        let node = Node()
        try node.encode(answer, codingPath: [])
        return node.result
    }
}

/// A place in the document that is being written.
private final class Node {
    private var value: JSONValue = .null
    private var elements: [Node]?
    private var members: [String: Node]?

    var result: JSONValue {
        if let members { return .object(members.mapValues(\.result)) }
        if let elements { return .array(elements.map(\.result)) }
        return value
    }

    var count: Int { elements?.count ?? 0 }

    func set(_ value: JSONValue) { self.value = value }
    func beginObject() { members = members ?? [:] }
    func beginArray() { elements = elements ?? [] }

    func member(_ key: any CodingKey) -> Node {
        let node = Node()
        members?[key.stringValue] = node
        return node
    }

    func element() -> Node {
        let node = Node()
        elements?.append(node)
        return node
    }

    func encode(_ value: some Encodable, codingPath: [any CodingKey]) throws {
        if let value = value as? JSONValue {
            set(value)
        } else {
            try value.encode(to: TreeEncoder(node: self, codingPath: codingPath))
        }
    }

    func set(_ number: some BinaryFloatingPoint & CustomStringConvertible, codingPath: [any CodingKey]) throws {
        guard let value = JSONValue.finite(number) else {
            let context = EncodingError.Context(
                codingPath: codingPath,
                debugDescription: "JSON has finite numbers only"
            )
            throw EncodingError.invalidValue(number, context)
        }
        set(value)
    }
}

private struct TreeEncoder: Encoder, SingleValueEncodingContainer {
    let node: Node
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        node.beginObject()
        return KeyedEncodingContainer(Members(node: node, codingPath: codingPath))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        node.beginArray()
        return Elements(node: node, codingPath: codingPath)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { node.set(.null) }
    func encode(_ value: Bool) { node.set(.bool(value)) }
    func encode(_ value: String) { node.set(.string(value)) }
    func encode(_ value: Double) throws { try node.set(value, codingPath: codingPath) }
    func encode(_ value: Float) throws { try node.set(value, codingPath: codingPath) }
    func encode(_ value: Int) { node.set(.integer(Int64(value))) }
    func encode(_ value: Int8) { node.set(.integer(Int64(value))) }
    func encode(_ value: Int16) { node.set(.integer(Int64(value))) }
    func encode(_ value: Int32) { node.set(.integer(Int64(value))) }
    func encode(_ value: Int64) { node.set(.integer(value)) }
    func encode(_ value: UInt) { encode(UInt64(value)) }
    func encode(_ value: UInt8) { node.set(.integer(Int64(value))) }
    func encode(_ value: UInt16) { node.set(.integer(Int64(value))) }
    func encode(_ value: UInt32) { node.set(.integer(Int64(value))) }
    func encode(_ value: UInt64) { node.set(Int64(exactly: value).map { .integer($0) } ?? .unsigned(value)) }
    func encode(_ value: some Encodable) throws { try node.encode(value, codingPath: codingPath) }
}

private struct Members<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: Node
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) { node.member(key).set(.null) }

    func encode(_ value: some Encodable, forKey key: Key) throws {
        try node.member(key).encode(value, codingPath: codingPath + [key])
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) -> KeyedEncodingContainer<Nested> {
        encoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(forKey: key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { encoder(forKey: SuperKey()) }
    func superEncoder(forKey key: Key) -> any Encoder { encoder(forKey: key) }

    private func encoder(forKey key: any CodingKey) -> TreeEncoder {
        TreeEncoder(node: node.member(key), codingPath: codingPath + [key])
    }
}

/// The key under which a class writes what its superclass encodes, as Foundation's encoder calls it.
private struct SuperKey: CodingKey {
    var stringValue: String { "super" }
    var intValue: Int? { nil }
    init() {}
    init?(stringValue: String) { nil }
    init?(intValue: Int) { nil }
}

private struct Elements: UnkeyedEncodingContainer {
    let node: Node
    let codingPath: [any CodingKey]
    var count: Int { node.count }

    func encodeNil() { node.element().set(.null) }
    func encode(_ value: some Encodable) throws { try node.element().encode(value, codingPath: codingPath) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        encoder.container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder.unkeyedContainer() }
    func superEncoder() -> any Encoder { encoder }

    private var encoder: TreeEncoder { TreeEncoder(node: node.element(), codingPath: codingPath) }
}
