# make demo   install what is missing, build, and run the main job on a real guest
# make test   install what is missing, and pass all tests
# make build  the release binary, .build/release/snap
# make lint   install what is missing, and check format and style of everything, as CI does
# make bench  install what is missing, and measure snap beside its peers on a real guest's memory
# make guests let real guests under two QEMUs go on from what was saved, in all ways, in 8 minutes
# make soak   fail, kill, fill, damage and cut the power in full, and write the counts into RELIABILITY.md
# make fuzz   feed the reader of QEMU's streams what libFuzzer makes up, for SECONDS (600)
# make install    into PREFIX (/usr/local) below DESTDIR; make uninstall takes it away
# make deb    the Debian package snap-vm, in .build/deb; make check-deb tries it here, as root
# make clean

SWIFT ?= swift
# Static, because loading Foundation's libraries takes longer than saving an unchanged guest.
# It needs no library of its own, and so no path to look for one.
BUILD = $(SWIFT) build -c release --static-swift-stdlib --disable-local-rpath --product snap
# Optimized, because a debug build hashes and compresses 10 to 15 times slower. In a folder of its
# own, because other flags would build everything anew each time.
TEST = $(SWIFT) test -c release --scratch-path .build-tests

# What is installed and packaged. No "?=": in a shell out of a snap of snapd's, SNAP is a folder.
SNAP = .build/release/snap
PREFIX ?= /usr/local
# Only what is missing is built, so that root can install what a user has built.
HAVE_SNAP = [ -e "$(SNAP)" ] || $(MAKE) build

BUILD_PACKAGES = libdeflate-dev libisal-dev libsqlite3-dev libxxhash-dev zlib1g-dev
GUEST_PACKAGES = binutils busybox-static python3 qemu-system-x86
TEST_PACKAGES = $(BUILD_PACKAGES) $(GUEST_PACKAGES) groff zstd
DEMO_PACKAGES = $(BUILD_PACKAGES) $(GUEST_PACKAGES)
SOAK_PACKAGES = $(TEST_PACKAGES) e2fsprogs fuse3 gcc libc6-dev libfuse3-dev mount pkg-config xfsprogs
BENCH_PACKAGES = $(BUILD_PACKAGES) borgbackup busybox-static e2fsprogs gcc libc6-dev pigz python3 \
	qemu-system-x86 qemu-utils restic xdelta3 zstd
LINT_PACKAGES = flake8 isort mandoc pylint shellcheck
DEB_PACKAGES = binutils dpkg-dev lintian
CHECK_DEB_PACKAGES = man-db systemd

.PHONY: build demo test lint bench guests soak fuzz install uninstall deb check-deb clean

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

lint:
	Scripts/install $(LINT_PACKAGES)
	Scripts/lint

bench:
	Scripts/install $(BENCH_PACKAGES)
	$(BUILD)
	bench/run --markdown BENCHMARKS.md

guests:
	Scripts/install $(DEMO_PACKAGES)
	$(BUILD)
	for test in resume standstill cookbook; do \
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
