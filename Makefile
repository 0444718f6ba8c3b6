# The two commands are `make run` and `make test`; both do all of their own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
JOBS ?= 2
TRIAL = $(BIN)/python -m twisted.trial

# Every test package but the live one, and the modules beside them.
UNIT := $(patsubst tests/%/__init__.py,tests.%,$(filter-out tests/live/% tests/contracts/% tests/fakes/%,\
	$(wildcard tests/*/__init__.py))) $(patsubst tests/%.py,tests.%,$(wildcard tests/test_*.py))

# Real clients and servers that the live tests and the bench use: command and Debian package.
LIVE_TOOLS := docker-registry skopeo podman buildah docker.io containerd runc crun iptables netavark \
	strace wrk apache2-utils curl openssl redis-server redis-sentinel
LIVE_COMMANDS := docker-registry skopeo podman buildah dockerd docker containerd ctr runc strace wrk ab curl openssl \
	redis-server redis-sentinel redis-cli

.PHONY: run test unit live fuzz differential lint format bench soak tools install clean

run: $(INSTALLED)
	@mkdir -p var
	@echo 'txregistry on http://127.0.0.1:5000, storage under ./var (conf/development.yml)'
	@echo 'push to it:  skopeo copy --dest-tls-verify=false SOURCE docker://127.0.0.1:5000/NAME:TAG'
	@echo '             docker tag SOURCE 127.0.0.1:5000/NAME:TAG && docker push 127.0.0.1:5000/NAME:TAG'
	@exec $(BIN)/txregistry serve conf/development.yml

test: $(INSTALLED) tools lint unit live

unit: $(INSTALLED)
	$(TRIAL) -j$(JOBS) $(UNIT)

live: $(INSTALLED) tools
	$(TRIAL) -j$(JOBS) --temp-directory=_trial_temp.live tests.live

# Malformed requests from so many seeds; the live tests take a few.
fuzz: $(INSTALLED)
	FUZZ_SEEDS=$(or $(SEEDS),100) $(TRIAL) --temp-directory=_trial_temp.fuzz tests.live.test_fuzz

# Random requests before docker-registry and txregistry, from so many seeds, beginning with FIRST.
differential: $(INSTALLED) tools
	$(BIN)/python -m tests.live.differential --first $(or $(FIRST),1) $(or $(SEEDS),20)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/towncrier build --draft >/dev/null

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) tools
	$(BIN)/python -m bench $(BENCH)

# Half an hour of everything at once, with clients killed at random; docs/soak.md has what it found.
soak: $(INSTALLED) tools
	$(BIN)/python -m bench.soak --minutes $(or $(MINUTES),30) $(SOAK)

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("txregistry needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev]'
	touch $@

tools:
	@missing=; for command in $(LIVE_COMMANDS); do \
		PATH="$$PATH:/usr/sbin:/sbin" command -v $$command >/dev/null || missing="$$missing $$command"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "installing what the tests need:$$missing"; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) -E apt-get install -qq -y --no-install-recommends $(LIVE_TOOLS); \
	fi

clean:
	rm -rf $(VENV) build *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
