import Foundation

extension JSONEncoder {
    /// How the contract's documents are written: sorted keys, so that two answers can be compared.
    package static var contract: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}
