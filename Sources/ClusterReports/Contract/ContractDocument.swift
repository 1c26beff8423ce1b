import ClusterModel

/// The documents of the contract as text: what `clusterctl -o json` prints, and what commands get on stdin.
package enum ContractDocument {
    /// Writes an answer; JSON that it carries of a caller or a command is written with the numbers that they wrote.
    ///
    /// - Throws: `EncodingError` for a number that is not finite.
    package static func text(of answer: some Encodable, _ layout: JSONWriter.Layout = .compact) throws -> String {
        JSONWriter(layout).text(of: try JSONValueEncoder.value(of: answer))
    }
}
