import ClusterModel

/// One key of the configuration: the loader, the check for unknown keys and the annotated example all go by it.
///
/// `Root` is what holds the value: the configuration, or one command task.
package struct ConfigurationKey<Root: Sendable>: Sendable {
    /// The path below the root, with dots: `database.tls.mode`.
    let path: String
    /// One line on what the key does, as a sentence.
    let documentation: String
    /// The description of a right value, as a noun phrase.
    let expected: String
    /// A value other than the default, which shows what the key looks like.
    let example: ConfigurationInput
    /// A Boolean value that indicates whether a value in the wrong form may be a secret in the wrong place, and so must
    /// not be printed.
    let concealsValue: Bool
    /// Parses the input and stores it.
    let assign: @Sendable (inout Root, ConfigurationInput) throws(ValueError) -> Void
    /// Returns what the root holds for the key, in a form that `assign` reads; nil when the key is not set and has no
    /// default.
    let current: @Sendable (Root) -> ConfigurationInput?

    /// The variable of the environment that stands for the key.
    var variable: String {
        Configuration.variablePrefix + path.uppercased().replacing(".", with: "_")
    }

    init<Value>(
        _ path: String,
        _ documentation: String,
        _ format: ConfigurationFormat<Value>,
        example: ConfigurationInput,
        concealsValue: Bool = false,
        set: @escaping @Sendable (inout Root, Value) -> Void,
        get: @escaping @Sendable (Root) -> Value?
    ) {
        self.path = path
        self.documentation = documentation
        self.expected = format.expected
        self.example = example
        self.concealsValue = concealsValue
        self.assign = { (root, input) throws(ValueError) in set(&root, try format.parse(input)) }
        self.current = { root in get(root).map(format.print) }
    }

    /// A key that always has a value.
    init<Value>(
        _ path: String,
        _ property: any WritableKeyPath<Root, Value> & Sendable,
        _ documentation: String,
        _ format: ConfigurationFormat<Value>,
        example: ConfigurationInput
    ) {
        self.init(
            path,
            documentation,
            format,
            example: example,
            set: { $0[keyPath: property] = $1 },
            get: { $0[keyPath: property] }
        )
    }

    /// A key without a default.
    init<Value>(
        optional path: String,
        _ property: any WritableKeyPath<Root, Value?> & Sendable,
        _ documentation: String,
        _ format: ConfigurationFormat<Value>,
        example: ConfigurationInput,
        concealsValue: Bool = false
    ) {
        self.init(
            path,
            documentation,
            format,
            example: example,
            concealsValue: concealsValue,
            set: { $0[keyPath: property] = $1 },
            get: { $0[keyPath: property] }
        )
    }
}
