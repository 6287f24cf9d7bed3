"""Domains of a libvirtd that runs only for a test, in namespaces of its own."""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from harness import processes
from harness.checks import Failed, check
from harness.processes import output_of, wait_until
from harness.qemu import TIMEOUT, Guest

PROGRAMS = ("libvirtd", "virsh", "unshare")
INSIDE = "SNAP_TEST_NAMESPACE"  # the variable that is set in the namespaces
# Directories that libvirtd writes to; the namespace has empty ones.
WRITTEN = ("/run", "/var/lib", "/var/log", "/var/cache", "/etc/libvirt")
USER_ID = 64055  # that of Debian's package
CONFIGURATION = """user = "root"
group = "root"
security_driver = "none"
stdio_handler = "file"
cgroup_controllers = [ ]
namespaces = [ ]
remember_owner = 0
memory_backing_dir = "/dev/shm"
save_image_format = "{compression}"
snapshot_image_format = "{compression}"
"""


def missing_means():
    """Returns why this machine cannot run the test; None if it can."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"{', '.join(missing)} missing; install libvirt-daemon and libvirt-clients"
    if os.geteuid() != 0:
        return "libvirtd needs root"
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        return "this user may not create namespaces"
    return None


def enter_namespaces():
    """Runs the script again in namespaces, which end with all processes in them."""
    if INSIDE in os.environ:
        return
    os.environ[INSIDE] = "1"
    sys.stdout.flush()
    # The shell waits for all orphans. libvirtd does not start while there are zombies.
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                          "--mount-proc", "--kill-child", "sh", "-c", '"$@" & wait $!', "sh",
                          sys.executable, *sys.argv])


def _add_user(path, line):
    """Adds a line to a file of users, as the namespace sees it; libvirtd looks the user up."""
    text = Path(path).read_text(encoding="utf-8") + line + "\n"
    copy = Path(f"/run/{Path(path).name}")
    copy.write_text(text, encoding="utf-8")
    subprocess.run(["mount", "--bind", copy, path], check=True)


def prepare_libvirtd():
    """Creates what libvirtd needs, once for each namespace."""
    for folder in WRITTEN:
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
    _add_user("/etc/passwd", f"libvirt-qemu:x:{USER_ID}:{USER_ID}::/var/lib/libvirt:/bin/false")
    _add_user("/etc/group", f"libvirt-qemu:x:{USER_ID}:")


def start_libvirtd(compression="raw"):
    """Starts libvirtd and waits until it serves QEMU; returns its process.

    libvirtd compresses the files that it saves.
    """
    Path("/etc/libvirt/qemu.conf").write_text(
        CONFIGURATION.format(compression=compression), encoding="ascii")
    with open("/run/libvirtd.log", "wb") as log:
        process = processes.start(["libvirtd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_until(lambda: "qemu" in output_of("virsh", "domcapabilities", "--virttype", "qemu",
                                               stderr=subprocess.DEVNULL),
                   "libvirtd did not start", TIMEOUT, interval=0.1)
    except Failed:
        print(Path("/run/libvirtd.log").read_text(encoding="utf-8", errors="replace"))
        raise
    return process


def virsh(*arguments):
    """Runs virsh, which must succeed, and returns its output."""
    result = subprocess.run(["virsh", "--quiet", *map(str, arguments)], check=False,
                            capture_output=True, text=True, timeout=TIMEOUT)
    check(result.returncode == 0,
          f"virsh {' '.join(map(str, arguments))}: {result.stderr.strip()}")
    return result.stdout.strip()


def description(name, machine, memory, folder):
    """Returns the XML of a domain; memory is private, memfd or file."""
    backing = "" if memory == "private" else (
        f"<memoryBacking><source type='{memory}'/><access mode='shared'/></memoryBacking>")
    return f"""<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>{machine.mib}</memory>{backing}
  <os><type arch='x86_64' machine='{machine.model}'>hvm</type>
    <kernel>{machine.kernel}</kernel><initrd>{machine.initrd}</initrd>
    <cmdline>console=ttyS0 loglevel=3 panic=-1 tsc=reliable</cmdline></os>
  <features><acpi/></features>
  <devices><emulator>{shutil.which(machine.program)}</emulator>
    <serial type='unix'><source mode='bind' path='{folder / "serial"}-{name}'/></serial>
    <controller type='usb' model='none'/><memballoon model='none'/></devices>
</domain>
"""


class Domain(Guest):
    """A guest that libvirt has started."""

    def __init__(self, name, machine, memory, folder):  # pylint: disable=super-init-not-called
        """Starts the domain, and waits until the guest answers."""
        self.name = name
        self.timeout = TIMEOUT
        self.path = folder / f"serial-{name}"
        xml = folder / f"{name}.xml"
        xml.write_text(description(name, machine, memory, folder), encoding="ascii")
        virsh("create", xml)
        self.connect()
        self.read_until("PHASE 1")

    def connect(self):
        """Connects to the serial port of a QEMU that has just been started."""
        self.serial = socket.socket(socket.AF_UNIX)
        self.serial.settimeout(self.timeout)
        self.serial.connect(str(self.path))
        self.lines = self.serial.makefile("r", errors="replace")

    @property
    def state(self):
        """libvirt's word for the state."""
        return virsh("domstate", self.name)

    @property
    def is_running(self):
        """Whether the guest runs, according to libvirt and to QEMU."""
        status = virsh("qemu-monitor-command", self.name, '{"execute": "query-status"}')
        is_running = '"running":true' in status
        check((self.state == "running") == is_running,
              f"libvirt says that {self.name} is {self.state}, and QEMU: {status}")
        return is_running

    def disconnect(self):
        """Closes the connection to the serial port."""
        for end in self.serial, self.lines:
            end.close()

    def switch_off(self):
        """Ends the domain."""
        self.disconnect()
        virsh("destroy", self.name)

    def restore(self, path):
        """Lets libvirt restore the domain, which has ended, from a file."""
        virsh("restore", path)
        self.connect()

    def save(self, path):
        """Lets libvirt save the domain, which ends it."""
        self.disconnect()
        virsh("save", self.name, path)


@contextlib.contextmanager
def running(*arguments):
    """Runs a domain while a block of code is executed."""
    domain = Domain(*arguments)
    yield domain
    domain.switch_off()
