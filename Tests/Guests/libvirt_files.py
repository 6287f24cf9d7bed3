"""The save files of libvirt: a header, a description of the domain, and QEMU's stream."""
import struct
import subprocess

ZSTD, SPARSE = 5, 6  # compressions that are newer than libvirt 9
# Magic number, version, length of the description, was running, compression, place of the cookie.
HEADER = struct.Struct("<16s5I56x")
MAGIC = b"LibvirtQemudSave"
COMPRESSION = 4  # its place among the fields


def start_of_stream(path):
    """Returns the offset of a file's stream."""
    with open(path, "rb") as file:
        return HEADER.size + HEADER.unpack(file.read(HEADER.size))[2]


def extract(path, target, *program):
    """Writes the stream of a file, which a program decompresses."""
    with open(path, "rb", buffering=0) as source, open(target, "wb") as file:
        source.seek(start_of_stream(path))
        subprocess.run(program, stdin=source, stdout=file, check=True)


def compress(path, target, number, *program):
    """Writes a copy of an uncompressed file, whose stream a program compresses."""
    with open(path, "rb", buffering=0) as source, open(target, "wb", buffering=0) as file:
        fields = list(HEADER.unpack(source.read(HEADER.size)))
        fields[COMPRESSION] = number
        file.write(HEADER.pack(*fields) + source.read(fields[2]))
        subprocess.run(program, stdin=source, stdout=file, check=True)


def write_head(path, compression, byte_count):
    """Writes everything before the stream into a file, which has this much room for it."""
    description = b"<domain type='qemu'/>".ljust(byte_count - HEADER.size, b"\0")
    with open(path, "r+b") as file:
        file.write(HEADER.pack(MAGIC, 2, len(description), 1, compression, 0) + description)
