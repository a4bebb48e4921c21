import Testing

/// The house (ARCHITECTURE.md): a target imports only what is on a lower floor, or on its own when it stands there first.
@Suite("The house")
struct ArchitectureTests {
  private static let floors: [String: Int] = [
    "CSys": 0, "CUV": 0, "CHTTPParser": 0, "CCrypto": 0, "CSQLite": 0, "CZstd": 0, "CPCRE2": 0, "CTOML": 0,
    "TerminalEngine": 0, "Formats": 0, "Sys": 0, "Net": 0, "Store": 0, "Causality": 0, "Metrics": 0,
    "Keeper": 1, "Sessions": 1, "Events": 1, "Cluster": 1, "Operations": 2, "Surfaces": 3, "Domains": 3,
    "Commands": 4, "roost": 4,
  ]

  /// Within floors 0, 1 and 4 there is an order too: who may import whom.
  private static let sameFloor: [String: Set<String>] = [
    "Formats": ["CPCRE2", "CTOML"],
    "Sys": ["CSys"],
    "Net": ["CUV", "CHTTPParser", "CCrypto", "Sys", "Formats"],
    "Store": ["CSQLite", "CCrypto", "CZstd", "Sys", "Formats"],
    "Sessions": ["Keeper"],
    "roost": ["Commands"],
  ]

  /// Modules of the system that everybody may have.
  private static let system: Set<String> = ["Glibc", "Synchronization", "Swift", "_Concurrency"]
  /// The parts of Foundation that know no Objective-C heritage and cost no megabytes, and who uses them: for Codable JSON.
  private static let essentials: Set<String> = ["Operations"]

  private static let targets = SourceTree.entries("Sources")
  private static let swiftTargets = targets.filter { !SourceTree.swiftFiles("Sources/\($0)").isEmpty }

  /// `CSys`, `CUV`: a C and another capital.
  private static func isC(_ module: String) -> Bool { module.hasPrefix("C") && module.dropFirst().first!.isUppercase }

  private func mayImport(_ target: String, _ module: String) -> Bool {
    guard let own = ArchitectureTests.floors[target], let other = ArchitectureTests.floors[module] else { return false }
    return other < own && !ArchitectureTests.isC(module)
      || ArchitectureTests.sameFloor[target]?.contains(module) == true
  }

  @Test("every target has its floor")
  func everyTargetHasAFloor() {
    #expect(!ArchitectureTests.swiftTargets.isEmpty, "no sources at \(SourceTree.root)")
    for target in ArchitectureTests.targets {
      #expect(
        ArchitectureTests.floors[target] != nil,
        "\(target) is on no floor: say in ARCHITECTURE.md and here where it stands")
    }
  }

  @Test("no file imports a module of an upper floor, or C beside the targets that wrap it", arguments: swiftTargets)
  func imports(target: String) {
    for file in SourceTree.swiftFiles("Sources/\(target)") {
      for module in SourceTree.imports(file) where !ArchitectureTests.system.contains(module) && module != target {
        if module == "FoundationEssentials" {
          #expect(ArchitectureTests.essentials.contains(target), "\(file) imports FoundationEssentials")
        } else {
          #expect(mayImport(target, module), "\(file) imports \(module)")
        }
      }
    }
  }

  /// What a floor may not hold, though it stands below: the catalogue and what carries it know no domain.
  private static let strangers: [String: Set<String>] = [
    "Operations": ["Sessions", "Keeper"],
    "Surfaces": ["Sessions", "Keeper", "Events", "TerminalEngine", "Domains"],
    "Domains": ["Surfaces", "Keeper"],
  ]

  @Test("the catalogue and the surfaces know no domain", arguments: strangers.keys)
  func knowsNoDomain(target: String) {
    for file in SourceTree.swiftFiles("Sources/\(target)") {
      let known = SourceTree.imports(file).filter { ArchitectureTests.strangers[target]?.contains($0) == true }
      #expect(known.isEmpty, "\(file) imports \(known)")
    }
  }

  @Test("nothing that ships imports Foundation")
  func noFoundation() {
    for file in SourceTree.swiftFiles("Sources") {
      #expect(!SourceTree.imports(file).contains("Foundation"), "\(file) imports Foundation")
    }
  }

  @Test("the terminal engine knows no system: no clock, no files, no locks")
  func pureEngine() {
    for file in SourceTree.swiftFiles("Sources/TerminalEngine") {
      let others = SourceTree.imports(file).filter { $0 != "Swift" }
      #expect(others.isEmpty, "\(file) imports \(others)")
    }
  }

  @Test("C is imported where it is wrapped and nowhere else")
  func cModules() {
    let wrapped: [String: Set<String>] = [
      "CSys": ["Sys"], "CUV": ["Net"], "CHTTPParser": ["Net"], "CCrypto": ["Net", "Store"], "CSQLite": ["Store"],
      "CZstd": ["Store"],
      "CPCRE2": ["Formats"], "CTOML": ["Formats"],
    ]
    for target in ArchitectureTests.swiftTargets {
      let imported = Set(SourceTree.swiftFiles("Sources/\(target)").flatMap(SourceTree.imports)).filter {
        wrapped[$0] != nil
      }
      for module in imported { #expect(wrapped[module]?.contains(target) == true, "\(target) imports \(module)") }
    }
  }

  @Test("no module shares its name with a type that is declared in it", arguments: swiftTargets)
  func moduleNames(target: String) {
    // Such a type makes every qualified name of the module unreachable.
    for file in SourceTree.swiftFiles("Sources/\(target)") {
      #expect(!SourceTree.declaredTypes(file).contains(target), "\(file) declares a type named \(target)")
    }
  }

  @Test("the manifest asks for nothing from an upper floor, and every import is among its dependencies")
  func manifest() {
    let manifest = Manifest(SourceTree.text("Package.swift"))
    #expect(manifest.targets.count >= ArchitectureTests.targets.count, "\(manifest.targets.map(\.name))")
    for target in manifest.targets where ArchitectureTests.floors[target.name] != nil {
      for dependency in target.dependencies {
        #expect(mayImport(target.name, dependency), "Package.swift: \(target.name) depends on \(dependency)")
      }
      let imported = Set(SourceTree.swiftFiles("Sources/\(target.name)").flatMap(SourceTree.imports))
      for module in imported where ArchitectureTests.floors[module] != nil && module != target.name {
        #expect(
          target.dependencies.contains(module), "\(target.name) imports \(module) and does not say so in Package.swift")
      }
    }
  }

  @Test("nothing is public: the package is one program")
  func nothingPublic() {
    for file in SourceTree.swiftFiles("Sources") {
      let lines = SourceTree.text(file).split(separator: "\n").map { $0.drop { $0 == " " } }
      let offending = lines.first { line in
        ["public ", "open "].contains { keyword in
          [
            "struct", "class", "enum", "actor", "protocol", "func", "var", "let", "init", "import", "extension",
            "typealias", "final",
          ].contains { line.hasPrefix(keyword + $0) }
        }
      }
      #expect(offending == nil, "\(file): \(offending ?? "")")
    }
  }

  @Test("ARCHITECTURE.md names every target")
  func document() {
    let text = SourceTree.text("ARCHITECTURE.md")
    for target in ArchitectureTests.swiftTargets {
      #expect(text.contains("`\(target)`"), "ARCHITECTURE.md does not say what \(target) is for")
    }
  }
}
