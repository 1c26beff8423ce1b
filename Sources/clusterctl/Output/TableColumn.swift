/// A column of a table: its title, and how it gives way where the terminal is narrow.
struct TableColumn: Equatable, ExpressibleByStringLiteral {
    enum Content {
        /// Shown as a whole or not at all: half an address is the address of something else.
        case whole
        /// The same, and left out before anything else.
        case detail
        /// A name that people know: left out last, and at worst without its middle.
        case name
        /// A sentence, which goes on in the lines below: a reason that is cut off explains nothing.
        case prose
    }

    let title: String
    let content: Content

    private init(_ title: String, _ content: Content) {
        self.title = title
        self.content = content
    }

    /// A column whose cells are shown as a whole.
    init(stringLiteral title: String) {
        self.init(title, .whole)
    }

    static func detail(_ title: String) -> TableColumn { TableColumn(title, .detail) }
    static func name(_ title: String) -> TableColumn { TableColumn(title, .name) }
    static func prose(_ title: String) -> TableColumn { TableColumn(title, .prose) }
}
