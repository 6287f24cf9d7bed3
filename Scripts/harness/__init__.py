"""What the project's scripts share. Each folder of scripts has a link to this package.

checks      failures, and comparisons that end a script
processes   starting, running and waiting for processes
session     the run of one script: signals, failures, a scratch folder
options     the command line
snap        the command under test, and its store
memory      generated guest memory
stream      QEMU migration streams
kernel      a kernel and an initramfs for a guest
qemu        a guest under QEMU: QMP and the serial port
mounts      file systems
counts      counts, for RELIABILITY.md
"""
