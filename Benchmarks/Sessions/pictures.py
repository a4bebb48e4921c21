"""Full screens of 80 × 24 cells, as the bytes that a program writes."""
import tempfile

WORDS = "session screen history viewer keeper socket channel prompt command window cursor region margin scroll".split()


def few_colors():
    """What `ls`, a compiler or a diff leave: each row full, a change of colour every word."""
    rows = []
    for row in range(24):
        text, column, word = "", 0, row
        while column < 80:
            piece = (WORDS[word % len(WORDS)] + " ")[: 80 - column]
            text += f"\x1b[{(0, 1)[word % 2]};{31 + word % 6}m{piece}\x1b[m"
            column += len(piece)
            word += 1
        rows.append(text)
    return "\r\n".join(rows)


def own_colors():
    """The worst there can be: every cell a pair of colours of its own."""
    return "\r\n".join(
        "".join(f"\x1b[38;2;{row * 10};{column * 3};{row};48;5;{(row + column) % 256}m{chr(65 + column % 26)}" for column in range(80))
        for row in range(24))


def show(server, picture):
    """A session that shows this and does nothing more."""
    with tempfile.NamedTemporaryFile("w", dir=server.folder, delete=False) as file:
        file.write(picture)
    name = server.create(["sh", "-c", f"cat {file.name}; exec sleep 100000"])
    # The screen is there when the program has gone on to sleep.
    server.call("POST", f"/sessions/{name}/wait", {"for": "idle", "idle_ms": 200})
    return name
