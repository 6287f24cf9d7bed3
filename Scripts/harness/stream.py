"""QEMU migration streams, version 3: the RAM section of one RAM block, and device sections.

QEMU's docs/devel/migration.rst describes the sections, and migration/ram.c the page records.
"""
import struct

from harness.memory import PAGE

SECTION_START, SECTION_PART, SECTION_FULL = b"\x01", b"\x03", b"\x04"
RAM_SECTION, RAM_VERSION = 2, 4
# The low bits of an offset in a page record are flags.
IS_ZERO, HAS_LENGTHS, IS_PAGE, IS_END, SAME_BLOCK = 0x02, 0x04, 0x08, 0x10, 0x20
END = b"\0"


def _text(value):
    return bytes([len(value)]) + value


def _word(number):
    return struct.pack(">Q", number)


def _footer(section):
    return struct.pack(">BI", 0x7e, section)


# The magic, the version, and the configuration section with the machine's type.
HEADER = b"QEVM" + struct.pack(">I", 3) + b"\x07" + struct.pack(">I", 2) + b"pc"


def ram_start(block, length):
    """Returns the section that describes the RAM block, and the start of the one with its pages."""
    start = SECTION_START + struct.pack(">I", RAM_SECTION) + _text(b"ram")
    start += struct.pack(">II", 0, RAM_VERSION)
    start += _word(length | HAS_LENGTHS) + _text(block) + _word(length) + _word(IS_END)
    return start + _footer(RAM_SECTION) + SECTION_PART + struct.pack(">I", RAM_SECTION)


def page_record(block, offset, content):
    """Returns the record of one page; the record at offset 0 names the RAM block."""
    is_zero = not any(content)
    flags = (IS_ZERO if is_zero else IS_PAGE) | (SAME_BLOCK if offset else 0)
    name = b"" if offset else _text(block)
    return _word(offset | flags) + name + (b"\0" if is_zero else content)


def ram_end():
    """Returns the end of the section with the pages."""
    return _word(IS_END) + _footer(RAM_SECTION)


def device(section, name, state):
    """Returns the section of a device."""
    return (SECTION_FULL + struct.pack(">I", section) + _text(name) + struct.pack(">II", 0, 1)
            + state + _footer(section))


def stream(memory, random):
    """Returns memory with two devices as a stream, and the same stream without the RAM section."""
    block = b"pc.ram"
    records = (page_record(block, page * PAGE, memory[page]) for page in range(memory.page_count))
    ram = ram_start(block, len(memory.bytes)) + b"".join(records) + ram_end()
    devices = b"".join(device(section, name, random.randbytes(random.randrange(1, 5000)))
                       for section, name in ((3, b"timer"), (4, b"cpu")))
    return HEADER + ram + devices + END, HEADER + devices + END
