import ClusterReports
import Testing

@testable import ClusterModel
@testable import clusterctl

/// The effects of the keys of `top`, and those that they must not have.
@Suite(.timeLimit(.minutes(15))) struct TopDialogueTests {
    private let rows: [TopRow]
    private let running: OperationID
    private let failed: OperationID

    init() throws {
        rows = TopLists(try TopPageTests.activity(), TopChoice()).rows
        running = try #require(rows[1].operation).id
        failed = try #require(rows[9].operation).id
    }

    private func dialogue(_ keys: String) -> TopDialogue {
        var dialogue = TopDialogue()
        for key in keys { press(key, &dialogue) }
        return dialogue
    }

    private func press(_ key: Character, _ dialogue: inout TopDialogue) {
        let named: [Character: TopKey] = ["\r": .enter, "^": .up, "v": .down, "<": .escape, "P": .pageDown]
        dialogue.take(named[key] ?? .character(key), among: rows, mostScrolled: 5)
    }

    @Test func `rows are gone to one by one and by pages, and no further than there are`() {
        #expect(dialogue("").choice.place(among: rows) == 0)
        #expect(dialogue("vvv^").choice.place(among: rows) == 2)
        #expect(dialogue("^").choice.place(among: rows) == 0)
        #expect(dialogue("Pj").choice.place(among: rows) == 11)
        #expect(dialogue("PPP").choice.place(among: rows) == rows.count - 1)
        #expect(dialogue("v").choice.place(among: []) == nil)
    }

    @Test func `the selected row stays selected where others come and go, and gives way to its neighbour`() {
        let choice = dialogue("vv").choice
        #expect(choice.place(among: Array(rows.dropFirst(2))) == 0)
        #expect(choice.place(among: Array(rows.reversed())) == rows.count - 3)
        let without = rows.filter { $0.id != rows[2].id }
        #expect(choice.place(among: without) == 2)
        #expect(choice.place(among: Array(rows.prefix(1))) == 0)
    }

    @Test func `a change is asked for by y alone, and names its operation`() throws {
        var asked = dialogue("vc")
        let question = try #require(asked.question)
        #expect(question.text == "cancel operation \(running) (backup_2)?" && asked.nextRequest() == nil)
        press("y", &asked)
        #expect(asked.nextRequest() == .act(.cancel, running) && asked.question == nil)
        for other in "nc \r<qrv" {
            var declined = dialogue("vc")
            press(other, &declined)
            #expect(declined.nextRequest() == nil && declined.question == nil, "\(other)")
            #expect(declined.note?.text == "nothing was changed" && !declined.isOver, "\(other)")
        }
        var retried = dialogue("Pv^^ry")
        #expect(retried.nextRequest() == .act(.retry, failed))
    }

    @Test func `what cannot be done is refused before it is asked`() {
        #expect(dialogue("r").note?.text == "it is executing: what has not ended cannot be retried")
        #expect(dialogue("Pv^^c").note?.text == "it has ended (error): there is nothing to cancel")
        #expect(dialogue("PPPc").note?.text == "select an operation to cancel it")
        for keys in ["r", "Pv^^c", "PPPc"] { #expect(dialogue(keys).question == nil) }
        // An open detail knows better than the list that it was opened from.
        var ended = dialogue("v\r")
        ended.take(.detail(.operation(running), TextTable(fields: []), .complete))
        press("r", &ended)
        #expect(ended.note?.text == "it is complete: there is nothing to retry")
    }

    @Test func `one request is with the database at a time, and a change is never dropped for a look`() {
        var it = dialogue("v\r")
        #expect(it.nextRequest() == .show(.operation(running)) && it.nextRequest() == nil)
        for key in "cy" { press(key, &it) }
        it.refresh()
        #expect(it.nextRequest() == nil)
        it.take(.detail(.operation(running), TextTable(fields: []), .executing))
        #expect(it.nextRequest() == .act(.cancel, running))
        press("c", &it)
        #expect(it.note?.text == "wait for the answer of the database" && it.question == nil)
        it.take(.done("its worker is told"))
        #expect(it.note == TopDialogue.Note(text: "its worker is told", isRefusal: false))
        #expect(it.nextRequest() == .show(.operation(running)))
    }

    @Test func `a refusal stands until the next key`() {
        var it = dialogue("vcy")
        _ = it.nextRequest()
        it.take(.refused("you are connected as reader"))
        #expect(it.note == TopDialogue.Note(text: "you are connected as reader", isRefusal: true))
        it.refresh()
        #expect(it.note != nil)
        press("v", &it)
        #expect(it.note == nil)
    }

    @Test func `a detail is open until escape or enter, scrolls as far as it goes, and is not one of another row`() {
        var it = dialogue("v\r")
        it.take(.detail(.operation(failed), TextTable(fields: [("uuid", "other")]), .error))
        #expect(it.opened?.operation?.id == running && it.detail == nil)
        it.take(.detail(.operation(running), TextTable(fields: [("uuid", "x")]), .executing))
        #expect(it.detail != nil)
        for key in "vv^" { press(key, &it) }
        #expect(it.scroll == 1)
        press("P", &it)
        #expect(it.scroll == 5)
        for close in "<\r" {
            var closed = it
            press(close, &closed)
            #expect(closed.opened == nil && closed.detail == nil && closed.choice.place(among: rows) == 1)
        }
    }

    @Test func `help is closed by any key`() {
        #expect(dialogue("?").isHelp)
        for key in "?< v" { #expect(!dialogue("?\(key)").isHelp) }
        #expect(dialogue("?v").choice == TopChoice())
    }

    @Test func `q ends it, and while a change is on its way only the second time`() {
        #expect(dialogue("q").isOver && dialogue("?q").isOver && dialogue("v\rq").isOver)
        var acting = dialogue("vcy")
        _ = acting.nextRequest()
        press("q", &acting)
        #expect(!acting.isOver && acting.note?.isRefusal == true)
        press("v", &acting)
        press("q", &acting)
        #expect(!acting.isOver)
        press("q", &acting)
        #expect(acting.isOver)
    }

    @Test func `rows are sorted by time, node and task, and letters of a filter are none of the keys`() throws {
        let activity = try TopPageTests.activity()
        func nodes(_ keys: String) -> [String] {
            TopLists(activity, dialogue(keys).choice).parts.last?.rows.map(\.node) ?? []
        }
        #expect(nodes("") == ["hv3", "hv2", "hv1"] && nodes("s") == ["hv1", "hv2", "hv3"])
        #expect(nodes("sss") == nodes(""))
        #expect(dialogue("/rcqs?").choice.filter == "rcqs?")
        #expect(dialogue("s").choice.order == .node && dialogue("s<").choice == TopChoice())
    }
}
