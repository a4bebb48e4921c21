/// How many bytes a picture of a screen may take. A program may give each of a million cells a style, a link and a pile of accents of its own,
/// which would be gigabytes for whoever looks at it.
enum PictureBudget {
  /// Beyond so many bytes, cells are painted without styles and links, and clusters as their first scalar.
  static let styled = 6 << 20
  /// Beyond so many, what is not ASCII is painted as question marks: a byte a column, so a picture stays below 16 MiB.
  static let text = 12 << 20
}
