"""A guest under QEMU, with neither KVM nor root: for the demo, the tests and the benchmark.

Its memory is a file, its initramfs is busybox and one script, QMP commands it and its serial port
can be heard and spoken to.
"""
import contextlib
import dataclasses
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import Failed, say

PATIENCE = 90  # seconds, for what takes ten
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PACKAGES = {"busybox": "busybox-static", "qemu-system-x86_64": "qemu-system-x86"}


def run(*command, **options):
    """Shows a command and runs it; its failure is an exception."""
    say("$ " + shlex.join(command))
    try:
        result = subprocess.run(command, **options)
    except OSError as error:
        raise Failed(f"{command[0]} can't be run: {error.strerror}") from None
    if result.returncode:
        raise Failed(f"{command[0]} ended with status {result.returncode}")
    return result


def check_machine(packages):
    """Refuses a machine that can't run a guest, before anything is begun."""
    machine = os.uname().machine
    if machine != "x86_64":
        raise Failed(f"the guest's kernel needs an amd64 machine; this one is {machine}")
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where mke2fs is
    for program, package in packages.items():
        if not shutil.which(program):
            raise Failed(f"{program} is missing; it is in Debian's package {package}")


def make_folder(name, mib, cache):
    """Makes a folder with that much room: in memory, or in the cache where /dev/shm is small."""
    for parent in (Path("/dev/shm"), cache):
        if parent.is_dir() and shutil.disk_usage(parent).free >= mib << 20:
            return tempfile.mkdtemp(prefix=f"snap-{name}-", dir=parent)
        say(f"{parent} has less than {mib} MiB free.")
    raise Failed("there is no room for the guest's memory and its copies")


@contextlib.contextmanager
def stage(name, mib, cache, packages=None):
    """Changes to a folder that is removed at the end, whatever the end is, with every QEMU ended.

    What goes wrong in it ends the script with a message that begins with its name.
    """
    def interrupted(number, _):
        print(f"{name}: interrupted", file=sys.stderr)
        sys.exit(128 + number)

    for number in SIGNALS:
        signal.signal(number, interrupted)
    folder = None
    try:
        check_machine({**PACKAGES, **(packages or {})})
        cache.mkdir(parents=True, exist_ok=True)
        folder = make_folder(name, mib, cache)
        os.chdir(folder)
        yield Path(folder)
    except TimeoutError:
        sys.exit(f"{name}: QEMU or its guest has said nothing for {PATIENCE} s")
    except (Failed, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # another Ctrl-C must not disturb this
        Guest.switch_all_off()
        if folder:
            shutil.rmtree(folder)


def download_kernel(folder):
    """Downloads the package of Debian's newest cloud kernel."""
    answer = subprocess.run(
        ["apt-cache", "depends", "linux-image-cloud-amd64"], env={**os.environ, "LC_ALL": "C"},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    package = re.search(r"Depends: (linux-image-\d\S*)", answer)
    if not package:
        raise Failed("apt knows no package linux-image-cloud-amd64")
    # As this user, because apt's own may not write here.
    run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package[1], cwd=folder)


def unpack_kernel(cache):
    """Fetches Debian's kernel and returns its folder: unpacked, with its modules, not installed."""
    say(f"A Debian kernel for the guest, 27 MB, kept in {cache.name} for later runs:")
    folder = cache / "download"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        download_kernel(folder)
    except Failed as failure:
        say(f"{failure}: the package lists may be missing or old.")
        run(*([] if os.getuid() == 0 else ["sudo"]), "apt-get", "update", "-qq")
        download_kernel(folder)
    run("dpkg", "-x", next(folder.glob("*.deb")).name, "kernel", cwd=folder)
    return folder / "kernel"


def fetch_kernel(cache):
    """Returns the guest's kernel, fetched if this is the first run."""
    kernel = cache / "vmlinuz"
    if not kernel.exists():
        folder = unpack_kernel(cache)
        next(folder.glob("boot/vmlinuz-*")).rename(kernel)
        shutil.rmtree(folder.parent)
    return kernel


def build_initramfs(init, folder, modules=()):
    """Writes initrd.gz there: busybox, modules, and the script that is the first process."""
    root = folder / "root"
    for name in "bin", "dev", "modules", "root":
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    shutil.copy(init, root / "init")
    for module in modules:
        shutil.copy(module, root / "modules")
    archive = "find . | busybox cpio -o -H newc -R 0:0 2>/dev/null | gzip >../initrd.gz"
    subprocess.run(archive, shell=True, cwd=root, check=True)
    return folder / "initrd.gz"


@dataclasses.dataclass(frozen=True)
class Machine:
    """What must be the same for a guest that is saved and for the one that takes it over."""

    kernel: Path
    initrd: Path
    program: str = "qemu-system-x86_64"
    options: tuple = ()  # of the program: where it finds its firmware, say
    model: str = "pc"
    mib: int = 128
    translated_mib: int = 64  # of the guest's code that the emulator keeps

    def arguments(self, memory):
        """The command line of a guest with its memory in that file."""
        return [
            self.program, *self.options, "-accel", f"tcg,tb-size={self.translated_mib}", "-cpu", "qemu64",
            "-machine", f"{self.model},memory-backend=ram", "-m", f"{self.mib}M", "-object",
            f"memory-backend-file,id=ram,size={self.mib}M,mem-path={memory},share=on",
            "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot", "-kernel",
            str(self.kernel), "-initrd", str(self.initrd), "-append",
            "console=ttyS0 loglevel=3 panic=-1 tsc=reliable"]


class Guest:
    """A guest under QEMU: QMP commands it, its serial port is heard and spoken to."""

    processes = []  # every QEMU there was, so that it can be ended whatever happens

    def __init__(self, machine, memory, *options):
        """Starts QEMU with the guest's memory in that file."""
        self.qmp, qmp = socket.socketpair()
        self.serial, serial = socket.socketpair()
        self.process = subprocess.Popen(
            [*machine.arguments(memory),
             "-chardev", f"socket,id=serial,fd={serial.fileno()}", "-serial", "chardev:serial",
             "-chardev", f"socket,id=qmp,fd={qmp.fileno()}", "-mon", "chardev=qmp,mode=control",
             *options], stdin=subprocess.DEVNULL, pass_fds=(serial.fileno(), qmp.fileno()),
            start_new_session=True)  # Ctrl-C is for the script, which then ends QEMU
        Guest.processes.append(self.process)
        for mine, other in (self.qmp, qmp), (self.serial, serial):
            other.close()  # so that the end of QEMU is the end of what can be read
            mine.settimeout(PATIENCE)
        self.answers = self.qmp.makefile("r")
        self.lines = self.serial.makefile("r", errors="replace")
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Runs a QMP command and returns its answer."""
        # QMP's names have hyphens where Python's have underscores.
        arguments = {key.replace("_", "-"): value for key, value in arguments.items()}
        with contextlib.suppress(BrokenPipeError):  # then there is no answer either
            self.qmp.sendall(json.dumps({"execute": name, "arguments": arguments}).encode())
        for line in self.answers:
            answer = json.loads(line)
            if "error" in answer:
                raise Failed(f"QEMU: {name}: {answer['error']['desc']}")
            if "return" in answer:  # not the greeting or an event
                return answer["return"]
        raise Failed("QEMU has ended")

    def enable(self, *names, state=True):
        """Switches these capabilities of migration on, or off."""
        self.command("migrate-set-capabilities",
                     capabilities=[{"capability": name, "state": state} for name in names])

    def wait(self, query, wanted):
        """Repeats a query until its status is the wanted one."""
        end = time.monotonic() + PATIENCE
        while (status := self.command(query).get("status")) != wanted:
            if status == "failed" or time.monotonic() > end:
                raise Failed(f"QEMU: {query}: {status}")
            time.sleep(0.005)

    def migrate(self, uri):
        """Writes a stream there; a program in an exec: URI has ended then, well or badly."""
        self.command("migrate", uri=uri)
        self.wait("query-migrate", "completed")

    def take_over(self, uri):
        """Loads a stream, in a guest that was started with -incoming defer; it is paused then."""
        self.command("migrate-incoming", uri=uri)
        self.wait("query-status", "paused")

    def hear(self, words, show=lambda line: None):
        """Waits for these words of the guest and returns the line; shows what it says till then."""
        heard = ""
        for line in self.lines:
            heard += line
            show(line.rstrip())
            if words in line:
                return line.strip()
        raise Failed(f"the guest has ended\n{heard}")

    def ask(self, line, words):
        """Says a line to the guest and returns its answer, which has these words."""
        self.serial.sendall(f"{line}\n".encode())
        return self.hear(words)

    def switch_off(self):
        """Ends QEMU, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for end in self.qmp, self.serial, self.answers, self.lines:
            end.close()

    @staticmethod
    def switch_all_off():
        """Ends every QEMU there was."""
        for process in Guest.processes:
            process.kill()
            process.wait()
