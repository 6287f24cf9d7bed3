"""A kernel and an initramfs for a guest."""
import os
import re
import shutil
import subprocess

from harness.checks import Failed
from harness.processes import output_of, run, say

# The modules for a virtio disk, in this order, because later modules use earlier ones.
DISK_MODULES = ("virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev",
                "virtio_pci", "virtio_blk")


def _download(folder):
    """Downloads the package of Debian's newest cloud kernel."""
    answer = output_of("apt-cache", "depends", "linux-image-cloud-amd64",
                       env={**os.environ, "LC_ALL": "C"}, stderr=subprocess.DEVNULL)
    package = re.search(r"Depends: (linux-image-\d\S*)", answer)
    if not package:
        raise Failed("apt does not know the package linux-image-cloud-amd64")
    # apt's own user may have no permission to write to this folder.
    run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package[1], cwd=folder)


def unpack_kernel(cache):
    """Downloads Debian's kernel and unpacks it with its modules, without installing it.

    Returns the folder, cache/download/kernel.
    """
    say(f"Downloading a Debian kernel for the guest, 27 MB, into {cache.name} for later runs:")
    folder = cache / "download"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _download(folder)
    except Failed as failure:
        say(f"{failure}: the package lists may be missing or outdated.")
        run(*([] if os.getuid() == 0 else ["sudo"]), "apt-get", "update", "-qq")
        _download(folder)
    run("dpkg", "-x", next(folder.glob("*.deb")).name, "kernel", cwd=folder)
    return folder / "kernel"


def fetch_kernel(cache):
    """Returns the path of the guest's kernel in the cache; the first run downloads it."""
    kernel = cache / "vmlinuz"
    if not kernel.exists():
        folder = unpack_kernel(cache)
        for module in disk_modules(folder):
            shutil.copy(module, cache)
        next(folder.glob("boot/vmlinuz-*")).rename(kernel)
        shutil.rmtree(folder.parent)
    return kernel


def fetch_kernel_for_disks(cache):
    """Returns the paths of the guest's kernel in the cache, and of the modules for its disk."""
    modules = [cache / f"{name}.ko" for name in DISK_MODULES]
    if not all(module.exists() for module in modules):
        (cache / "vmlinuz").unlink(missing_ok=True)  # it must be of the same version
    return fetch_kernel(cache), modules


def disk_modules(folder):
    """Returns the paths of the modules for a guest's disk in an unpacked kernel."""
    return [next(folder.glob(f"lib/modules/**/{name}.ko")) for name in DISK_MODULES]


def build_initramfs(init, folder, modules=()):
    """Writes initrd.gz with busybox, kernel modules, and a script that is the first process.

    Returns the path of initrd.gz, which is in the folder.
    """
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
