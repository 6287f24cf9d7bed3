"""Counts, for RELIABILITY.md."""
import collections

from harness.processes import say


class Counts:
    """How often a test tried each case, as a table of rows and columns."""

    def __init__(self):
        """Starts with an empty table."""
        self.numbers = collections.Counter()

    def add(self, row, column, number=1):
        """Adds to the number in one cell."""
        self.numbers[row, column] += number

    def total(self, *columns):
        """Returns the sum of these columns, or of all columns if none is named."""
        return sum(number for (_, column), number in self.numbers.items()
                   if not columns or column in columns)

    def show(self):
        """Prints the table."""
        rows = list(dict.fromkeys(row for row, _ in self.numbers))
        columns = list(dict.fromkeys(column for _, column in self.numbers))
        width = max(map(len, rows), default=0)
        say(" " * (width + 2) + "  ".join(columns))
        for row in rows:
            cells = (f"{self.numbers[row, column]:>{len(column)},}" for column in columns)
            say(f"  {row:<{width}}" + "  ".join(cells))

    def append(self, path):
        """Appends a line with row, column and number for each cell to a file, if there is a path.

        Scripts/reliability reads the lines.
        """
        if path:
            with open(path, "a", encoding="utf-8") as file:
                for (row, column), number in self.numbers.items():
                    file.write(f"{row}\t{column}\t{number}\n")
