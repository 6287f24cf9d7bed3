# make demo    install missing packages, build, and demonstrate snap on a real guest
# make test    install missing packages, and run all tests
# make unit    run the quick tests, which need no QEMU, mounts or long sweeps, in half a minute
# make build   build the release command, .build/release/snap
# make lint    install missing packages, and check the format and style of all sources
# make bench   install missing packages, and compare snap with other tools on a real guest's memory
# make guests  save, restore and resume real guests under two QEMUs and libvirt in every way
# make soak    run the fault, kill, full-disk, damage and power-cut tests in full, and write their
#              counts into RELIABILITY.md
# make fuzz    test the readers of streams and save files, and of clusters, with libFuzzer, each for
#              SECONDS (600)
# make install     install into PREFIX (/usr/local) below DESTDIR; make uninstall deletes the files
# make deb     build the Debian package snap-vm in .build/deb; make check-deb tests it here, as root
# make clean   delete everything that is built, recorded or downloaded

SWIFT ?= swift
# Static, because loading Foundation's libraries takes longer than saving an unchanged guest. The
# command then uses only system libraries, so it needs no run path.
BUILD_FOR_RELEASE = $(SWIFT) build -c release --static-swift-stdlib --disable-local-rpath
BUILD = $(BUILD_FOR_RELEASE) --product snap
# Optimized, because a debug build hashes and compresses 10 to 15 times slower. In a separate folder,
# because a change of flags rebuilds everything.
TEST = $(SWIFT) test -c release --scratch-path .build-tests

# The command to install and package. Not "?=", because snapd sets SNAP in its programs' environment.
SNAP = .build/release/snap
PREFIX ?= /usr/local
# Builds only a missing command, so that root can install a command that a user has built.
HAVE_SNAP = [ -e "$(SNAP)" ] || $(MAKE) build

BUILD_PACKAGES = libdeflate-dev libisal-dev libsqlite3-dev libxxhash-dev libzstd-dev zlib1g-dev
GUEST_PACKAGES = binutils busybox-static python3 qemu-system-x86
LIBVIRT_PACKAGES = libvirt-clients libvirt-daemon libvirt-daemon-driver-qemu mount util-linux
TEST_PACKAGES = $(BUILD_PACKAGES) $(GUEST_PACKAGES) $(LIBVIRT_PACKAGES) bzip2 e2fsprogs groff lzop \
	qemu-utils rsync tzdata xz-utils zstd
DEMO_PACKAGES = $(BUILD_PACKAGES) $(GUEST_PACKAGES)
SOAK_PACKAGES = $(TEST_PACKAGES) fuse3 gcc libc6-dev libfuse3-dev mount pkg-config xfsprogs
BENCH_PACKAGES = $(BUILD_PACKAGES) borgbackup busybox-static e2fsprogs gcc libc6-dev pigz python3 \
	qemu-system-x86 qemu-utils restic xdelta3 zstd
LINT_PACKAGES = flake8 isort mandoc pylint shellcheck
DEB_PACKAGES = binutils dpkg-dev lintian
CHECK_DEB_PACKAGES = man-db systemd

.PHONY: build demo test unit lint bench guests soak fuzz install uninstall deb check-deb clean

build:
	Scripts/install $(BUILD_PACKAGES)
	$(BUILD)

demo:
	Scripts/install $(DEMO_PACKAGES)
	$(BUILD)
	Scripts/demo .build/release/snap

test:
	Scripts/install $(TEST_PACKAGES)
	$(TEST)

unit:
	Scripts/install $(BUILD_PACKAGES)
	SNAP_TESTS=unit $(TEST)

lint:
	Scripts/install $(LINT_PACKAGES)
	Scripts/lint

bench:
	Scripts/install $(BENCH_PACKAGES)
	$(BUILD)
	SNAP_BENCH=1 $(BUILD_FOR_RELEASE) --product random-reads
	bench/run --markdown BENCHMARKS.md

guests:
	Scripts/install $(TEST_PACKAGES)
	$(BUILD)
	for test in resume pause live disks cookbook libvirt savefiles; do \
		Tests/Guests/$$test .build/release/snap --qemu qemu-system-x86_64 $$(Scripts/get-qemu10) \
			|| exit; done

soak:
	Scripts/install $(SOAK_PACKAGES)
	$(BUILD)
	Scripts/soak .build/release/snap

fuzz:
	Scripts/install $(BUILD_PACKAGES)
	Scripts/fuzz $(SECONDS)

install:
	$(HAVE_SNAP)
	Scripts/install-files "$(SNAP)" "$(PREFIX)" "$(DESTDIR)"

uninstall:
	Scripts/install-files --uninstall "$(PREFIX)" "$(DESTDIR)"

deb: build
	Scripts/install $(DEB_PACKAGES)
	rm -rf .build/deb
	Scripts/make-deb .build/release/snap .build/deb
	lintian --allow-root --fail-on error,warning .build/deb/*.deb

check-deb: deb
	Scripts/install $(CHECK_DEB_PACKAGES)
	Scripts/check-deb .build/deb/*.deb

clean:
	rm -rf .bench .build .build-fuzz .build-tests .demo .soak
	find Scripts Tests bench -name __pycache__ -prune -exec rm -r {} +
