import JSON

/// Output is made of it everywhere in the program.
typealias JSONValue = JSON.JSONValue
