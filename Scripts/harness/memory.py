"""Generated guest memory."""
PAGE = 4096


class Memory:
    """The memory of a guest that does not exist, and the changes that a guest would make."""

    def __init__(self, random, page_count):
        """Fills every other page with text or noise; the others stay zero."""
        self.random = random
        self.page_count = page_count
        self.bytes = bytearray(page_count * PAGE)
        for page in range(0, page_count, 2):
            self[page] = self.text() if random.random() < 0.7 else random.randbytes(PAGE)

    def __setitem__(self, page, content):
        """Writes a page."""
        self.bytes[page * PAGE:(page + 1) * PAGE] = content

    def __getitem__(self, page):
        """Reads a page."""
        return bytes(self.bytes[page * PAGE:(page + 1) * PAGE])

    def text(self):
        """Returns a page that compresses well."""
        line = f"page {self.random.randrange(1000)} of a guest that writes a log\n".encode()
        return (line * (PAGE // len(line) + 1))[:PAGE]

    def edit(self, count):
        """Changes a number of pages so that snap stores literals, deltas, duplicates and holes."""
        for _ in range(count):
            page = self.random.randrange(self.page_count)
            kind = self.random.randrange(6)
            if kind == 0:
                self[page] = bytes(PAGE)
            elif kind == 1:
                self[page] = self.random.randbytes(PAGE)
            elif kind == 2:
                self[page] = self[self.random.randrange(self.page_count)]
            elif kind == 3:
                self[page] = self.text()
            else:
                place = page * PAGE + self.random.randrange(PAGE - 64)
                self.bytes[place:place + 64] = self.random.randbytes(64)

    def write(self, path):
        """Writes an image with holes for zero pages."""
        with open(path, "wb") as file:
            file.truncate(len(self.bytes))
            for page in range(self.page_count):
                content = self[page]
                if any(content):
                    file.seek(page * PAGE)
                    file.write(content)
