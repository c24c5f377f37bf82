# `make` alone tells what there is. Only make and Python 3.6 or newer need be there before: tools/bootstrap.py
# installs the rest (as root) or prints the line that does, once.

PYTHON ?= python3
VENV ?= .venv
# A tree into which a distribution's network scripts are unpacked: `make ifcfg-test SCRIPTS=DIR`
SCRIPTS ?=
# More words for the command of a target: make test ARGS="-k journal -x"
ARGS ?=

BOOTSTRAP = $(PYTHON) tools/bootstrap.py --venv $(VENV)
RUN = PATH="$$PATH:/usr/sbin:/sbin" $(VENV)/bin/python
SOURCES = setup.py tsagent $(wildcard modules) tests tools $(wildcard packaging)

.PHONY: help demo test peer-test peer-network-test fuzz kill-test bench bench-quick bench-user-data vm-test boot-chart vm-console recipe-test ifcfg-test ifcfg-vm-test rpm deb package-test lint format types reference clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

demo:  ## a whole first boot, shown as it happens: simulator, scratch disk, scratch root
	@$(BOOTSTRAP) demo
	@$(RUN) -m tsagent demo $(ARGS)

test:  ## the whole test suite; as root it is complete
	@$(BOOTSTRAP) test
	@[ "$$(id -u)" = 0 ] || echo "Not root: the tests that need root are left out, each with that reason."
	@$(RUN) -m pytest $(ARGS)

peer-test:  ## verdicts, merging and examples beside cloud-init's own: ARGS="--upstream DIR" or "--fetch"
	@$(BOOTSTRAP) test
	@$(RUN) tests/peers/cloud_init.py $(ARGS)

peer-network-test:  ## network configuration beside what cloud-init's tests expect: the same ARGS
	@$(BOOTSTRAP) test
	@$(RUN) tests/peers/cloud_init_network.py $(ARGS)

fuzz:  ## odd user data, by hypothesis and by atheris: ARGS="--minutes 10"
	@$(BOOTSTRAP) fuzz
	@$(RUN) tests/fuzz/fuzz.py $(ARGS)

kill-test:  ## kill the agent at every mutating system call, its tools midway, and resume: ARGS="--sample 50" for some
	@$(BOOTSTRAP) test
	@$(RUN) tests/kill/killtest.py $(ARGS)
	@[ -n "$(ARGS)" ] || TSAGENT_KILL_POINTS=all $(RUN) -m pytest -s -k killed tests/modules

bench:  ## boots beside cloud-init's and without any agent: CPU, memory, time (root): ARGS="--rounds 1" for a look
	@$(BOOTSTRAP) bench
	@$(RUN) tests/benchmarks/boots.py $(ARGS)

bench-quick:  ## CPU of a second boot beside that of an import of yaml, without booting
	@$(BOOTSTRAP) test
	@$(RUN) tests/benchmarks/second_boot.py $(ARGS)

bench-user-data:  ## CPU of decoding, merging and validating user data beside that of yaml alone
	@$(BOOTSTRAP) test
	@$(RUN) tests/benchmarks/user_data.py $(ARGS)

vm-test:  ## boot whole systems with the agent in them (root): ARGS="-m quick" for the short part, "-k clone" for one
	@$(BOOTSTRAP) boot
	@$(RUN) -m pytest tests/vm $(ARGS)

boot-chart:  ## draw docs/pictures/boot-chart.svg from a first boot (root)
	@$(BOOTSTRAP) boot
	@$(RUN) tests/vm/boot_chart.py $(ARGS)

vm-console:  ## boot one machine as on the cloud, and log in (root): ARGS="USER-DATA-FILE" for your own user data
	@$(BOOTSTRAP) boot
	@$(RUN) tests/vm/qemu_console.py $(ARGS)

recipe-test:  ## run the recipes for image builders (root): ARGS="-k packer" for one
	@$(BOOTSTRAP) recipes
	@$(RUN) -m pytest tests/recipes $(ARGS)

ifcfg-test:  ## the real readers of ifcfg files: NetworkManager's plugin, built once (root); SCRIPTS=DIR: the network scripts
	@$(BOOTSTRAP) ifcfg
	@TSAGENT_NETWORK_SCRIPTS="$(SCRIPTS)" $(RUN) -m pytest tests/ifcfg $(ARGS)

ifcfg-vm-test:  ## bonds, VLANs, VRFs of ifcfg files, in a kernel that has them (root, ten minutes); SCRIPTS=DIR as above
	@$(BOOTSTRAP) ifcfg-vm
	@TSAGENT_NETWORK_SCRIPTS="$(SCRIPTS)" $(RUN) tests/ifcfg/machine.py $(ARGS)

rpm:  ## the RPM packages for el7, el8 and tl4 with their source, into dist/: ARGS="--target el8" for one
	@$(BOOTSTRAP) package
	@$(PYTHON) packaging/rpm/build.py $(ARGS)

deb:  ## the Debian packages, into dist/: ARGS="--output DIR" for elsewhere
	@$(BOOTSTRAP) package
	@$(PYTHON) packaging/deb/build.py $(ARGS)

package-test:  ## build the packages, lint them, install, upgrade and remove them in trees (root)
	@$(BOOTSTRAP) package-test
	@PATH="$$PATH:/usr/sbin:/sbin" unshare --mount $(VENV)/bin/python -m pytest tests/packages $(ARGS)

lint:  ## style, mistakes, Python 3.6, shell scripts
	@$(BOOTSTRAP) lint
	$(VENV)/bin/ruff check --output-format concise $(SOURCES)
	$(VENV)/bin/ruff format --check $(SOURCES)
	$(VENV)/bin/vermin --quiet --no-tips --violations --eval-annotations --target=3.6- $(SOURCES)
	git grep -lzE '^#!(/usr)?/bin/(env )?(ba)?sh' -- ':!*.py' ':!*.md' ':!*.json' ':!*.yaml' | xargs -0r shellcheck

types:  ## mypy, strict
	@$(BOOTSTRAP) lint
	$(VENV)/bin/mypy tsagent $(wildcard modules)

format:  ## bring the sources into shape
	@$(BOOTSTRAP) lint
	$(VENV)/bin/ruff check --fix $(SOURCES)
	$(VENV)/bin/ruff format $(SOURCES)

reference:  ## write docs/reference/ and docs/schema/ anew, from schemas and examples
	@$(BOOTSTRAP) test
	@$(RUN) tools/reference.py $(ARGS)
	@$(RUN) tools/editor_schema.py $(ARGS)

clean:  ## remove everything made here, the virtual environment too
	rm -rf .venv .venv.lock build dist ./*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
